//! The story: what happens to one request, from its head to the last byte of its answer.
//!
//! Every line of `Proxy::answer` is a room of the house. The order has reasons: who asks and how often is known
//! before a byte of the body is read; deciding knows everything and does nothing; from the first byte of content on
//! the answer is the caller's. A request ends once, on the record: its `Trail` sees to that.

mod body;
mod conversation;
mod cors;
mod door;
mod feedback;
mod held;
mod limited;
mod models;
mod passage;
mod reply;
mod spending;
mod together;
mod trail;
mod unfinished;
mod verified;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use crate::admit::{self, Admission, Admitted, Issued, Issuers, Limits, Seldom, Tokens};
use crate::assess::tokens;
use crate::config::{Config, Live};
use crate::dialect;
use crate::dialect::translate::{self, Context};
use crate::domain::{
    Candidate, Decision, Dialect, Door as Kind, EndpointName, Facts, Failure, FailureKind, Gate, HeaderFacts, Outcome,
    Prompt, RequestId, Standing, TokenCount,
};
use crate::forward::{self, Errand, Pool, Upstream};
use crate::listen::{Answering, Lifecycle, Phase, guarded};
use crate::read;
use crate::route::{self, Balance, Situation};

pub use body::Body;
use conversation::Talk;
use door::{Door, Way};
pub use feedback::{Desk, Taken, Teller};
pub use trail::Books;
use trail::Trail;

/// The tier that a caller wishes for.
const TIER_HEADER: &str = "x-weighbridge-tier";

/// Bodies larger than this are parsed and assessed where no other request waits for it.
const BULKY_BYTES: usize = 256 << 10;

/// Bodies larger than this are never counted exactly.
const EXACT_BYTES: usize = 256 << 10;

/// What came of a request that was not refused.
enum Answered {
    /// An upstream's answer.
    ByUpstream(Upstream),
    /// So many tokens, by our own estimate: the endpoint has no way to count them.
    Counted(u64),
}

/// The rooms that a request goes through.
pub struct Proxy {
    /// The rules in use.
    pub config: Arc<Live>,
    /// Keys that were made at run time; none before they could be read for the first time.
    pub issued: Arc<ArcSwapOption<Issued>>,
    /// What is known of those who sign callers' tokens.
    pub issuers: Arc<Issuers>,
    /// What is used of limits.
    pub limits: Limits,
    /// Connections and breakers.
    pub pool: Pool,
    /// Ledger, metrics, phase.
    pub books: Books,
    /// Where callers say what they think of answers.
    pub desk: Desk,
    /// The experiments that have ended before their date.
    pub halted: Arc<ArcSwap<route::Halted>>,
    /// How far the process is.
    pub lifecycle: Lifecycle,
    /// How often it is put on the record that somebody without a key asked.
    pub strangers: Seldom,
    /// Counts requests, for those who take turns.
    pub sequence: AtomicU64,
}

