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
mod quota;
mod retry;
mod scrutiny;
mod sign;
mod target;
mod upload;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::{HeaderMap, StatusCode};

use crate::dialect::translate::Context;
use crate::domain::{Candidate, Check, EndpointName, Failure, FailureKind, Mark, Prompt, TierName, Verdict};

pub use answer::{AnswerBody, AnswerStream, Got};
pub use breaker::BreakerState;
use call::Call;
pub use call::is_translated;
pub use endpoint::{Auth, Endpoint, HttpVersion, Retries, TimeLimits};
pub use pass::{Passage, pass};
pub use pool::{EndpointState, Pool};
use problem::Problem;
pub use quota::Needs;
use quota::Pause;
use retry::Next;
pub use scrutiny::{Hearing, Mended, Used, Verification};
use scrutiny::{Progress, Scrutiny};
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
    /// What the verification of its answer found.
    pub verdict: Option<Verdict>,
    /// What it used, of an answer that is judged before it goes to the caller.
    progress: Option<Progress>,
    /// Whether the caller gets its answer.
    pub is_answer: bool,
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
            verdict: None,
            progress: None,
            is_answer: false,
        }
    }

    /// What it used that goes to nobody: its answer was thrown away, or its caller hung up while it was judged.
    pub fn used_in_vain(&self) -> Option<Used> {
        let progress =
            self.progress.as_ref().filter(|_| !self.is_answer && matches!(self.outcome, "ok" | "abandoned"))?;
        let used = progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Some(used).filter(|used| !used.is_nothing())
    }

    /// Takes note of how it ended, now.
    fn note(&mut self, result: &Result<Got, Problem>) {
        self.ended = Some(Instant::now());
        self.outcome = result.as_ref().map_or_else(Problem::word, |_| "ok");
        self.status = result.as_ref().map_or_else(Problem::provider_status, |got| Some(got.status));
        self.verdict = result.as_ref().ok().and_then(|got| got.verdict);
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
    /// What it takes of a provider's limits.
    pub needs: Needs,
    /// What answers are held against; `None`: nothing.
    pub verification: Option<&'a Arc<Verification>>,
    /// Who lets it to an endpoint.
    pub gate: &'a dyn Gate,
    /// A random number, for jitter.
    pub draw: u64,
}

/// Lets requests to endpoints. Forwarding asks it before each try and does not know by what it judges.
pub trait Gate: Send + Sync {
    /// Whether a request may go to this endpoint now. If so, it has left the one before.
    ///
    /// # Errors
    /// Why not, and until when.
    fn enter(&self, endpoint: &EndpointName) -> Result<(), Busy>;

    /// An endpoint is left alone because its provider said that its limits are used up.
    fn left_alone(&self, endpoint: &EndpointName);
}

/// An endpoint may not be asked now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Busy {
    /// After how long it is worth asking again; `None`: never.
    pub wait: Option<Duration>,
    /// Why not, for the caller.
    pub why: String,
}

impl Busy {
    /// Because the provider's limits are used up.
    fn of_provider(endpoint: &EndpointName, wait: Duration) -> Self {
        let why = format!("the provider's own limit for the endpoint `{endpoint}` is used up for now: try again later");
        Self { wait: Some(wait), why }
    }

    /// Which of two is over sooner.
    fn sooner(one: Option<Self>, other: Self) -> Option<Self> {
        let key = |busy: &Self| busy.wait.unwrap_or(Duration::MAX);
        Some(one.filter(|one| key(one) <= key(&other)).unwrap_or(other))
    }

    fn into_failure(self) -> Failure {
        match self.wait {
            Some(wait) => Failure::new(FailureKind::RateLimited, self.why).with_retry_after(wait),
            None => Failure::new(FailureKind::TooLarge, self.why),
        }
    }
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
    /// What became of an answer that failed its verification; `None`: none did before anything went out.
    pub mended: Option<Mended>,
}

