//! What the caller gets: the upstream's answer with our headers, or a failure in the dialect that the caller speaks.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Response, StatusCode};

use super::body::Body;
use super::limited;
use super::trail::{End, Spent, Trail};
use crate::dialect::framing::Framing;
use crate::dialect::{self, Answer};
use crate::domain::{Dialect, Failure, FailureKind, Fault, Pico, TierName};
use crate::forward::{AnswerBody, AnswerStream, Endpoint, EndpointState, Got, Mended, Upstream};
use crate::listen::{Lifecycle, Phase};
use crate::meter::{Ended, Hear, How, MAX_COUNTED_BYTES, Metered, Tally, Watch};
use crate::record::entry::Ending;

/// The request's id, by which its entry is found.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-weighbridge-request-id");
/// Says that we refused, not the provider, and the kind of failure.
pub const ERROR: HeaderName = HeaderName::from_static("x-weighbridge-error");
const RULE: HeaderName = HeaderName::from_static("x-weighbridge-rule");
const TIER: HeaderName = HeaderName::from_static("x-weighbridge-tier");
const ENDPOINT: HeaderName = HeaderName::from_static("x-weighbridge-endpoint");
const TAGS: HeaderName = HeaderName::from_static("x-weighbridge-tags");
const RISK: HeaderName = HeaderName::from_static("x-weighbridge-risk");
const TOKENS: HeaderName = HeaderName::from_static("x-weighbridge-tokens");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-weighbridge-attempts");
const REVIEW: HeaderName = HeaderName::from_static("x-weighbridge-review");
const LEFT_OUT: HeaderName = HeaderName::from_static("x-weighbridge-left-out");
const LITELLM_COST: HeaderName = HeaderName::from_static("x-litellm-response-cost");
/// What the answer of the first tier failed, so that another tier was asked.
const ESCALATED: HeaderName = HeaderName::from_static("x-weighbridge-escalated");
/// What this answer failed, when no other tier had a better one.
const FLAWED: HeaderName = HeaderName::from_static("x-weighbridge-flawed");
const COST: HeaderName = HeaderName::from_static("x-weighbridge-cost-usd");

/// Sends an upstream's answer on.
pub async fn answer(upstream: Upstream, trail: Trail, lifecycle: Lifecycle) -> Response<Body> {
    let Upstream { got, endpoint, tier, state, mended } = upstream;
    let Got { status, mut headers, body, left_out, verdict: _ } = got;
    let told_cost = told_cost(&headers);
    // Another proxy of ours told its own cost; the caller gets ours.
    headers.remove(COST);
    set(&mut headers, LEFT_OUT, &left_out.join(", "));
    headers.entry(id_header(trail.dialect)).or_insert_with(|| id_value(&trail));
    describe(&trail, endpoint.name.as_str(), tier.as_ref().map(|tier| tier.as_str()), &mut headers);
    match mended {
        Some(Mended::Escalated(check)) => drop(headers.insert(ESCALATED, HeaderValue::from_static(check.as_str()))),
        Some(Mended::Flawed(check)) => drop(headers.insert(FLAWED, HeaderValue::from_static(check.as_str()))),
        None => {}
    }
    let mut trail = trail;
    trail.told_cost = told_cost;
    match body {
        AnswerBody::Whole { bytes, answer } => {
            if let Some(answer) = &answer {
                state.observe_usage(answer.usage.is_some());
            }
            let failure = answer.is_none().then(|| ("refused_by_provider", fault_of(status)));
            let tally = answer.map(|answer| tally_of(*answer, &bytes));
            let closing = Closing { endpoint, tier, status, ending: Ending::Complete, failure, tally, streamed: false };
            let ended = match trail.must_claim(closing.tally.as_ref()) {
                true => tokio::spawn(closing.claimed(trail)).await.ok(),
                false => Some(closing.end(trail).await),
            };
            let Some((trail, spent)) = ended else {
                let failure = Failure::new(FailureKind::Internal, "a fault in the proxy: the answer was not recorded");
                return without_record(&failure, Dialect::OpenaiResponses);
            };
            limited::tell(&trail.remainder(), trail.dialect, &mut headers);
            tell_cost(&spent, &mut headers);
            response(status, headers, Body::whole(bytes))
        }
        AnswerBody::Stream(stream) => {
            if !matches!(stream.framing, Framing::Raw(_)) {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            }
            limited::tell(&trail.remainder(), trail.dialect, &mut headers);
            let body = metered(*stream, Whose { endpoint, tier, state }, trail, status, lifecycle);
            response(status, headers, Body::Stream(Box::new(body)))
        }
    }
}

