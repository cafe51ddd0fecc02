//! Gets an answer from one of the decision's endpoints.
//!
//! The candidates are tried in their order. One that fails may be asked again where that helps; then the next has its
//! turn, and in the end the tier that this one escalates to. All that ends with the first byte of content: from then on
//! the answer is the caller's, and what breaks is told, not mended. Forwarding knows no rules and no prices.

mod answer;
mod attempt;
mod breaker;
mod call;
mod connect;
mod endpoint;
mod headers;
mod pass;
mod pool;
mod problem;
mod retry;
mod sign;
mod target;
mod upload;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::{HeaderMap, StatusCode};

use crate::dialect::translate::Context;
use crate::domain::{Candidate, EndpointName, Failure, FailureKind, Mark, Prompt, TierName};

pub use answer::{AnswerBody, AnswerStream, Got};
pub use breaker::BreakerState;
use call::Call;
pub use call::is_translated;
pub use endpoint::{Auth, Endpoint, HttpVersion, Retries, TimeLimits};
pub use pass::{Passage, pass};
pub use pool::{EndpointState, Pool};
use problem::Problem;
use retry::Next;
pub use sign::{AwsCredentials, region_of};
pub use upload::Upload;

/// One try, as it goes into the ledger.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The tier it was tried as part of.
    pub tier: Option<TierName>,
    /// The model it was asked for.
    pub model: Arc<str>,
    /// When it began.
    pub started: Instant,
    /// When it failed or its answer became the caller's; `None` while neither has happened.
    pub ended: Option<Instant>,
    /// The provider's status.
    pub status: Option<StatusCode>,
    /// `ok`, or the word for what went wrong; `abandoned` while it is under way, so that a caller who hangs up leaves
    /// a true line behind.
    pub outcome: &'static str,
    /// The provider's own request id.
    pub provider_request_id: Option<String>,
}

impl Tried {
    /// A try that begins now.
    fn begin(endpoint: &Endpoint, candidate: &Candidate, started: Instant) -> Self {
        Self {
            endpoint: endpoint.name.clone(),
            tier: candidate.tier.clone(),
            model: Arc::clone(&endpoint.model),
            started,
            ended: None,
            status: None,
            outcome: "abandoned",
            provider_request_id: None,
        }
    }

    /// Takes note of how it ended, now.
    fn note(&mut self, result: &Result<Got, Problem>) {
        self.ended = Some(Instant::now());
        self.outcome = result.as_ref().map_or_else(Problem::word, |_| "ok");
        self.status = result.as_ref().map_or_else(Problem::provider_status, |got| Some(got.status));
        self.provider_request_id = match result {
            Ok(got) => request_id(&got.headers),
            Err(Problem::Status(refusal)) => request_id(&refusal.headers),
            Err(_) => None,
        };
    }
}

/// What is to be sent, and to whom it may go.
pub struct Errand<'a> {
    /// The request.
    pub prompt: &'a Prompt,
    /// The caller's headers.
    pub headers: &'a HeaderMap,
    /// What stands below the door's own path.
    pub below: &'a str,
    /// The caller's query, where it belongs to what is asked.
    pub query: Option<&'a str>,
    /// The signed reasoning of the conversation that this endpoint's model cannot read.
    pub foreign: &'a (dyn Fn(&Endpoint) -> Vec<Mark> + Send + Sync),
    /// What a translated answer needs to know of the request.
    pub context: &'a Context,
    /// The endpoints to try, in order.
    pub candidates: &'a [Candidate],
    /// Every endpoint's settings.
    pub endpoints: &'a HashMap<EndpointName, Arc<Endpoint>>,
    /// A random number, for jitter.
    pub draw: u64,
}

/// An answer, and whose it is.
#[derive(Debug)]
pub struct Upstream {
    /// The answer.
    pub got: Got,
    /// The endpoint that gave it.
    pub endpoint: Arc<Endpoint>,
    /// The tier it was tried as part of.
    pub tier: Option<TierName>,
    /// What is remembered of that endpoint, to be told whether the answer had usage.
    pub state: Arc<EndpointState>,
}

