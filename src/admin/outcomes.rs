//! What shipped, told by code hosts and scripts.
//!
//! A webhook shows that it is the code host by its signature or token, so it needs no login of ours. Until it has shown
//! that, it learns nothing, and nothing is stored.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Reply, reply, text};
use crate::observe::ValueMetrics;
use crate::store::StoreError;
use crate::value::book::{Book, Kept};
use crate::value::draft::Draft;
use crate::value::outcome::{Outcome, Source};
use crate::value::{Settings, Told, Untaken, github, gitlab};

/// The largest message of a code host: GitHub sends no more than 25 MB, and a merged pull request has a few hundred KB.
const LARGEST: usize = 4 << 20;

/// The longest that a message may take to arrive.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// The most outcomes that are listed at once.
const MOST_LISTED: usize = 10_000;

/// Which code host a webhook is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Host {
    Github,
    Gitlab,
}

/// Takes a delivery of a webhook.
pub(super) async fn webhook(
    host: Host,
    settings: &Settings,
    book: &Book,
    metrics: &ValueMetrics,
    request: Request<Incoming>,
) -> Reply {
    let (source, secret) = match host {
        Host::Github => (Source::Github, &settings.github),
        Host::Gitlab => (Source::Gitlab, &settings.gitlab),
    };
    let Some(secret) = secret else {
        return text(StatusCode::NOT_FOUND, "no such path\n");
    };
    let (head, body) = request.into_parts();
    let body = match whole(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let header = |name| header(&head.headers, name);
    let told = match host {
        Host::Github => github::read(secret, header(github::SIGNATURE_HEADER), header(github::EVENT_HEADER), &body),
        Host::Gitlab => gitlab::read(secret, header(gitlab::TOKEN_HEADER), header(gitlab::EVENT_HEADER), &body),
    };
    let count = |result| metrics.outcomes(source.as_str(), result, 1);
    match told {
        Ok(Told::Shipped(outcome)) => {
            let delivery = match host {
                Host::Github => header(github::DELIVERY_HEADER),
                Host::Gitlab => header(gitlab::DELIVERY_HEADER),
            };
            taken(&book.keep_delivered(&outcome, delivery, now_millis()).await, source, metrics)
        }
        Ok(Told::Ping) => {
            count("ping");
            json_reply(StatusCode::OK, &json!({"result": "listening"}))
        }
        Ok(Told::Other) => {
            count("ignored");
            text(StatusCode::NO_CONTENT, "")
        }
        Err(Untaken::Unsigned) => {
            count("refused");
            tracing::warn!(source = source.as_str(), "a webhook's message is not signed with our secret");
            text(StatusCode::UNAUTHORIZED, "")
        }
        Err(Untaken::Unreadable(why)) => {
            count("unreadable");
            tracing::warn!(source = source.as_str(), why, "a webhook's message cannot be read");
            text(StatusCode::BAD_REQUEST, format!("{why}\n"))
        }
    }
}

/// One outcome or several, as JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Drafts {
    Several(Vec<Draft>),
    One(Box<Draft>),
}

/// Takes outcomes that a script tells: all of them or none.
pub(super) async fn post(book: &Book, metrics: &ValueMetrics, body: Incoming) -> Reply {
    let body = match whole(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let drafts = match drafts(&body) {
        Ok(drafts) => drafts,
        Err(why) => return text(StatusCode::BAD_REQUEST, format!("{why}\n")),
    };
    let outcomes: Result<Vec<Outcome>, String> = drafts
        .into_iter()
        .enumerate()
        .map(|(place, draft)| draft.checked(Source::Api).map_err(|error| format!("outcome {}: {error}", place + 1)))
        .collect();
    match outcomes {
        Ok(outcomes) => taken(&book.keep(&outcomes, now_millis()).await, Source::Api, metrics),
        Err(why) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
    }
}

fn drafts(body: &[u8]) -> Result<Vec<Draft>, String> {
    // Read once for what it is, and again for what is wrong with it: an untagged enum says only that neither fits.
    match serde_json::from_slice::<Drafts>(body) {
        Ok(Drafts::Several(drafts)) => Ok(drafts),
        Ok(Drafts::One(draft)) => Ok(vec![*draft]),
        Err(_) if body.trim_ascii_start().starts_with(b"[") => {
            serde_json::from_slice::<Vec<Draft>>(body).map_err(|error| error.to_string())
        }
        Err(_) => serde_json::from_slice::<Draft>(body).map(|draft| vec![draft]).map_err(|error| error.to_string()),
    }
}

/// The outcomes that shipped in a time, with what the configuration makes of them.
pub(super) async fn list(settings: &Settings, book: &Book, query: Option<&str>) -> Reply {
    let moment = |name: &str| -> Result<Option<i64>, String> {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let Some((_, value)) = pairs.into_iter().find(|(key, _)| *key == name) else { return Ok(None) };
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        let moment = value.parse::<jiff::Timestamp>();
        moment
            .map(|moment| Some(moment.as_millisecond()))
            .map_err(|_| format!("`{name}` is no moment: such as 2026-11-22T14:00:00Z"))
    };
    let (since, until) = match (moment("since"), moment("until")) {
        (Ok(since), Ok(until)) => (since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX)),
        (Err(why), _) | (_, Err(why)) => return text(StatusCode::BAD_REQUEST, format!("{why}\n")),
    };
    match book.shipped(since, until).await {
        Ok(outcomes) => {
            let is_whole = outcomes.len() <= MOST_LISTED;
            let newest = outcomes.into_iter().rev().take(MOST_LISTED);
            let outcomes: Vec<Outcome> = newest.map(|outcome| settings.mapping.resolved(outcome)).collect();
            json_reply(StatusCode::OK, &json!({"outcomes": outcomes, "is_whole": is_whole}))
        }
        Err(error) => unavailable(&error),
    }
}

fn taken(kept: &Result<Kept, StoreError>, source: Source, metrics: &ValueMetrics) -> Reply {
    match kept {
        Ok(kept) => {
            metrics.outcomes(source.as_str(), "new", kept.new);
            metrics.outcomes(source.as_str(), "known", kept.known);
            json_reply(StatusCode::OK, &json!(kept))
        }
        Err(error) => {
            metrics.outcomes(source.as_str(), "failed", 1);
            unavailable(error)
        }
    }
}

/// The code host, or the script, has to say it again.
pub(super) fn unavailable(error: &StoreError) -> Reply {
    tracing::warn!(%error, "outcomes or alerts cannot be read or kept");
    text(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached at present: try again\n")
}

async fn whole(body: Incoming) -> Result<Bytes, Reply> {
    let too_large = || text(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {LARGEST} bytes\n"));
    let collected = tokio::time::timeout(PATIENCE, Limited::new(body, LARGEST).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(text(StatusCode::BAD_REQUEST, "the body broke off\n")),
        Err(_) => Err(text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n")),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn json_reply(status: StatusCode, value: &serde_json::Value) -> Reply {
    reply(status, "application/json", value.to_string())
}

fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
