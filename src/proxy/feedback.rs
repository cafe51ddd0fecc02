//! `POST /v1/feedback`: what a caller says of an answer that it got.
//!
//! It is no prompt: it leaves no entry, counts under no limit and waits for nobody's answer but the store's. So few are
//! taken at a time, that nobody can make the store the proxy's trouble by telling much.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;
use tokio::sync::Semaphore;

use super::body::Body;
use super::{Proxy, reply};
use crate::config::Config;
use crate::dialect;
use crate::domain::{Caller, Content, Dialect, Door, Failure, FailureKind, RequestId};
use crate::feedback::book::FeedbackBook;
use crate::feedback::draft::{Draft, MOST_BYTES};
use crate::feedback::{Feedback, Rated};
use crate::read::{self, Bounds};
use crate::record::archive::Archive;

/// So many are taken at a time.
const PLACES: usize = 16;

/// Where feedback is taken.
#[derive(Debug)]
pub struct Desk {
    /// Keeps it.
    pub book: FeedbackBook,
    /// Knows the requests.
    archive: Archive,
    places: Semaphore,
}

/// What became of feedback that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// As it is kept.
    pub feedback: Feedback,
    /// Why the reason is not; `None`: it is, or there was none.
    pub dropped: Option<&'static str>,
}

impl Taken {
    /// What whoever told it is told.
    pub fn json(&self) -> serde_json::Value {
        let Feedback { request_id, rating, reason, .. } = &self.feedback;
        let mut told = json!({"request_id": request_id, "rating": rating, "reason_kept": reason.is_some()});
        if let Some(why) = self.dropped {
            told["reason_dropped"] = why.into();
        }
        told
    }
}

impl Desk {
    /// A desk beside this book and this ledger.
    pub fn new(book: FeedbackBook, archive: Archive) -> Self {
        Self { book, archive, places: Semaphore::new(PLACES) }
    }
}

impl Proxy {
    /// Takes feedback from a caller.
    pub(super) async fn hear(&self, config: &Config, head: &Parts, body: Incoming) -> Response<Body> {
        let heard = self.heard(config, head, body).await;
        match heard {
            Ok(taken) => {
                let json = HeaderValue::from_static("application/json");
                let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
                reply::response(StatusCode::OK, headers, Body::whole(format!("{}\n", taken.json())))
            }
            Err(failure) => {
                self.books.metrics.quality().feedback_refused();
                reply::without_record(&failure, Dialect::OpenaiChat)
            }
        }
    }

    async fn heard(&self, config: &Config, head: &Parts, body: Incoming) -> Result<Taken, Failure> {
        if head.method != Method::POST {
            return Err(Failure::new(FailureKind::MethodNotAllowed, "this path takes POST"));
        }
        self.issuers.prepare(&config.issuers, &head.headers).await;
        let caller = self.admitted(config, &head.headers, SystemTime::now())?.caller;
        let bounds = Bounds { max_body_bytes: MOST_BYTES, ..config.bounds };
        let draft = Draft::read(&read::body(body, &head.headers, &bounds).await?.bytes)?;
        self.take_feedback(config, draft, Teller::Caller(&caller)).await
    }

    /// Takes feedback from whoever may tell it.
    ///
    /// # Errors
    /// `NotHeld` if nobody answered such a request, or another caller asked; `Overloaded` if ledger or store cannot be
    /// asked.
    pub async fn take_feedback(&self, config: &Config, draft: Draft, teller: Teller<'_>) -> Result<Taken, Failure> {
        let desk = &self.desk;
        let busy = |_| overloaded("too much feedback at a time: tell it again shortly".to_owned());
        let _place = desk.places.try_acquire().map_err(busy)?;
        let entry = desk.archive.by_id(draft.request_id).await;
        let entry = entry.map_err(|error| overloaded(format!("the ledger cannot be asked ({error}): try again")))?;
        let rated = entry.as_ref().and_then(Rated::of).filter(|rated| teller.may_speak_of(rated));
        let rated = rated.ok_or_else(|| unknown(draft.request_id))?;
        let (reason, dropped) = Self::kept(config, draft.reason);
        let feedback = Feedback {
            request_id: draft.request_id,
            rating: draft.rating,
            reason,
            told_by: teller.name().to_owned(),
            told_millis: unix_millis(),
            rated,
        };
        let told = desk.book.tell(&feedback).await;
        told.map_err(|error| overloaded(format!("feedback cannot be kept at the moment ({error}): tell it again")))?;
        let tier = feedback.rated.tier.as_deref().unwrap_or_default();
        self.books.metrics.quality().feedback(feedback.rating.as_str(), tier);
        Ok(Taken { feedback, dropped })
    }

    /// The reason, if it is kept; else why it is not.
    fn kept(config: &Config, reason: Option<String>) -> (Option<String>, Option<&'static str>) {
        let Some(words) = &reason else { return (None, None) };
        if !config.feedback.keep_reasons {
            return (None, Some("reasons are not kept here ([feedback] keep_reasons)"));
        }
        if has_secret(config, words) {
            return (None, Some("it looks as if it held a credential"));
        }
        (reason, None)
    }
}

/// Whether a secret is found in these words, as it would be in a prompt. What cannot be looked at may hold one.
fn has_secret(config: &Config, words: &str) -> bool {
    let body = json!({"model": "", "messages": [{"role": "user", "content": words}]}).to_string();
    let bounds = dialect::Limits { max_depth: 8 };
    let parsed = dialect::parse(Door::Chat, body.into(), &bounds);
    parsed.map_or(true, |prompt| config.assessor.assess(&prompt).content.contains(Content::HasSecret))
}

/// Who speaks of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Teller<'a> {
    /// Somebody at the data port.
    Caller(&'a Caller),
    /// Somebody at the admin port, by name.
    Operator(&'a str),
}

impl Teller<'_> {
    /// A caller speaks of its own requests: those of the same key and, as far as it is known, the same person.
    fn may_speak_of(self, rated: &Rated) -> bool {
        let Teller::Caller(caller) = self else { return true };
        let key = caller.key.as_ref().map(|key| key.as_str());
        let engineer = caller.engineer.as_ref().map(|engineer| engineer.as_str());
        key == rated.key.as_deref() && engineer == rated.engineer.as_deref()
    }

    fn name(&self) -> &str {
        match self {
            Teller::Caller(_) => "caller",
            Teller::Operator(name) => name,
        }
    }
}

fn unknown(id: RequestId) -> Failure {
    // Whether there is such a request of somebody else's is nobody's business.
    let message = format!(
        "no answered request `{id}` of yours is known: feedback is told with the key, and as the engineer, of the request"
    );
    Failure::new(FailureKind::NotHeld, message).with_param("request_id")
}

fn overloaded(message: String) -> Failure {
    Failure::new(FailureKind::Overloaded, message).with_retry_after(std::time::Duration::from_secs(2))
}

fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