/// Answers with our own count of a prompt's tokens, where the endpoint cannot be asked for one.
pub async fn counted(tokens: u64, mut trail: Trail) -> Response<Body> {
    let mut headers = HeaderMap::new();
    describe(&trail, "", None, &mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(id_header(trail.dialect), id_value(&trail));
    let end =
        End { status: 200, ending: Ending::Complete, failure: None, upstream: None, tally: None, streamed: false };
    let (_, receipt) = trail.end(end);
    receipt.await;
    limited::tell(&trail.remainder(), trail.dialect, &mut headers);
    let body = serde_json::json!({ "input_tokens": tokens });
    response(StatusCode::OK, headers, Body::whole(body.to_string()))
}

/// The header in which clients of a dialect look for the request's id.
fn id_header(dialect: Dialect) -> HeaderName {
    HeaderName::from_static(if dialect == Dialect::AnthropicMessages { "request-id" } else { "x-request-id" })
}

fn id_value(trail: &Trail) -> HeaderValue {
    // An id is letters, digits and dashes.
    HeaderValue::from_str(&trail.id.to_string()).unwrap_or(HeaderValue::from_static(""))
}

/// Refuses, in the caller's dialect, once the refusal is in the ledger.
pub async fn refuse(failure: Failure, trail: Trail) -> Response<Body> {
    let status = status_of(failure.kind);
    let body = dialect::error_body(trail.dialect, &failure, Some(trail.id));
    let mut headers = HeaderMap::new();
    describe(&trail, "", None, &mut headers);
    explain(&failure, &mut headers);
    limited::tell(&trail.remainder(), trail.dialect, &mut headers);
    headers.insert(id_header(trail.dialect), id_value(&trail));
    trail.refuse(&failure, status.as_u16()).await;
    response(status, headers, Body::whole(body))
}

/// Refuses what leaves no entry: a list of models, a request that we cannot take on, or one whose own trail ended in a
/// panic.
pub fn without_record(failure: &Failure, dialect: Dialect) -> Response<Body> {
    let mut headers = HeaderMap::new();
    explain(failure, &mut headers);
    let body = dialect::error_body(dialect, failure, None);
    response(status_of(failure.kind), headers, Body::whole(body))
}

/// The headers of a refusal: whose it is, whether and when to ask again.
fn explain(failure: &Failure, headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ERROR, HeaderValue::from_static(failure.kind.as_str()));
    let again = if failure.kind.may_be_retried() { "true" } else { "false" };
    headers.insert("x-should-retry", HeaderValue::from_static(again));
    if let Some(after) = failure.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from((after.as_secs_f64().ceil() as u64).max(1)));
    }
}

