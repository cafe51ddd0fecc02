//! What is known of one request so far, and its one ending.
//!
//! A response outlives the function that began it, and a caller may hang up at any await, so a request's ending belongs
//! to its trail: answered, refused, or (in its `Drop`) abandoned. Whichever comes first appends the one entry.

mod line;
mod spent;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::conversation::{self, Talk};
use super::door::Door;
use super::spending;
use super::together::Together;
use super::unfinished::{Kept, Unfinished};
use crate::admit::{Admitted, Pass, Remainder};
use crate::budget::{Budgets, Reservation};
use crate::config::Config;
use crate::domain::{
    App, Decision, Dialect, Door as Kind, Evidence, Facts, Failure, FailureKind, Fault, Mark, Pico, RequestId,
    TierName, Verdict,
};
use crate::forward::{Endpoint, Tried};
use crate::listen::{Lifecycle, Phase};
use crate::meter::Tally;
use crate::observe::Metrics;
use crate::recall::{Holder, Recall};
use crate::record::entry::{Ending, Entry};
use crate::record::{Ledger, Receipt};
use crate::sessions::Sessions;
use crate::shared::{Shared, Told};
pub use spent::Spent;

/// For how long other replicas know who holds a response. Providers keep them for a month; most are gone on from within
/// a day.
const KEEP_RESPONSES: Duration = Duration::from_secs(7 * 24 * 3600);

/// For how long other replicas know whose signed reasoning is, which is worth something within a turn.
const KEEP_SIGNATURES: Duration = Duration::from_secs(2 * 3600);

/// What a trail reports to when it ends.
#[derive(Clone)]
pub struct Books {
    /// Keeps the entry.
    pub ledger: Ledger,
    /// Counts and tells.
    pub metrics: Arc<Metrics>,
    /// Holds what requests under way may cost.
    pub budgets: Budgets,
    /// Remembers which endpoint holds what later requests go on from.
    pub recall: Arc<Recall>,
    /// Remembers where conversations stand.
    pub sessions: Arc<Sessions>,
    /// Holds what answers made in the background may cost.
    pub unfinished: Arc<Unfinished>,
    /// What replicas share; `None`: this process is the only one.
    pub shared: Option<Shared>,
    /// Knows whether the process is ending, which explains answers that break off.
    pub lifecycle: Lifecycle,
}

/// What is known of one request so far.
pub struct Trail {
    pub(super) books: Books,
    /// The configuration that this request keeps to its end.
    pub config: Arc<Config>,
    /// The request's id.
    pub id: RequestId,
    /// When it arrived.
    pub arrived: Instant,
    /// When it arrived, by the clock on the wall.
    pub at: SystemTime,
    door: &'static str,
    kind: Option<Kind>,
    /// The tool that asks, known also of whom we do not let in.
    app: App,
    /// The dialect in which it is answered.
    pub dialect: Dialect,
    /// Who asks.
    pub admitted: Option<Admitted>,
    /// What it has taken of its caller's limits; what is not settled comes back when this is dropped.
    pub pass: Option<Pass>,
    /// The same of the limits of the endpoint that answers.
    pub endpoint_pass: Option<Pass>,
    /// What it has taken of limits that all replicas keep together.
    pub together: Option<Together>,
    /// How many tokens were reserved; `None`: nothing limits them.
    pub tokens_reserved: Option<u64>,
    /// What was left of the limit that refused it.
    pub remainder: Option<Remainder>,
    /// What the rules saw.
    pub facts: Option<Arc<Facts>>,
    /// What it has to do with its conversation.
    pub(super) talk: Option<Talk>,
    /// Why the assessment says what it says.
    pub evidence: Vec<Evidence>,
    /// Where it goes.
    pub decision: Option<Arc<Decision>>,
    /// Every try at an endpoint.
    pub tried: Vec<Tried>,
    /// Bytes of the body as it came.
    pub request_bytes: u64,
    /// How long the body took to arrive, which is not our doing.
    pub body_wait: Duration,
    /// The prompt's tokens, counted because an endpoint that may answer does not tell them.
    pub prompt_tokens: Option<u64>,
    /// Whether the answer comes before the model has worked.
    pub is_background: bool,
    /// Whether usage was asked for by us alone and stays hidden from the caller.
    pub hides_usage: bool,
    /// What the answer cost by the word of the gateway that sent it, if its headers say so.
    pub told_cost: Option<Pico>,
    /// Whether the usage in the answer is this request's.
    pub billing: Billing,
    /// The endpoint that is asked if the answer fails its verification; `None`: it is not verified.
    pub straight_to: Option<Arc<Endpoint>>,
    /// What the request holds in its budgets; comes back when it ends.
    pub reservation: Option<Reservation>,
    has_ended: bool,
}

