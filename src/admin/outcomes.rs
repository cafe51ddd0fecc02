//! What shipped, told by code hosts and scripts.
//!
//! A webhook shows that it is the code host by its signature or token, so it needs no login of ours. Until it has shown
//! that, it learns nothing, and nothing is stored.

use std::sync::LazyLock;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::json;

use super::AdminPort;
use super::reply::{Refusal, Reply, json, text};
use crate::admit::Seldom;
use crate::store::StoreError;
use crate::value::book::Kept;
use crate::value::draft::Draft;
use crate::value::outcome::{Outcome, Source};
use crate::value::{Told, Untaken, github, gitlab};

/// The most outcomes that are listed at once.
const MOST_LISTED: usize = 10_000;

/// How often it is told that a message was not signed.
static UNSIGNED: LazyLock<Seldom> = LazyLock::new(Seldom::default);

/// Which code host a webhook is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Host {
    Github,
    Gitlab,
}

impl Host {
    fn source(self) -> Source {
        match self {
            Host::Github => Source::Github,
            Host::Gitlab => Source::Gitlab,
        }
    }

    fn delivery_header(self) -> &'static str {
        match self {
            Host::Github => github::DELIVERY_HEADER,
            Host::Gitlab => gitlab::DELIVERY_HEADER,
        }
    }
}

impl AdminPort {
    /// Takes a delivery of a webhook. Whoever has not signed it gets no word beside the status.
    pub(super) async fn webhook(&self, host: Host, headers: &HeaderMap, body: &Bytes) -> Reply {
        let settings = &self.proxy.config.snapshot().outcomes;
        let header = |name| header(headers, name);
        let told = match host {
            Host::Github => settings.github.as_ref().map(|secret| {
                github::read(secret, header(github::SIGNATURE_HEADER), header(github::EVENT_HEADER), body)
            }),
            Host::Gitlab => settings
                .gitlab
                .as_ref()
                .map(|token| gitlab::read(token, header(gitlab::TOKEN_HEADER), header(gitlab::EVENT_HEADER), body)),
        };
        // Without a secret nobody can sign.
        match told.unwrap_or(Err(Untaken::Unsigned)) {
            Ok(Told::Shipped(outcome)) => {
                let kept = self.book.keep_delivered(&outcome, header(host.delivery_header()), now_millis()).await;
                self.kept(host.source(), kept).unwrap_or_else(Refusal::into_reply)
            }
            Ok(Told::Ping) => {
                self.count(host.source(), "ping", 1);
                json(StatusCode::OK, &json!({"result": "listening"}))
            }
            Ok(Told::Other) => {
                self.count(host.source(), "ignored", 1);
                text(StatusCode::NO_CONTENT, "")
            }
            Err(Untaken::Unsigned) => {
                self.count(host.source(), "refused", 1);
                // Each is counted; anybody can send many.
                if UNSIGNED.allows() {
                    let source = host.source().as_str();
                    tracing::warn!(source, "a webhook's message is not signed with our secret");
                }
                text(StatusCode::UNAUTHORIZED, "")
            }
            Err(Untaken::Unreadable(why)) => {
                self.count(host.source(), "unreadable", 1);
                tracing::warn!(source = host.source().as_str(), why, "a webhook's message cannot be read");
                Refusal::malformed(why).into_reply()
            }
        }
    }

    /// Takes outcomes that a script tells, one or several: all of them or none.
    pub(super) async fn tell_outcomes(&self, body: &Bytes) -> Result<Reply, Refusal> {
        let drafts = if body.trim_ascii_start().starts_with(b"[") {
            serde_json::from_slice::<Vec<Draft>>(body)
        } else {
            serde_json::from_slice(body).map(|draft| vec![draft])
        };
        let drafts = drafts.map_err(|error| Refusal::malformed(error.to_string()))?;
        let checked = |(place, draft): (usize, Draft)| {
            let refused = |error| Refusal::malformed(format!("outcome {}: {error}", place + 1));
            draft.checked(Source::Api).map_err(refused)
        };
        let outcomes = drafts.into_iter().enumerate().map(checked).collect::<Result<Vec<Outcome>, _>>()?;
        let kept = self.book.keep(&outcomes, now_millis()).await;
        self.kept(Source::Api, kept)
    }

    /// The outcomes that shipped in a time, the newest first, with what the configuration makes of them.
    pub(super) async fn outcomes(&self, query: Option<&str>) -> Result<Reply, Refusal> {
        let moment = |name| moment(query.unwrap_or_default(), name);
        let (since, until) = (moment("since")?.unwrap_or(i64::MIN), moment("until")?.unwrap_or(i64::MAX));
        let config = self.proxy.config.snapshot();
        let outcomes = self.book.shipped(since, until).await?;
        let is_whole = outcomes.len() <= MOST_LISTED;
        let newest = outcomes.into_iter().rev().take(MOST_LISTED);
        let outcomes: Vec<Outcome> = newest.map(|outcome| config.outcomes.mapping.resolved(outcome)).collect();
        Ok(json(StatusCode::OK, &json!({"outcomes": outcomes, "is_whole": is_whole})))
    }

    fn kept(&self, source: Source, kept: Result<Kept, StoreError>) -> Result<Reply, Refusal> {
        match kept {
            Ok(kept) => {
                self.count(source, "new", kept.new);
                self.count(source, "known", kept.known);
                Ok(json(StatusCode::OK, &kept))
            }
            Err(error) => {
                self.count(source, "failed", 1);
                tracing::warn!(%error, source = source.as_str(), "outcomes that were told could not be kept");
                Err(error.into())
            }
        }
    }

    fn count(&self, source: Source, result: &'static str, count: u64) {
        self.proxy.books.metrics.value().outcomes(source.as_str(), result, count);
    }
}

/// A moment of the query.
pub(super) fn moment(query: &str, name: &str) -> Result<Option<i64>, Refusal> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return Ok(None) };
    let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
    let no_moment = |_| Refusal::malformed(format!("`{name}` is no moment: such as 2026-11-22T14:00:00Z"));
    let moment: jiff::Timestamp = value.parse().map_err(no_moment)?;
    Ok(Some(moment.as_millisecond()))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
