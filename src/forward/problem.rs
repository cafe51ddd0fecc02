//! What can go wrong in an attempt, before its answer is the caller's.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};

use super::answer::{AnswerBody, Got};
use super::retry::{self, Next};
use super::{Busy, headers};
use crate::domain::{Failure, FailureKind};

/// What we waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The head of the answer.
    Head,
    /// The first content of a stream.
    FirstByte,
    /// More of a whole answer.
    Body,
}

/// What went wrong.
#[derive(Debug)]
pub enum Problem {
    /// No connection: refused, unreachable, TLS failed, or it took too long.
    Connect(String),
    /// The connection ended before the first byte of an answer: as often as not it was an old one that the upstream
    /// had just given up.
    Closed,
    /// The answer broke off.
    Cut,
    /// What came is not HTTP.
    Protocol,
    /// It took too long.
    Timeout(Stage),
    /// The provider refused.
    Status(Box<Refusal>),
    /// A status of success with an error inside.
    ErrorInside(String),
    /// A status of success, and yet no answer: a word for the ledger, and what it was.
    NotAnAnswer(&'static str, &'static str),
    /// The endpoint's settings cannot be used.
    Settings(String),
    /// A limit keeps it from being asked now.
    Busy(Busy),
    /// What the caller sent cannot be sent on: it cannot be said in the endpoint's dialect, or is too large.
    Unsendable(Failure),
}

/// Whose credential a request was sent with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// Ours.
    Ours,
    /// Ours, as a signature: what is wrong with it is told with 403.
    OurSignature,
    /// The caller's own.
    Callers,
}

/// A provider's refusal.
#[derive(Debug)]
pub struct Refusal {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, those that go on.
    pub headers: HeaderMap,
    /// Its body, as the caller gets it: as it came, or in the caller's dialect.
    pub body: Bytes,
    /// After how long the provider wants to be asked again.
    pub retry_after: Option<Duration>,
    /// Whose credential it was sent with.
    pub credential: Whose,
    /// What is worth trying next.
    next: Next,
}

