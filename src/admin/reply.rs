//! Answers of the admin port: text for people and probes, JSON for programs, and refusals, which are JSON as well.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::domain::{Failure, FailureKind};
use crate::registry::{Refused, RegistryError};
use crate::store::StoreError;

/// An answer.
pub type Reply = Response<Full<Bytes>>;

/// Why something is not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What it is, for programs.
    pub code: &'static str,
    /// What to do, for people.
    pub message: String,
}

impl Refusal {
    /// Of this status, told so.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// What was sent cannot be taken.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn into_reply(self) -> Reply {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        let mut reply = reply(self.status, "application/json", format!("{body}\n"));
        if self.status == StatusCode::UNAUTHORIZED {
            reply
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"weighbridge admin\""));
        }
        reply
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = match failure.kind {
            FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FailureKind::TooSlow => StatusCode::REQUEST_TIMEOUT,
            FailureKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            FailureKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, failure.kind.as_str(), failure.message)
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Refused(refused) => {
                let (status, code) = match refused {
                    Refused::Taken(_) => (StatusCode::CONFLICT, "taken"),
                    Refused::Over(_) => (StatusCode::CONFLICT, "revoked"),
                    Refused::Unknown(_) => (StatusCode::NOT_FOUND, "not_found"),
                    Refused::Nonsense(_) => (StatusCode::BAD_REQUEST, "malformed"),
                };
                Self::new(status, code, refused.to_string())
            }
            RegistryError::Store(error) => error.into(),
            RegistryError::Randomness(error) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
            }
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let (status, code) = match error {
            StoreError::Conflict => (StatusCode::CONFLICT, "conflict"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "store"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// Text.
pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", text)
}

/// A value as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => reply(status, "application/json", body),
        Err(error) => {
            let message = format!("the answer cannot be written: {error}");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).into_reply()
        }
    }
}

/// A body of this kind. Nobody keeps a copy: what is here changes, and some of it is shown once.
pub fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