/// Whose usage it is that an answer tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Billing {
    /// This request's.
    Usual,
    /// An earlier request's, unless that one was answered before the model had worked: then it is told here, once.
    Once(Mark),
    /// An earlier request's, and another replica tells it.
    Elsewhere,
    /// An earlier request's that nobody told in time: it has cost what was reserved.
    AtCeiling(Mark),
}

/// How a request ended, as far as its trail does not know.
pub struct End<'a> {
    /// The status that the caller got.
    pub status: u16,
    /// In which way.
    pub ending: Ending,
    /// The word for what went wrong, and whose fault it was.
    pub failure: Option<(&'static str, Fault)>,
    /// Whose answer it was.
    pub upstream: Option<(&'a Endpoint, Option<&'a TierName>)>,
    /// What it used; `None` if no model worked for it.
    pub tally: Option<Tally>,
    /// Whether it was streamed.
    pub streamed: bool,
}

impl End<'_> {
    /// A refusal of ours.
    fn refused(failure: &Failure, status: u16) -> Self {
        let failure = Some((failure.kind.as_str(), failure.kind.fault()));
        End { status, ending: Ending::Refused, failure, upstream: None, tally: None, streamed: false }
    }
}

impl Trail {
    /// A request has arrived.
    pub fn begin(books: &Books, config: Arc<Config>, door: &Door, app: App) -> Self {
        let kind = if let Door::Ask(asked) = door { Some(asked.kind) } else { None };
        let now = (Instant::now(), SystemTime::now());
        Self::blank(books, config, now, (door.as_str(), kind, door.dialect()), app)
    }

    /// An earlier request is taken up again, to be settled.
    pub(super) fn resumed(books: &Books, kept: Kept) -> Self {
        let Kept { config, arrived, at, door, kind, app, dialect, admitted, facts, decision, reservation, .. } = kept;
        let mut trail = Self::blank(books, config, (arrived, at), (door, kind, dialect), app);
        (trail.admitted, trail.facts, trail.decision) = (admitted, facts, decision);
        trail.reservation = Some(reservation);
        trail
    }