/// Gets an answer from one of the candidates. Every try is noted in `tried` as it happens.
///
/// # Errors
/// `UpstreamFailed` or `UpstreamTimeout` when no candidate answered. A provider's own error is an answer.
pub async fn send(pool: &Pool, errand: &Errand<'_>, tried: &mut Vec<Tried>) -> Result<Upstream, Failure> {
    let mut last: Option<(Problem, &Arc<Endpoint>, &Candidate, Arc<EndpointState>)> = None;
    let mut resting: Option<Duration> = None;
    for (place, candidate) in errand.candidates.iter().enumerate() {
        // `check` makes sure that every name in a decision has its settings.
        let Some(endpoint) = errand.endpoints.get(&candidate.endpoint) else { continue };
        let state = pool.state(&endpoint.name);
        if let Err(pause) = state.breaker.admit(Instant::now()) {
            resting = Some(resting.map_or(pause, |shortest| shortest.min(pause)));
            continue;
        }
        let is_last = place + 1 == errand.candidates.len();
        match ask(&state, endpoint, candidate, errand, is_last, tried).await {
            Ok(got) => {
                return Ok(Upstream { got, endpoint: Arc::clone(endpoint), tier: candidate.tier.clone(), state });
            }
            Err(problem) if problem.next() == Next::Stop => return ending(problem, endpoint, candidate, state),
            // A provider's own word says more than that another endpoint could not be asked at all.
            Err(Problem::Unsendable(_) | Problem::Settings(_)) if last.is_some() => {}
            Err(problem) => last = Some((problem, endpoint, candidate, state)),
        }
    }
    let Some((problem, endpoint, candidate, state)) = last else {
        let message = "every endpoint for this request failed lately and is left alone for a moment: try again";
        let pause = resting.unwrap_or(Duration::from_secs(1));
        return Err(Failure::new(FailureKind::UpstreamFailed, message).with_retry_after(pause));
    };
    ending(problem, endpoint, candidate, state)
}

fn ending(
    problem: Problem,
    endpoint: &Arc<Endpoint>,
    candidate: &Candidate,
    state: Arc<EndpointState>,
) -> Result<Upstream, Failure> {
    let got = problem.into_ending()?;
    Ok(Upstream { got, endpoint: Arc::clone(endpoint), tier: candidate.tier.clone(), state })
}

/// Asks one endpoint, again where that helps.
async fn ask(
    state: &EndpointState,
    endpoint: &Arc<Endpoint>,
    candidate: &Candidate,
    errand: &Errand<'_>,
    is_last: bool,
    tried: &mut Vec<Tried>,
) -> Result<Got, Problem> {
    let client = state.client(endpoint).map_err(|error| Problem::Settings(error.to_string()))?;
    let call = match Call::new(endpoint, errand) {
        Ok(call) => call,
        Err(problem) => {
            let now = Instant::now();
            let outcome = problem.word();
            tried.push(Tried { ended: Some(now), outcome, ..Tried::begin(endpoint, candidate, now) });
            return Err(problem);
        }
    };
    let give_up = Instant::now() + endpoint.limits.total;
    let (mut retries, mut reconnected) = (0, false);
    loop {
        let problem = match noted(state, &client, (endpoint, &call), candidate, reconnected, tried).await {
            Ok(got) => return Ok(Got { left_out: call.left_out, ..got }),
            Err(problem) => problem,
        };
        // A kept connection that the upstream had just given up says nothing about the upstream: once, at once.
        if matches!(problem, Problem::Closed) && !reconnected {
            reconnected = true;
            continue;
        }
        let here = match problem.next() {
            Next::Again => true,
            Next::Elsewhere => is_last && !matches!(problem, Problem::Timeout(_)),
            Next::Stop => false,
        };
        let pause = problem.retry_after().unwrap_or_else(|| retry::backoff(&endpoint.retries, retries, errand.draw));
        let is_worth_it = pause <= endpoint.retries.cap && Instant::now() + pause < give_up;
        if !here || retries >= endpoint.retries.max || !is_worth_it {
            return Err(problem);
        }
        retries += 1;
        tokio::time::sleep(pause).await;
    }
}

/// One attempt with its line for the ledger, its word to the breaker, and its time for the average.
async fn noted(
    state: &EndpointState,
    client: &pool::HttpClient,
    (endpoint, call): (&Arc<Endpoint>, &Call),
    candidate: &Candidate,
    is_fresh: bool,
    tried: &mut Vec<Tried>,
) -> Result<Got, Problem> {
    let started = Instant::now();
    tried.push(Tried::begin(endpoint, candidate, started));
    let result = attempt::attempt(client, endpoint, call).await;
    let ended = Instant::now();
    match &result {
        Ok(_) => {
            state.breaker.succeeded();
            state.observe_latency(ended - started);
        }
        // As often as not the connection was an old one, which says nothing of the endpoint: a fresh one will tell.
        Err(Problem::Closed) if !is_fresh => {}
        Err(problem) if problem.is_fault() => state.breaker.failed(ended),
        // A refusal is a sign of life.
        Err(_) => state.breaker.succeeded(),
    }
    if let Some(line) = tried.last_mut() {
        line.note(&result);
    }
    result
}

/// The id by which the provider's support knows the request.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-request-id").or_else(|| headers.get("request-id"))?;
    Some(value.to_str().ok()?.chars().take(128).collect())
}
