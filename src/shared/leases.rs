//! Shares of windows: what a request needs is taken from the share that this replica holds, or asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::PLACES;
use super::amount::{of_nano, whole_nano};
use super::book::{Book, Waiting};
use super::link::Link;
use super::replica::Replica;
use super::settings::{Settings, Stance};
use super::word::{self, Names, Speaker};
use crate::domain::Pico;

/// Something that all replicas count together: a budget in one of its windows, or slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Its name, the same on every replica; a budget's begins with `b:`. The period is part of it: nothing is ever set back to nothing.
    pub id: Arc<str>,
    /// How much there is.
    pub limit: Pico,
    /// For how long the server keeps it after its last use; zero: for ever.
    pub keep: Duration,
}

impl Window {
    /// Places among the requests at once.
    pub fn of_places(name: &str, places: u32) -> Self {
        let id = format!("{PLACES}{name}").into();
        Self { id, limit: Pico::new(PLACE * i128::from(places)), keep: Duration::from_secs(3600) }
    }

    /// One of them.
    pub fn one_place(self) -> Claim {
        Claim { window: self, hold: Pico::new(PLACE) }
    }
}

/// A place is one on the server, where money is counted in nano-dollars.
const PLACE: i128 = 1_000;

/// What a request needs of one window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Of which.
    pub window: Window,
    /// How much.
    pub hold: Pico,
}

/// A request cannot have what it needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// A window does not hold it.
    Exceeded {
        /// Which.
        window: Arc<str>,
        /// What all replicas spent in it.
        spent: Pico,
        /// What they hold for requests under way, or ahead.
        leased: Pico,
    },
    /// The server is gone, and the share of this replica does not hold it or must not be used.
    Gone,
}

/// What is known of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View {
    /// What all replicas spent.
    pub spent: Pico,
    /// What they hold for requests under way, or ahead.
    pub leased: Pico,
}

/// The shares of this replica. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Leases {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub link: Arc<Link>,
    pub replica: Replica,
    pub names: Names,
    pub stance: Stance,
    pub timeout: Duration,
    book: Mutex<Book>,
    /// Somebody waits.
    pub asked: Notify,
    /// Something should be told before the next beat.
    pub nudged: Notify,
    /// One word at a time: the answer to each is known, or given up, before the next.
    pub speaking: tokio::sync::Mutex<()>,
}

impl Inner {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn speaker(&self, lease: Duration) -> Speaker<'_> {
        Speaker { names: &self.names, replica: &self.replica.name, incarnation: self.replica.incarnation, lease }
    }
}