    fn blank(
        books: &Books,
        config: Arc<Config>,
        (arrived, at): (Instant, SystemTime),
        (door, kind, dialect): (&'static str, Option<Kind>, Dialect),
        app: App,
    ) -> Self {
        books.metrics.request_began();
        let mut random = [0; 10];
        // Without the system's randomness ids differ by time alone, and a second one in the same millisecond would be
        // taken for a replay of the first: the address of this frame tells concurrent requests apart at least.
        if getrandom::fill(&mut random).is_err() {
            random[..8].copy_from_slice(&(std::ptr::from_ref(&at) as usize as u64).to_be_bytes());
        }
        Self {
            books: books.clone(),
            config,
            id: RequestId::new(millis(at), random),
            arrived,
            at,
            door,
            kind,
            app,
            dialect,
            admitted: None,
            pass: None,
            endpoint_pass: None,
            together: None,
            tokens_reserved: None,
            remainder: None,
            facts: None,
            talk: None,
            evidence: Vec::new(),
            decision: None,
            tried: Vec::new(),
            request_bytes: 0,
            body_wait: Duration::ZERO,
            prompt_tokens: None,
            is_background: false,
            hides_usage: false,
            told_cost: None,
            billing: Billing::Usual,
            straight_to: None,
            reservation: None,
            has_ended: false,
        }
    }

    /// When the request arrived, in milliseconds since 1970 UTC.
    pub fn at_millis(&self) -> u64 {
        millis(self.at)
    }

    /// The request is refused: by us, or because no candidate could answer.
    pub fn refuse(mut self, failure: &Failure, status: u16) -> Receipt {
        self.end(End::refused(failure, status)).1
    }

    /// A stranger is refused, as many were just before: that is counted, and not put on the record.
    pub fn leave(mut self) {
        self.has_ended = true;
        self.books.metrics.stranger_left();
    }

    /// The request has ended. What it cost, and the receipt of its entry.
    pub fn end(&mut self, mut end: End<'_>) -> (Spent, Receipt) {
        if let Some((tally, admitted)) = end.tally.as_mut().zip(self.admitted.as_ref()) {
            tally.marks.iter_mut().for_each(|mark| *mark = admitted.caller.own(*mark));
        }
        let own = end.upstream.zip(end.tally.as_ref()).map_or(Spent::default(), |((endpoint, tier), tally)| {
            let spent = self.spent(endpoint, tally, self.told_cost, end.ending);
            Spent { straight: self.straight(&spent, endpoint, tier), ..spent }
        });
        let in_vain = self.in_vain();
        let spent = in_vain.iter().flatten().fold(own, |sum, more| sum.with(more));
        // From the moment at which it ends until the ledger has it, no budget is summed.
        let budgets = self.books.budgets.clone();
        let ending = budgets.ending();
        let now = Instant::now();
        self.settle_tokens(&spent, &own, now);
        let entry = self.entry(&end, &spent, &in_vain, now);
        let ended_micros = entry.at_millis.saturating_mul(1000).saturating_add(entry.total_us);
        let unfinished = self.unfinished(&end, &entry);
        let settled = spent.cost.or(Some(spent.known).filter(|known| *known > Pico::ZERO));
        spending::settle(self, settled, ended_micros);
        self.remember(&end, &entry);
        conversation::learn(self, &end, &spent, ended_micros / 1000);
        match (unfinished, entry.closes) {
            (Some((mark, kept)), _) => self.books.unfinished.keep(mark, kept, &self.books),
            (None, Some(mark)) => self.books.unfinished.told(mark),
            (None, None) => {}
        }
        // From here on nothing can fail; before, a panic leaves the ending to the drop guard.
        self.has_ended = true;
        self.books.metrics.request_ended(&self.event(&entry, &end));
        let receipt = self.books.ledger.append(entry);
        drop(ending);
        (spent, receipt)
    }

    /// Puts the tokens that were used in the place of those that were reserved.
    fn settle_tokens(&mut self, spent: &Spent, own: &Spent, now: Instant) {
        let used = spent.usage.map_or(0, |(usage, _)| usage.total());
        // Of its caller's limits it has used all that it used, of an endpoint's what that endpoint did.
        for (pass, spent) in [(&mut self.pass, spent), (&mut self.endpoint_pass, own)] {
            let usage = spent.usage.map(|(usage, _)| usage);
            if let Some(pass) = pass {
                pass.settle(usage.map_or(0, |usage| usage.total()), usage.map(|usage| usage.total_output()), now);
            }
        }
        if let Some(mut together) = self.together.take() {
            together.settle(used, now);
        }
        if let Some(reserved) = self.tokens_reserved {
            self.books.metrics.tokens_settled(reserved, used);
        }
        // The figures for the headers are read before; from now on the request is no longer under way.
        self.remainder = self.remainder.or(self.pass.take().map(|pass| pass.remainder(now)));
        self.endpoint_pass = None;
    }

    /// What is left of the limits that it counts under.
    pub fn remainder(&self) -> Remainder {
        self.remainder.or(self.pass.as_ref().map(|pass| pass.remainder(Instant::now()))).unwrap_or_default()
    }

    /// Whether the answer tells an earlier one's usage, so that the other replicas are to be asked whether one of them
    /// has told it.
    pub fn must_claim(&self, tally: Option<&Tally>) -> bool {
        let Billing::Once(mark) = self.billing else { return false };
        let tells = tally.is_some_and(|tally| tally.usage.is_some());
        tells && self.books.shared.is_some() && self.books.recall.holder(mark).is_some_and(|holder| holder.is_open)
    }

    /// Makes the usage of an earlier answer, which is in hand, this replica's to tell, unless another has told it. While
    /// the server is gone each tells what it sees.
    pub async fn claim(&mut self) {
        let (Billing::Once(mark), Some(shared)) = (self.billing, &self.books.shared) else { return };
        if !shared.recalled.claim(mark).await.unwrap_or(true) {
            self.books.recall.close(mark);
            self.billing = Billing::Elsewhere;
        }
    }

    /// Takes note of who holds what later requests may go on from.
    fn remember(&self, end: &End<'_>, entry: &Entry) {
        let Some(((endpoint, _), tally)) = end.upstream.zip(end.tally.as_ref()) else { return };
        let holder = Holder { endpoint: endpoint.name.clone(), key: entry.key.clone(), is_open: entry.is_open() };
        if self.billing == Billing::Usual {
            self.books.recall.learn(&tally.marks, &holder);
            self.share(&tally.marks, &holder);
        } else if let Some(mark) = entry.closes {
            self.share(&[mark], &Holder { is_open: false, ..holder });
        }
    }

    /// Tells other replicas who holds what later requests may go on from.
    fn share(&self, marks: &[Mark], holder: &Holder) {
        let Some(shared) = self.books.shared.as_ref().filter(|_| !marks.is_empty()) else { return };
        let Holder { endpoint, key, is_open } = holder.clone();
        let keep = if self.kind == Some(Kind::Responses) { KEEP_RESPONSES } else { KEEP_SIGNATURES };
        shared.recalled.tell(marks, &Told { endpoint, key, is_open }, keep);
    }

    /// The earlier answer whose usage is told here.
    fn closes(&self, spent: &Spent) -> Option<Mark> {
        match self.billing {
            Billing::Once(mark) => spent.usage.map(|_| mark),
            Billing::AtCeiling(mark) => Some(mark),
            Billing::Usual | Billing::Elsewhere => None,
        }
    }

    /// What stays reserved after this request has ended, for the model works on: until that is told under this mark.
    fn unfinished(&mut self, end: &End<'_>, entry: &Entry) -> Option<(Mark, Kept)> {
        let (endpoint, tier) = end.upstream?;
        let mark = *end.tally.as_ref()?.marks.first()?;
        if !self.is_background || self.billing != Billing::Usual || !entry.is_open() {
            return None;
        }
        let endpoint = Arc::clone(self.config.endpoints.get(&endpoint.name)?);
        let reservation = self.reservation.take_if(|reservation| reservation.amount() > Pico::ZERO)?;
        let kept = Kept {
            config: Arc::clone(&self.config),
            arrived: self.arrived,
            at: self.at,
            door: self.door,
            kind: self.kind,
            app: self.app,
            dialect: self.dialect,
            admitted: self.admitted.clone(),
            facts: self.facts.clone(),
            decision: self.decision.clone(),
            endpoint,
            tier: tier.cloned(),
            reservation,
        };
        Some((mark, kept))
    }

    /// What became of its conversation, in a word; `None` where it is none, or was asked the same before.
    fn turn(&self) -> Option<&'static str> {
        let talk = self.talk.as_ref().filter(|talk| !talk.is_retry)?;
        let is_counted = self.kind.is_some_and(|kind| !kind.is_counting());
        let word = self.decision.as_ref().filter(|_| is_counted)?.turn();
        word.or_else(|| talk.standing.is_none().then_some("new"))
    }

    /// Takes note of what the verification of the answer found on its way.
    pub fn note_verdict(&mut self, verdict: Option<Verdict>) {
        if let Some(tried) = self.tried.iter_mut().rfind(|tried| tried.is_answer) {
            tried.verdict = verdict.or(tried.verdict);
        }
    }
}

/// The request was abandoned: the caller hung up, the process is ending, or the code that answered it panicked.
impl Drop for Trail {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let (ending, status, kind) = if std::thread::panicking() {
            self.books.metrics.panicked();
            (Ending::Refused, 500, FailureKind::Internal)
        } else if self.books.lifecycle.phase() == Phase::Stopping {
            (Ending::Stopped, 503, FailureKind::Overloaded)
        } else {
            (Ending::ClientGone, 499, FailureKind::ClientGone)
        };
        let failure = Some((kind.as_str(), kind.fault()));
        // Nobody is left to wait for the receipt; the entry is written all the same.
        drop(self.end(End { status, ending, failure, upstream: None, tally: None, streamed: false }));
    }
}

fn millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