impl Problem {
    /// The problem behind an error of the HTTP client.
    pub fn transport(error: &hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() {
            return Problem::Connect(innermost(error));
        }
        let causes = || std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
        let is_io = |kinds: &[io::ErrorKind]| {
            causes().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| kinds.contains(&cause.kind()))
        };
        if is_io(&[io::ErrorKind::FileTooLarge]) {
            let message = "the body is larger than this proxy passes on";
            return Problem::Unsendable(Failure::new(FailureKind::TooLarge, message));
        }
        let closed = causes()
            .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
            .any(|cause| cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed());
        let reset = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionAborted];
        if closed || is_io(&reset) { Problem::Closed } else { Problem::Protocol }
    }

    /// It took too long.
    pub fn timeout(stage: Stage) -> Self {
        Problem::Timeout(stage)
    }

    /// The answer broke off.
    pub fn cut() -> Self {
        Problem::Cut
    }

    /// The provider refused.
    pub fn status(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        let retry_after = retry::retry_after(headers, &body, SystemTime::now());
        let next = retry::after_status(status, &body);
        Problem::Status(Box::new(Refusal {
            status,
            headers: headers::from_upstream(headers),
            body,
            retry_after,
            credential: Whose::Ours,
            next,
        }))
    }

    /// A status of success with an error inside.
    pub fn error_inside(error: String) -> Self {
        Problem::ErrorInside(error)
    }

    /// A status of success, and yet no answer.
    pub fn not_an_answer(word: &'static str, what: &'static str) -> Self {
        Problem::NotAnAnswer(word, what)
    }

    /// The word for it in the ledger and in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Problem::Connect(_) => "connect_failed",
            Problem::Closed => "closed",
            Problem::Cut => "cut",
            Problem::Protocol => "protocol",
            Problem::Timeout(Stage::Head) => "timeout_head",
            Problem::Timeout(Stage::FirstByte) => "timeout_first_byte",
            Problem::Timeout(Stage::Body) => "timeout_body",
            Problem::Status(refusal) if refusal.status.as_u16() == 429 => "rate_limited",
            Problem::Status(refusal) if refusal.status.is_client_error() => "refused",
            Problem::Status(refusal) if refusal.status.is_redirection() => "redirect",
            Problem::Status(_) => "provider_error",
            Problem::ErrorInside(_) => "error_inside",
            Problem::NotAnAnswer(word, _) => word,
            Problem::Settings(_) => "settings",
            Problem::Busy(_) => "busy",
            Problem::Unsendable(failure) => failure.kind.as_str(),
        }
    }

    /// The provider's status, where there was one.
    pub fn provider_status(&self) -> Option<StatusCode> {
        match self {
            Problem::Status(refusal) => Some(refusal.status),
            Problem::ErrorInside(_) | Problem::NotAnAnswer(..) | Problem::Cut => Some(StatusCode::OK),
            _ => None,
        }
    }

    /// What is worth trying next.
    pub fn next(&self) -> Next {
        match self {
            Problem::Status(refusal) => refusal.next,
            Problem::Closed | Problem::Cut | Problem::ErrorInside(_) => Next::Again,
            Problem::Connect(_) | Problem::Protocol | Problem::Timeout(_) | Problem::NotAnAnswer(..) => Next::Elsewhere,
            Problem::Settings(_) | Problem::Busy(_) | Problem::Unsendable(_) => Next::Elsewhere,
        }
    }

    /// After how long the provider wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Problem::Status(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether it speaks against the endpoint's health. A provider that refuses one request, or asks us to slow down,
    /// is well.
    pub fn is_fault(&self) -> bool {
        match self {
            Problem::Status(refusal) => !refusal.status.is_client_error(),
            Problem::Busy(_) | Problem::Unsendable(_) => false,
            _ => true,
        }
    }

    /// The end of the road: the provider's own words if it had any, our failure otherwise.
    pub fn into_ending(self) -> Result<Got, Failure> {
        let failed = |message: String| Err(Failure::new(FailureKind::UpstreamFailed, message));
        match self {
            Problem::Status(refusal) => refusal.into_ending(),
            Problem::Timeout(stage) => {
                let what = match stage {
                    Stage::Head => "did not answer",
                    Stage::FirstByte => "did not begin its answer",
                    Stage::Body => "stopped in the middle of its answer",
                };
                let message = format!("the model's endpoint {what} within its time limit: try again");
                Err(Failure::new(FailureKind::UpstreamTimeout, message))
            }
            Problem::Connect(cause) => failed(format!("the model's endpoint cannot be reached ({cause}): try again")),
            Problem::Closed => failed("the model's endpoint closed the connection without an answer: try again".into()),
            Problem::Cut => failed("the model's endpoint broke off its answer: try again".into()),
            Problem::Protocol => failed("the model's endpoint answered with what is no HTTP".into()),
            Problem::ErrorInside(error) => failed(format!("the model's endpoint failed: {error}")),
            Problem::NotAnAnswer(_, what) => failed(format!("the model's endpoint misbehaves: {what}")),
            Problem::Settings(what) => failed(format!("the endpoint's settings cannot be used: {what}")),
            Problem::Busy(busy) => Err(busy.into_failure()),
            Problem::Unsendable(failure) => Err(failure),
        }
    }
}

impl Refusal {
    /// Whether the provider does not accept what we showed it, which is nothing that a caller can mend.
    fn is_about_our_credential(&self) -> bool {
        match self.credential {
            Whose::Callers => false,
            Whose::OurSignature => matches!(self.status.as_u16(), 401 | 403),
            Whose::Ours => self.status == StatusCode::UNAUTHORIZED || retry::is_bad_key(self.status, &self.body),
        }
    }

    fn into_ending(self) -> Result<Got, Failure> {
        let is_our_credential = self.is_about_our_credential();
        let Refusal { status, headers, body, .. } = self;
        let failed = |message: String| Err(Failure::new(FailureKind::UpstreamFailed, message));
        match status {
            // The provider's words would tell callers that their key is bad, and show a part of ours.
            _ if is_our_credential => failed(
                "the model's endpoint does not accept this proxy's credential: tell the owner of routes.toml"
                    .to_owned(),
            ),
            status if status.is_client_error() || status.is_server_error() => {
                let body = AnswerBody::Whole { bytes: body, answer: None };
                Ok(Got { status, headers, body, left_out: Vec::new(), verdict: None })
            }
            status if status.is_redirection() => {
                failed(format!("the endpoint redirects ({status}), which is not followed"))
            }
            status => failed(format!("the endpoint answers with the status {status}")),
        }
    }
}

/// The last cause of an error: "connection refused" rather than "client error (Connect)".
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