/// Gets an answer from one of the candidates. Every try is noted in `tried` as it happens.
///
/// An answer that fails its verification is put aside, and the rest of its tier with it: another tier is asked, once. If
/// that has no answer, the one put aside is better than none.
///
/// # Errors
/// `UpstreamFailed` or `UpstreamTimeout` when no candidate answered, `RateLimited` when limits kept each of them from
/// being asked. A provider's own error is an answer.
pub async fn send(pool: &Pool, errand: &Errand<'_>, tried: &mut Vec<Tried>) -> Result<Upstream, Failure> {
    let mut last: Option<(Problem, One<'_>)> = None;
    let mut left_alone = LeftAlone::default();
    let mut used_up: Vec<(One<'_>, Pause)> = Vec::new();
    let mut aside: Option<Aside> = None;
    for (place, candidate) in errand.candidates.iter().enumerate() {
        // `check` makes sure that every name in a decision has its settings.
        let Some(endpoint) = errand.endpoints.get(&candidate.endpoint) else { continue };
        if aside.as_ref().is_some_and(|aside| aside.upstream.tier == candidate.tier) {
            continue;
        }
        let state = pool.state(&endpoint.name);
        let others = &errand.candidates[place + 1..];
        let has_other_tier = aside.is_none() && others.iter().any(|other| other.tier != candidate.tier);
        let one = One { endpoint, candidate, state, is_last: others.is_empty(), has_other_tier };
        if let Err(pause) = one.state.quota.admit(errand.needs, Instant::now()) {
            errand.gate.left_alone(&endpoint.name);
            used_up.push((one, pause));
            continue;
        }
        match (one.send(errand, &mut left_alone, tried).await, &aside) {
            (Step::Done(result), None) => match one.has_failed(errand, &result) {
                None => return answered(*result, tried),
                Some(check) => aside = result.ok().map(|upstream| Aside { upstream, check, place: tried.len() - 1 }),
            },
            (Step::Done(result), Some(aside)) if (*result).as_ref().is_ok_and(|new| new.got.status.is_success()) => {
                let mended = Some(Mended::Escalated(aside.check));
                return answered(result.map(|upstream| Upstream { mended, ..upstream }), tried);
            }
            // The other tier refuses the request itself: it would say so to whoever comes next.
            (Step::Done(_), Some(_)) => break,
            (Step::Next(Some(Problem::Unsendable(_) | Problem::Settings(_))), _) if last.is_some() => {}
            (Step::Next(Some(problem)), _) => last = Some((problem, one)),
            (Step::Next(None), _) => {}
        }
    }
    if let Some(Aside { upstream, check, place }) = aside {
        if let Some(line) = tried.get_mut(place) {
            line.is_answer = true;
        }
        return Ok(Upstream { mended: Some(Mended::Flawed(check)), ..upstream });
    }
    if let Some((problem, one)) = last {
        return answered(one.ending(problem), tried);
    }
    // Nobody else could be asked: then whoever has probably enough again by now.
    for (one, pause) in used_up {
        if !pause.least.is_zero() {
            left_alone.busy = Busy::sooner(left_alone.busy, Busy::of_provider(&one.endpoint.name, pause.least));
        } else if let Step::Done(result) =
            (One { has_other_tier: false, ..one }).send(errand, &mut left_alone, tried).await
        {
            return answered(*result, tried);
        }
    }
    Err(left_alone.into_failure())
}

/// An answer that failed its verification, kept while another is looked for.
struct Aside {
    upstream: Upstream,
    check: Check,
    /// The place of its try.
    place: usize,
}

/// Takes note that the last try's answer is the caller's.
fn answered(result: Result<Upstream, Failure>, tried: &mut [Tried]) -> Result<Upstream, Failure> {
    if let (Ok(_), Some(line)) = (&result, tried.last_mut()) {
        line.is_answer = true;
    }
    result
}

/// Why candidates were not asked.
#[derive(Default)]
struct LeftAlone {
    /// The shortest time that one of them still rests after failures.
    resting: Option<Duration>,
    /// The limit that is over soonest.
    busy: Option<Busy>,
}

impl LeftAlone {
    fn into_failure(self) -> Failure {
        match (self.busy, self.resting) {
            (Some(busy), Some(pause)) if busy.wait.is_none_or(|wait| pause < wait) => resting(pause),
            (Some(busy), _) => busy.into_failure(),
            (None, pause) => resting(pause.unwrap_or(Duration::from_secs(1))),
        }
    }
}

fn resting(pause: Duration) -> Failure {
    let message = "every endpoint for this request failed lately and is left alone for a moment: try again";
    Failure::new(FailureKind::UpstreamFailed, message).with_retry_after(pause)
}

/// One of the candidates.
struct One<'a> {
    endpoint: &'a Arc<Endpoint>,
    candidate: &'a Candidate,
    state: Arc<EndpointState>,
    is_last: bool,
    /// Whether another tier may be asked after it.
    has_other_tier: bool,
}

/// What comes after a candidate's turn.
enum Step {
    /// Nothing.
    Done(Box<Result<Upstream, Failure>>),
    /// The next one's turn; what went wrong, if it was asked.
    Next(Option<Problem>),
}

impl One<'_> {
    /// Its turn.
    async fn send(&self, errand: &Errand<'_>, left_alone: &mut LeftAlone, tried: &mut Vec<Tried>) -> Step {
        if let Err(pause) = self.state.breaker.admit(Instant::now()) {
            left_alone.resting = Some(left_alone.resting.map_or(pause, |shortest| shortest.min(pause)));
            return Step::Next(None);
        }
        match self.ask(errand, tried).await {
            Ok(got) => Step::Done(Box::new(Ok(self.upstream(got)))),
            Err(problem) if problem.next() == Next::Stop => Step::Done(Box::new(self.ending(problem))),
            Err(Problem::Busy(busy)) => {
                left_alone.busy = Busy::sooner(left_alone.busy.take(), busy);
                Step::Next(None)
            }
            Err(problem) => Step::Next(Some(problem)),
        }
    }

    fn ending(&self, problem: Problem) -> Result<Upstream, Failure> {
        problem.into_ending().map(|got| self.upstream(got))
    }

    fn upstream(&self, got: Got) -> Upstream {
        let (endpoint, tier) = (Arc::clone(self.endpoint), self.candidate.tier.clone());
        Upstream { got, endpoint, tier, state: Arc::clone(&self.state), mended: None }
    }

    /// How its answer is judged.
    fn scrutiny(&self, errand: &Errand<'_>) -> Option<Scrutiny> {
        errand.verification.map(|verification| Scrutiny::new(verification, self.candidate, self.has_other_tier))
    }

    /// What its answer failed, if another tier is to be asked for that.
    fn has_failed(&self, errand: &Errand<'_>, result: &Result<Upstream, Failure>) -> Option<Check> {
        let verdict = result.as_ref().ok()?.got.verdict?;
        let Verdict::Failed(check) = verdict else { return None };
        self.scrutiny(errand).is_some_and(|scrutiny| scrutiny.holds).then_some(check)
    }

    /// Asks its endpoint, again where that helps.
    async fn ask(&self, errand: &Errand<'_>, tried: &mut Vec<Tried>) -> Result<Got, Problem> {
        let One { endpoint, candidate, state, is_last, .. } = self;
        let client = state.client(endpoint).map_err(|error| Problem::Settings(error.to_string()))?;
        let call = match Call::new(endpoint, errand) {
            Ok(call) => call.judged(self.scrutiny(errand)),
            Err(problem) => {
                let now = Instant::now();
                let outcome = problem.word();
                tried.push(Tried { ended: Some(now), outcome, ..Tried::begin(endpoint, candidate, now) });
                return Err(problem);
            }
        };
        let give_up = Instant::now() + endpoint.limits.total;
        let (mut retries, mut reconnected) = (0, false);
        let mut last = None;
        loop {
            if let Err(busy) = errand.gate.enter(&endpoint.name) {
                return Err(last.unwrap_or(Problem::Busy(busy)));
            }
            if endpoint.auth != Auth::Caller {
                state.quota.sent(errand.needs);
            }
            let problem = match noted(state, &client, (endpoint, &call), candidate, reconnected, tried).await {
                Ok(got) => return Ok(Got { left_out: call.left_out, ..got }),
                Err(problem) => problem,
            };
            // A kept connection that the upstream had just given up says nothing about the upstream: once, at once.
            if matches!(problem, Problem::Closed) && !reconnected {
                reconnected = true;
                last = Some(problem);
                continue;
            }
            let here = match problem.next() {
                Next::Again => true,
                Next::Elsewhere => *is_last && !matches!(problem, Problem::Timeout(_)),
                Next::Stop => false,
            };
            let pause =
                problem.retry_after().unwrap_or_else(|| retry::backoff(&endpoint.retries, retries, errand.draw));
            let is_worth_it = pause <= endpoint.retries.cap && Instant::now() + pause < give_up;
            if !here || retries >= endpoint.retries.max || !is_worth_it {
                return Err(problem);
            }
            retries += 1;
            last = Some(problem);
            tokio::time::sleep(pause).await;
        }
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
    let progress = call.scrutiny.as_ref().map(Scrutiny::begin);
    tried.push(Tried { progress, ..Tried::begin(endpoint, candidate, started) });
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
    state.learn(endpoint, &result);
    result
}

/// The id by which the provider's support knows the request.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-request-id").or_else(|| headers.get("request-id"))?;
    Some(value.to_str().ok()?.chars().take(128).collect())
}
