//! Why a request was not answered: one type for the whole request path.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{BudgetName, Pico, Scope};

/// Whose fault a failure is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The caller asked for something that cannot be done, or hung up.
    Caller,
    /// The far side failed.
    Upstream,
    /// We failed, or are at a limit of ours.
    Us,
}

impl Fault {
    /// The word used in metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Caller => "caller",
            Fault::Upstream => "upstream",
            Fault::Us => "us",
        }
    }
}

/// What went wrong; also the label in metrics and the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FailureKind {
    /// No key, or one that is unknown, expired or contradictory.
    Unauthenticated,
    /// The key may not use what was asked for.
    Forbidden,
    /// No such path.
    UnknownPath,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// Another protocol is asked for on the same connection.
    NoUpgrade,
    /// The body is not what the dialect defines.
    Malformed,
    /// The body's coding or media type is not one we read.
    Unsupported,
    /// The body or its head is over a limit.
    TooLarge,
    /// The body came too slowly.
    TooSlow,
    /// No model, tier or endpoint of that name.
    UnknownModel,
    /// No endpoint's context window holds the prompt.
    ContextTooLong,
    /// No endpoint can do what the prompt needs (images, tools …).
    NoneCapable,
    /// The endpoint speaks another dialect, in which a field of the body cannot be said.
    Untranslatable,
    /// What the request goes on from is held by an endpoint that is not known, or not to this caller.
    NotHeld,
    /// A rule refuses it.
    Denied,
    /// The agent makes the same call over and over.
    Stuck,
    /// The caller's request rate is used up.
    RateLimited,
    /// A budget that the request counts under does not hold the dearest it can cost.
    BudgetExceeded,
    /// We are at a limit of ours: connections, ledger queue, draining.
    Overloaded,
    /// Every candidate failed: refused, reset, unreachable, or answered with what is no answer.
    UpstreamFailed,
    /// Every candidate took too long.
    UpstreamTimeout,
    /// The caller hung up.
    ClientGone,
    /// A fault of ours.
    Internal,
}

impl FailureKind {
    /// The word used in metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Unauthenticated => "unauthenticated",
            FailureKind::Forbidden => "forbidden",
            FailureKind::UnknownPath => "unknown_path",
            FailureKind::MethodNotAllowed => "method_not_allowed",
            FailureKind::NoUpgrade => "no_upgrade",
            FailureKind::Malformed => "malformed",
            FailureKind::Unsupported => "unsupported",
            FailureKind::TooLarge => "too_large",
            FailureKind::TooSlow => "too_slow",
            FailureKind::UnknownModel => "unknown_model",
            FailureKind::ContextTooLong => "context_too_long",
            FailureKind::NoneCapable => "none_capable",
            FailureKind::Untranslatable => "untranslatable",
            FailureKind::NotHeld => "not_held",
            FailureKind::Denied => "denied",
            FailureKind::Stuck => "stuck",
            FailureKind::RateLimited => "rate_limited",
            FailureKind::BudgetExceeded => "budget_exceeded",
            FailureKind::Overloaded => "overloaded",
            FailureKind::UpstreamFailed => "upstream_failed",
            FailureKind::UpstreamTimeout => "upstream_timeout",
            FailureKind::ClientGone => "client_gone",
            FailureKind::Internal => "internal",
        }
    }

    /// Whose fault it is.
    pub fn fault(self) -> Fault {
        match self {
            FailureKind::UpstreamFailed | FailureKind::UpstreamTimeout => Fault::Upstream,
            FailureKind::Overloaded | FailureKind::Internal => Fault::Us,
            _ => Fault::Caller,
        }
    }

    /// Whether the same request may succeed if it is simply sent again.
    pub fn may_be_retried(self) -> bool {
        matches!(
            self,
            FailureKind::RateLimited
                | FailureKind::Overloaded
                | FailureKind::UpstreamFailed
                | FailureKind::UpstreamTimeout
                | FailureKind::TooSlow
                | FailureKind::Internal
        )
    }
}

/// Why a request was not answered. The message tells the caller what to do; it never holds prompt text or a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// What to tell the caller.
    pub message: String,
    /// The field of the body that is at fault, if one is.
    pub param: Option<Cow<'static, str>>,
    /// After how long it is worth asking again.
    pub retry_after: Option<Duration>,
    /// The budget that does not hold the request, for machines.
    pub budget: Option<Box<BudgetRefusal>>,
}

/// Why a budget does not hold a request, as it stands in the body of the refusal. Amounts are USD as exact decimal text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BudgetRefusal {
    /// The budget.
    pub budget: BudgetName,
    /// Who it is for.
    pub scope: Scope,
    /// Whose account of it; empty: everybody's.
    pub holder: Arc<str>,
    /// The most in one window.
    #[serde(rename = "limit_usd")]
    pub limit: Pico,
    /// What requests that ended have cost.
    #[serde(rename = "settled_usd")]
    pub settled: Pico,
    /// What requests under way can cost at most.
    #[serde(rename = "reserved_usd")]
    pub reserved: Pico,
    /// What this request can cost at most.
    #[serde(rename = "needed_usd")]
    pub needed: Pico,
    /// When the budget begins anew, as RFC 3339; `None`: never.
    pub resets_at: Option<String>,
}

impl Failure {
    /// A failure of this kind, with what to tell the caller.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, retry_after: None, budget: None }
    }

    /// Names the field of the body that is at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says which budget does not hold it.
    #[must_use]
    pub fn with_budget(mut self, refusal: BudgetRefusal) -> Self {
        self.budget = Some(Box::new(refusal));
        self
    }

    /// Says after how long it is worth asking again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}