impl Proxy {
    /// What happens to one request.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let config = self.config.snapshot();
        let (head, body) = request.into_parts();
        let origin = cors::origin(&config, &head.headers);
        let door = Door::of(head.uri.path());
        let mut aside = cors::preflight(&head, origin.as_ref());
        if aside.is_none() {
            aside = self.aside(&door, &head, &config).await;
        }
        let mut response = match aside {
            Some(response) => response,
            None if door == Door::Feedback => self.hear(&config, &head, body).await,
            None => self.on_the_record(&config, &door, head, body).await,
        };
        cors::allow(origin, &mut response);
        response
    }

    /// What happens to a request that leaves an entry.
    async fn on_the_record(&self, config: &Arc<Config>, door: &Door, head: Parts, body: Incoming) -> Response<Body> {
        if let Err(failure) = self.is_accepting() {
            // Not on the record: an entry for each would fill the very queue that is too long.
            self.books.metrics.turned_away();
            return reply::without_record(&failure, door.dialect());
        }
        let mut trail = Trail::begin(&self.books, Arc::clone(config), door, admit::app(&head.headers));
        let mut stopping = self.lifecycle.clone();
        let answered = tokio::select! {
            answered = self.answer(config, &mut trail, door, head, body) => answered,
            () = stopping.reached(Phase::Stopping) => Err(shutting_down()),
        };
        match answered {
            Ok(Answered::ByUpstream(upstream)) => reply::answer(upstream, trail, self.lifecycle.clone()).await,
            Ok(Answered::Counted(tokens)) => reply::counted(tokens, trail).await,
            Err(failure) if failure.kind == FailureKind::Unauthenticated && !self.strangers.allows() => {
                let dialect = trail.dialect;
                trail.leave();
                reply::without_record(&failure, dialect)
            }
            Err(failure) => reply::refuse(failure, trail).await,
        }
    }

    /// The way of a prompt.
    async fn answer(
        &self,
        config: &Config,
        trail: &mut Trail,
        door: &Door,
        head: Parts,
        body: Incoming,
    ) -> Result<Answered, Failure> {
        self.issuers.prepare(&config.issuers, &head.headers).await;
        let admitted = trail.admitted.insert(self.admitted(config, &head.headers, trail.at)?).clone();
        self.enter(config, trail, &admitted).await?;
        let (asked, way) = door.asked(&head)?;
        admitted.may_enter(asked.kind)?;
        if way == Way::Passage {
            return self.pass(config, trail, asked, head, body).await.map(Answered::ByUpstream);
        }
        let arriving = Instant::now();
        let read = read::body(body, &head.headers, &config.bounds).await?;
        (trail.body_wait, trail.request_bytes) = (arriving.elapsed(), read.wire_bytes);

        let bounds = dialect::Limits { max_depth: config.bounds.max_depth };
        let (prompt, assessment) = unhurried(read.bytes.len(), || {
            let prompt = dialect::parse(asked.kind, read.bytes, &bounds)?;
            let assessment = config.assessor.assess(&prompt);
            Ok((prompt, assessment))
        })?;
        admitted.may_name(&prompt.model)?;
        let wish = header_text(&head.headers, TIER_HEADER);
        let headers = asked_headers(config, &head.headers);
        let mut facts = route::facts(&prompt, &assessment, &admitted.caller, trail.at_millis(), wish, headers);
        trail.evidence = assessment.evidence;
        if route::needs_exact_tokens(&config.rules, &facts) {
            facts.tokens = exact(&prompt, facts.tokens);
        }
        let mut talk = conversation::of(&head.headers, &prompt, &admitted.caller, &mut facts);
        facts.budget_used = self.books.budgets.used(&config.budgets, &admitted.caller, trail.at_millis());
        let facts = Arc::clone(trail.facts.insert(Arc::new(facts)));
        let marks = held::marks(&prompt, &admitted.caller);
        let ask_holders = held::ask_others(self.books.shared.as_ref(), &self.books.recall, marks);
        let ask_standing = self.standing(config, talk.as_ref(), facts.replies);
        let ((), standing) = tokio::join!(ask_holders, ask_standing);
        if let Some(talk) = &mut talk {
            talk.standing.clone_from(&standing);
        }
        trail.talk = talk;
        let held_by = held::by(&self.books.recall, &config.endpoints, &prompt, &admitted.caller)?;
        let moment = self.situation(config, &admitted, held_by);
        let situation = Situation { is_pinned: !prompt.pins.is_empty(), standing, ..moment };
        let decision = Arc::clone(trail.decision.insert(Arc::new(route::decide(&config.rules, &facts, &situation)?)));
        check(&decision, &facts, &prompt)?;

        // To be asked for an answer instead of a count would cost what nobody wanted.
        let can_count = |one: &&Candidate| {
            let endpoint = config.endpoints.get(&one.endpoint);
            endpoint.is_some_and(|endpoint| endpoint.dialect == Dialect::AnthropicMessages)
        };
        let chosen: Vec<Candidate> = match asked.kind {
            Kind::CountTokens => decision.candidates.iter().filter(can_count).cloned().collect(),
            _ => decision.candidates.clone(),
        };
        if chosen.is_empty() {
            return Ok(Answered::Counted(facts.tokens.expected));
        }
        let estimate = limited::estimate(&facts);
        let mut verification = None;
        if !asked.kind.is_counting() {
            self.reserve_tokens(trail, estimate).await?;
            verification = self.hold_verified(config, trail, &admitted.caller, &prompt).await?;
        }
        let gate = self.gate(config, &admitted, estimate);
        let candidates = || chosen.iter().filter_map(|one| config.endpoints.get(&one.endpoint));
        if !facts.tokens.is_exact() && candidates().any(|endpoint| self.pool.is_silent(endpoint)) {
            trail.prompt_tokens = Some(exact(&prompt, facts.tokens).expected);
        }
        trail.hides_usage = prompt.stream && !prompt.wants_usage;
        trail.is_background = prompt.background;
        let context = candidates()
            .any(|endpoint| forward::is_translated(endpoint, &prompt))
            .then(|| self.context(&prompt, trail.id, trail.at_millis(), facts.tokens.expected));
        let errand = Errand {
            prompt: &prompt,
            headers: &head.headers,
            below: &asked.below,
            // Only Anthropic's clients say there what is part of the request (`?beta=true`).
            query: head.uri.query().filter(|_| asked.kind.dialect() == Dialect::AnthropicMessages),
            foreign: &|endpoint| {
                held::foreign(&self.books.recall, &config.endpoints, (&prompt, &admitted.caller), endpoint)
            },
            context: &context.unwrap_or_default(),
            candidates: &chosen,
            endpoints: &config.endpoints,
            needs: limited::needs(estimate),
            verification: verification.as_ref(),
            gate: &gate,
            draw: situation.draw,
        };
        let answered = forward::send(&self.pool, &errand, &mut trail.tried).await;
        trail.endpoint_pass = gate.into_pass();
        if asked.kind == Kind::CountTokens && !counts(&answered) {
            return Ok(Answered::Counted(facts.tokens.expected));
        }
        answered.map(Answered::ByUpstream)
    }

    /// Who asks, by what is known at this moment.
    fn admitted(&self, config: &Config, headers: &HeaderMap, at: SystemTime) -> Result<Admitted, Failure> {
        let issued = self.issued.load();
        let tokens = Some(Tokens { issuers: &config.issuers, known: &self.issuers });
        admit::identify(headers, &Admission { keys: &config.keys, issued: issued.as_deref(), tokens }, at)
    }

    /// What an answer needs to know of its request, if it has to be translated.
    fn context(&self, prompt: &Prompt, id: RequestId, at_millis: u64, input_tokens: u64) -> Context {
        let context = translate::of_request(prompt, prompt.door.dialect());
        let id: String = id.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        Context { id, created: at_millis / 1000, input_tokens, ..context }
    }

    /// Whether we may take on another request.
    ///
    /// # Errors
    /// `Overloaded`: the process is ending, or the ledger cannot keep up.
    pub fn is_accepting(&self) -> Result<(), Failure> {
        if self.lifecycle.phase() != Phase::Running {
            return Err(shutting_down());
        }
        self.books.ledger.is_accepting().map_err(|backlog| {
            let message = format!("the proxy cannot keep its ledger at the moment ({backlog}): try again shortly");
            Failure::new(FailureKind::Overloaded, message).with_retry_after(Duration::from_secs(2))
        })
    }

    /// What the moment adds to the facts.
    fn situation(&self, config: &Config, admitted: &Admitted, held_by: Option<EndpointName>) -> Situation {
        let mut draw = [0; 8];
        // Without the system's randomness shares are drawn by turn instead.
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let draw = getrandom::fill(&mut draw).map_or(sequence, |()| u64::from_le_bytes(draw));
        let by_latency = config.rules.tiers().iter().any(|tier| tier.balance() == Balance::LeastLatency);
        Situation {
            draw,
            sequence,
            latency: if by_latency { self.pool.latencies() } else { Vec::new() },
            allowed_tiers: admitted.caller.tiers.clone(),
            may_choose: admitted.may_choose,
            held_by,
            halted: (**self.halted.load()).clone(),
            ..Situation::default()
        }
    }

    /// Where the request's conversation stands.
    async fn standing(&self, config: &Config, talk: Option<&Talk>, replies: u32) -> Option<Arc<Standing>> {
        // What begins anew is decided anew, however often the same was asked before.
        let talk = talk.filter(|talk| config.sessions.stay && (talk.thread.is_ongoing || talk.is_retry))?;
        conversation::standing(&self.books.sessions, self.books.shared.as_ref(), &talk.thread, replies).await
    }

    /// What is asked beside prompts: probes and the list of models.
    async fn aside(&self, door: &Door, head: &Parts, config: &Config) -> Option<Response<Body>> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return None;
        }
        let plain = |status, text: &'static str| reply::response(status, HeaderMap::new(), Body::whole(text));
        match door {
            Door::Root => Some(plain(StatusCode::OK, "weighbridge\n")),
            Door::Health => Some(plain(StatusCode::OK, "ok\n")),
            Door::Ready => Some(match self.is_accepting() {
                Ok(()) => plain(StatusCode::OK, "ready\n"),
                Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            }),
            Door::Models => Some(self.models(config, &head.headers, None).await),
            Door::Model(id) => Some(self.models(config, &head.headers, Some(id)).await),
            Door::Ask(_) | Door::Feedback | Door::Unknown => None,
        }
    }

    async fn models(&self, config: &Config, headers: &HeaderMap, id: Option<&str>) -> Response<Body> {
        self.issuers.prepare(&config.issuers, headers).await;
        models::list(config, headers, self.admitted(config, headers, SystemTime::now()), id)
    }
}