/// The status for each kind of failure.
pub fn status_of(kind: FailureKind) -> StatusCode {
    match kind {
        FailureKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        FailureKind::Forbidden | FailureKind::Denied => StatusCode::FORBIDDEN,
        FailureKind::UnknownPath | FailureKind::UnknownModel | FailureKind::NotHeld => StatusCode::NOT_FOUND,
        FailureKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        FailureKind::NoUpgrade => StatusCode::UPGRADE_REQUIRED,
        FailureKind::Malformed
        | FailureKind::ContextTooLong
        | FailureKind::NoneCapable
        | FailureKind::Stuck
        | FailureKind::Untranslatable => StatusCode::BAD_REQUEST,
        FailureKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FailureKind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        FailureKind::RateLimited | FailureKind::BudgetExceeded => StatusCode::TOO_MANY_REQUESTS,
        FailureKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::UpstreamFailed => StatusCode::BAD_GATEWAY,
        FailureKind::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        // Nobody sees this one; the number is the one that logs use for it.
        FailureKind::ClientGone => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        FailureKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer with these headers and this body.
pub fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Whose fault a provider's error is: what it refuses is the caller's, but for our account and our rate. (Our credential
/// is dealt with before: its refusal does not reach the caller.)
fn fault_of(status: StatusCode) -> Fault {
    match status.as_u16() {
        402 | 403 | 429 => Fault::Us,
        400..=499 => Fault::Caller,
        _ => Fault::Upstream,
    }
}

fn tally_of(mut answer: Answer, bytes: &Bytes) -> Tally {
    let kept = answer.text.floor_char_boundary(MAX_COUNTED_BYTES);
    let uncounted_bytes = (answer.text.len() - kept) as u64;
    answer.text.truncate(kept);
    Tally {
        usage: answer.usage,
        cost: answer.cost,
        service_tier: answer.service_tier,
        text: answer.text,
        uncounted_bytes,
        bytes: bytes.len() as u64,
        first_content: Some(std::time::Instant::now()),
        marks: answer.marks,
    }
}

/// Whose answer it is.
struct Whose {
    endpoint: Arc<Endpoint>,
    tier: Option<TierName>,
    state: Arc<EndpointState>,
}

/// An answer that has come to its end.
struct Closing {
    endpoint: Arc<Endpoint>,
    tier: Option<TierName>,
    status: StatusCode,
    ending: Ending,
    failure: Option<(&'static str, Fault)>,
    tally: Option<Tally>,
    streamed: bool,
}

impl Closing {
    /// Ends the trail, at once; the future is ready when its entry is written.
    fn end(self, mut trail: Trail) -> impl Future<Output = (Trail, Spent)> + Send {
        let (spent, receipt) = trail.end(End {
            status: self.status.as_u16(),
            ending: self.ending,
            failure: self.failure,
            upstream: Some((&self.endpoint, self.tier.as_ref())),
            tally: self.tally,
            streamed: self.streamed,
        });
        async move {
            receipt.await;
            (trail, spent)
        }
    }

    /// The same of an answer that tells an earlier one's usage, which no other replica must tell as well. It is for a task
    /// of its own: who hangs up meanwhile must not leave behind what is claimed and not told.
    async fn claimed(self, mut trail: Trail) -> (Trail, Spent) {
        trail.claim().await;
        self.end(trail).await
    }
}

fn metered(
    stream: AnswerStream,
    whose: Whose,
    mut trail: Trail,
    status: StatusCode,
    mut lifecycle: Lifecycle,
) -> Metered {
    let (dialect, id) = (trail.dialect, trail.id);
    let Whose { endpoint, tier, state } = whose;
    let AnswerStream { wire, translator, held, framing, rest, first_by, deadline, hearing } = stream;
    let has_events = !matches!(framing, Framing::Raw(_));
    Metered::new(Watch {
        wire,
        translator,
        ping: (trail.config.ping_interval, if has_events { dialect::ping(dialect) } else { Bytes::new() }),
        held,
        framing,
        rest,
        idle: endpoint.limits.idle,
        first_by,
        deadline,
        hearing: hearing.map(|hearing| hearing as Box<dyn Hear>),
        hide_usage: trail.hides_usage,
        stopped: Box::pin(async move { lifecycle.reached(Phase::Stopping).await }),
        error_event: Box::new(move |how| match has_events {
            true => dialect::error_event(dialect, &broken_off(how), id),
            false => Bytes::new(),
        }),
        finish: Box::new(move |ended| {
            let Ended { how, tally, verdict } = ended;
            trail.note_verdict(verdict);
            let (ending, failure) = match how {
                How::Complete => (Ending::Complete, None),
                How::Cut => (Ending::UpstreamCut, Some(FailureKind::UpstreamFailed)),
                How::TimedOut => (Ending::UpstreamCut, Some(FailureKind::UpstreamTimeout)),
                How::Stopped => (Ending::Stopped, Some(FailureKind::Overloaded)),
                How::ClientGone => (Ending::ClientGone, Some(FailureKind::ClientGone)),
            };
            if how == How::Complete {
                state.observe_usage(tally.usage.is_some());
            }
            let failure = failure.map(|kind| (kind.as_str(), kind.fault()));
            let closing = Closing { endpoint, tier, status, ending, failure, tally: Some(tally), streamed: true };
            if trail.must_claim(closing.tally.as_ref()) {
                let closed = tokio::spawn(closing.claimed(trail));
                return Box::pin(async move { drop(closed.await) });
            }
            // Appended now, whoever waits for the receipt or does not.
            let closed = closing.end(trail);
            Box::pin(async move { drop(closed.await) })
        }),
    })
}

/// What a caller is told whose answer breaks off in the middle.
fn broken_off(how: How) -> Failure {
    match how {
        How::TimedOut => Failure::new(FailureKind::UpstreamTimeout, "the model stopped in the middle of its answer"),
        How::Stopped => Failure::new(FailureKind::Overloaded, "the proxy is shutting down: send the request again"),
        _ => Failure::new(FailureKind::UpstreamFailed, "the model's endpoint broke off in the middle of its answer"),
    }
}

/// What was decided, in headers.
fn describe(trail: &Trail, endpoint: &str, tier: Option<&str>, headers: &mut HeaderMap) {
    set(headers, REQUEST_ID, &trail.id.to_string());
    if let Some(decision) = &trail.decision {
        set(headers, RULE, decision.rule.as_ref().map_or("", |rule| rule.as_str()));
        let tier = tier.or(decision.tier.as_ref().map(|tier| tier.as_str()));
        set(headers, TIER, tier.unwrap_or_default());
        set(headers, ENDPOINT, endpoint);
        headers.insert(ATTEMPTS, HeaderValue::from(trail.tried.len()));
        if decision.human_review {
            headers.insert(REVIEW, HeaderValue::from_static("human"));
        }
    }
    if let Some(facts) = &trail.facts {
        set(headers, TAGS, &facts.tags.to_string());
        headers.insert(RISK, HeaderValue::from_static(facts.risk.as_str()));
        headers.insert(TOKENS, HeaderValue::from(facts.tokens.expected));
    }
}

/// What the answer cost by the word of the gateway that sent it.
fn told_cost(headers: &HeaderMap) -> Option<Pico> {
    let read = |name: &HeaderName| dialect::read_usd(headers.get(name)?.to_str().ok()?);
    // Before a stream there is nothing to tell yet, and some tell it as 0.
    [COST, LITELLM_COST].iter().find_map(read).filter(|cost| *cost > Pico::ZERO)
}

fn tell_cost(spent: &Spent, headers: &mut HeaderMap) {
    if let Some(cost) = spent.cost {
        set(headers, COST, &cost.to_string());
    }
}

/// Sets a header unless there is nothing to say.
fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(text)) {
        headers.insert(name, value);
    }
}