impl Leases {
    pub(super) fn new(settings: &Settings, replica: Replica, link: Arc<Link>) -> Self {
        let inner = Inner {
            link,
            replica,
            names: Names::new(settings.name("")),
            stance: settings.stance,
            timeout: settings.timeout,
            book: Mutex::new(Book::new(settings)),
            asked: Notify::new(),
            nudged: Notify::new(),
            speaking: tokio::sync::Mutex::new(()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What this replica spent in a window, as its own ledger knows: before the start, or before [`sum_again`](Self::sum_again)
    /// was called. What was counted since is added.
    pub fn restore(&self, window: &Window, spent: Pico) {
        self.inner.book().open(window, Instant::now()).restore(spent);
    }

    /// What is spent in these windows from now on is added to what [`restore`](Self::restore) will say was spent before.
    pub fn sum_again(&self, is_meant: impl Fn(&str) -> bool) {
        self.inner.book().sum_again(is_meant);
    }

    /// Takes what a request needs of several windows, of all or of none.
    ///
    /// # Errors
    /// If one of them does not hold it, or the server would have to be asked and is gone.
    pub async fn reserve(&self, claims: &[Claim]) -> Result<Held, Refused> {
        let inner = &self.inner;
        if inner.stance == Stance::Closed && !inner.link.is_up() {
            return Err(Refused::Gone);
        }
        if let Some(parts) = self.at_hand(claims) {
            return Ok(Held { leases: self.clone(), parts });
        }
        if !inner.link.is_up() {
            return Err(Refused::Gone);
        }
        let (answer, answered) = oneshot::channel();
        let number = inner.book().queue(Waiting::new(claims, Instant::now() + inner.timeout, answer));
        inner.asked.notify_one();
        let mut waiting = Patience { leases: self, number, answered };
        match tokio::time::timeout(inner.timeout, &mut waiting.answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refused::Gone),
            Err(_) => waiting.give_up(),
        }
    }

    /// Takes from the share at hand, if that suffices.
    fn at_hand(&self, claims: &[Claim]) -> Option<Vec<(Arc<str>, i64)>> {
        let now = Instant::now();
        let mut book = self.inner.book();
        let parts = book.parts(claims, now);
        let taken = !book.is_strict() && book.take(&parts, now);
        if taken && book.nudge(&parts, now) {
            self.inner.nudged.notify_one();
        }
        taken.then_some(parts)
    }

    /// What is spent in a window without having been held: where a budget counts and does not refuse.
    pub fn spend(&self, window: &Window, cost: Pico) {
        let now = Instant::now();
        self.inner.book().open(window, now).settle(0, cost, now);
    }

    /// What is known of a window, at most two seconds old; `None` if this replica has not met it.
    pub fn view(&self, window: &str) -> Option<View> {
        let (spent, leased) = self.inner.book().account(window)?.view();
        Some(View { spent: of_nano(spent), leased: of_nano(leased) })
    }

    /// How many replicas live, as far as is known.
    pub fn replicas(&self) -> u64 {
        self.inner.book().replicas()
    }

    /// Whether the server is there and grants.
    pub fn is_granting(&self) -> bool {
        self.inner.link.is_up() && self.inner.book().is_granting()
    }

    /// The name of this replica.
    pub fn replica(&self) -> &str {
        &self.inner.replica.name
    }

    fn settle(&self, parts: &[(Arc<str>, i64)], cost: Pico, summed: &[Arc<str>]) {
        let now = Instant::now();
        let mut book = self.inner.book();
        let (told, untold): (Vec<_>, Vec<_>) = parts.iter().cloned().partition(|(id, _)| !summed.contains(id));
        book.settle(&told, cost, now);
        book.settle(&untold, Pico::ZERO, now);
        if book.nudge(parts, now) {
            self.inner.nudged.notify_one();
        }
    }

    /// Tells everything and gives everything back that no request holds.
    pub(super) async fn end(&self) {
        self.inner.book().close();
        if super::clerk::speak(self).await.is_err() {
            tracing::warn!("the shared server is gone at the end: it is told after the next start what was spent");
        }
    }

    /// What the server has of some windows, for who looks at it from outside.
    ///
    /// # Errors
    /// If the server is gone.
    pub async fn figures(
        &self,
        windows: &[Arc<str>],
    ) -> Result<Vec<std::collections::HashMap<String, i64>>, super::Gone> {
        word::read(&self.inner.link, self.inner.speaker(Duration::ZERO), windows).await
    }
}

/// A request that waits; whoever stops waiting takes its place in the queue away.
struct Patience<'a> {
    leases: &'a Leases,
    number: u64,
    answered: oneshot::Receiver<Result<Held, Refused>>,
}

impl Patience<'_> {
    /// The time is over: what is known by now.
    fn give_up(mut self) -> Result<Held, Refused> {
        let withdrawn = self.leases.inner.book().withdraw(self.number);
        match withdrawn {
            Some(refused) => Err(refused),
            // It was being answered at this moment.
            None => self.answered.try_recv().unwrap_or(Err(Refused::Gone)),
        }
    }
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        self.leases.inner.book().withdraw(self.number);
    }
}

/// What a request holds. Dropped without being settled it is given back.
#[derive(Debug)]
pub struct Held {
    leases: Leases,
    parts: Vec<(Arc<str>, i64)>,
}

impl Held {
    pub(super) fn new(leases: Leases, parts: Vec<(Arc<str>, i64)>) -> Self {
        Self { leases, parts }
    }

    /// What it held; it is given back elsewhere.
    pub(super) fn disarm(mut self) -> Vec<(Arc<str>, i64)> {
        std::mem::take(&mut self.parts)
    }

    /// The least that is held of any window.
    pub fn least(&self) -> Pico {
        of_nano(self.parts.iter().map(|(_, hold)| *hold).min().unwrap_or(0))
    }

    /// The request has cost this; what it held beyond that is given back.
    pub fn settle(self, cost: Pico) {
        self.settle_but(cost, &[]);
    }

    /// The same, but of the windows that are `summed` all is given back: what it cost is told by a sum of the ledger.
    pub fn settle_but(mut self, cost: Pico, summed: &[Arc<str>]) {
        self.leases.settle(&std::mem::take(&mut self.parts), cost, summed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.parts.is_empty() {
            self.leases.settle(&self.parts, Pico::ZERO, &[]);
        }
    }
}

impl Claim {
    pub(super) fn nano(&self) -> i64 {
        // Something at least, so that a window that is used up refuses also what nobody knows the price of.
        whole_nano(self.hold).max(1)
    }
}