/// The data port.
#[derive(Clone)]
pub struct DataPort(pub Arc<Proxy>);

impl Answering for DataPort {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let answered = guarded(self.0.handle(request)).await;
        answered.unwrap_or_else(|| {
            let failure = Failure::new(FailureKind::Internal, "a fault in the proxy: report it with the request's id");
            reply::without_record(&failure, Dialect::OpenaiChat)
        })
    }
}

/// A decision that cannot be carried out is a failure to the caller.
fn check(decision: &Decision, facts: &Facts, prompt: &Prompt) -> Result<(), Failure> {
    match &decision.outcome {
        Outcome::Forward => Ok(()),
        Outcome::Deny(words) => Err(Failure::new(FailureKind::Denied, &**words)),
        Outcome::Stuck { repeats } => Err(conversation::stuck(prompt, *repeats)),
        Outcome::NoneFits => {
            let windows = decision.gated_out.iter().filter_map(|left_out| match left_out.gate {
                Gate::ContextWindow { needed, window } => Some((window, needed)),
                _ => None,
            });
            // In the words that clients match to compact their history.
            if let Some((window, needed)) = windows.max() {
                let message = format!(
                    "this request's context is too long: prompt is too long: {needed} tokens > {window} maximum \
                     context length ({} in the prompt); shorten the conversation or lower max_tokens",
                    facts.tokens.expected
                );
                return Err(Failure::new(FailureKind::ContextTooLong, message).with_param("messages"));
            }
            if decision.gated_out.iter().all(|out| out.gate == Gate::Door) {
                let door = facts.door.as_str();
                let message = format!(
                    "no endpoint serves {door} here; whoever owns routes.toml opens it with `serves = [\"{door}\"]` at an \
                     endpoint"
                );
                return Err(Failure::new(FailureKind::UnknownPath, message));
            }
            let gates: Vec<String> =
                decision.gated_out.iter().map(|out| format!("{}: {:?}", out.endpoint, out.gate)).collect();
            let message = format!("no model of this tier can do what the request needs ({})", gates.join(", "));
            Err(Failure::new(FailureKind::NoneCapable, message))
        }
    }
}

/// Whether an upstream counted the tokens, or said what is wrong with them; one that cannot count is no failure.
fn counts(answered: &Result<Upstream, Failure>) -> bool {
    let status = answered.as_ref().map(|upstream| upstream.got.status);
    status.is_ok_and(|status| status.is_success() || matches!(status.as_u16(), 400 | 413 | 422 | 429))
}

fn shutting_down() -> Failure {
    Failure::new(FailureKind::Overloaded, "the proxy is shutting down: send the request again")
        .with_retry_after(Duration::from_secs(1))
}

/// Runs work on this thread; a large body's where the runtime knows that the thread is busy, so that it moves other
/// requests elsewhere.
fn unhurried<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes > BULKY_BYTES { tokio::task::block_in_place(work) } else { work() }
}

/// The exact count, by the tokenizer of the model that was named; for the others by OpenAI's newest. What is larger
/// than [`EXACT_BYTES`] keeps its estimate: a tokenizer can take a second for a megabyte, and whoever sends one can send
/// many. Deciding by the estimate's upper bound is safe.
fn exact(prompt: &Prompt, estimate: TokenCount) -> TokenCount {
    if prompt.body.len() > EXACT_BYTES {
        return estimate;
    }
    // The first count loads the vocabulary, a third of a second, in which no other request must wait.
    tokio::task::block_in_place(|| tokens::count_exact(prompt, tokens::Encoding::for_model(&prompt.model)))
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then(|| text.chars().take(256).collect())
}

/// The headers that some rule asks for.
fn asked_headers(config: &Config, headers: &HeaderMap) -> HeaderFacts {
    config.rules.header_names().filter_map(|name| Some((Arc::clone(name), header_text(headers, name)?))).collect()
}
