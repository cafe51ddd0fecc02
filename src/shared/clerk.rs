//! The one task that speaks to the server for all requests of this replica: one word at a time, so that each says how
//! things stand after the answer to the one before.

use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::RecvError;

use super::BEAT;
use super::leases::Leases;
use super::link::{Gone, jittered};
use super::revoked::{REVOKED, Revocations};
use super::word;

/// How soon a request is asked for again that others may yet make room for.
const AGAIN: Duration = Duration::from_millis(8);

/// For how long what should be told soon is gathered.
const GATHER: Duration = Duration::from_millis(10);

/// At every how many-eth beat it is looked at what others did.
const LOOK: u32 = 4;

/// At how many windows at a time.
const SOME: usize = 256;

/// Begins, and goes on until the process ends.
pub(super) fn begin(leases: Leases, revocations: Revocations) {
    tokio::spawn(async move { Clerk { leases, revocations, beats: 0, has_inherited: false }.work().await });
}

struct Clerk {
    leases: Leases,
    revocations: Revocations,
    beats: u32,
    has_inherited: bool,
}

impl Clerk {
    async fn work(mut self) {
        let inner = self.leases.inner.clone();
        let mut news = inner.link.news();
        let mut last = Instant::now();
        let mut next = last;
        loop {
            let again = if inner.book().somebody_waits() { AGAIN } else { BEAT };
            tokio::select! {
                biased;
                () = inner.asked.notified() => {}
                () = tokio::time::sleep_until(next.into()) => {
                    self.beat(last.elapsed()).await;
                    last = Instant::now();
                    let calm = inner.book().calm();
                    let pause = if calm.is_zero() { BEAT } else { calm.min(BEAT) + Duration::from_millis(5) };
                    next = last + if calm.is_zero() { jittered_slightly(pause) } else { pause };
                    continue;
                }
                told = news.recv() => match told {
                    Ok(text) => if !self.hear(&text).await { continue },
                    // Some were missed; the beat tells all the same.
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return,
                },
                () = inner.nudged.notified() => {
                    tokio::select! { () = tokio::time::sleep(GATHER) => {}, () = inner.asked.notified() => {} }
                }
                () = tokio::time::sleep(again) => {}
            }
            // What cannot be said now is said again at the next beat; whoever waited has been answered.
            let _ = speak(&self.leases).await;
        }
    }

    /// Tells how things stand, and looks around.
    async fn beat(&mut self, passed: Duration) {
        let inner = self.leases.inner.clone();
        if !inner.link.is_connected() {
            return;
        }
        if !self.has_inherited
            && let Ok(windows) = word::predecessors(&inner.link, inner.speaker(Duration::ZERO)).await
        {
            inner.book().inherit(windows, Instant::now());
            self.has_inherited = true;
        }
        inner.book().beat(passed, Instant::now());
        let Ok(revoked) = tell(&self.leases, true).await else { return };
        self.revocations.look(revoked).await;
        self.beats = self.beats.wrapping_add(1);
        if self.beats.is_multiple_of(LOOK) {
            self.look_around().await;
        }
        let metrics = inner.link.metrics();
        let book = inner.book();
        metrics.lease.set(book.held(|id| id.starts_with(super::BUDGET)).usd());
        metrics.replicas.set(i64::try_from(book.replicas()).unwrap_or(i64::MAX));
    }

    async fn look_around(&self) {
        let inner = &self.leases.inner;
        let _speaking = inner.speaking.lock().await;
        let windows = inner.book().some_windows(SOME);
        if windows.is_empty() {
            return;
        }
        if let Ok(figures) = word::read(&inner.link, inner.speaker(Duration::ZERO), &windows).await {
            inner.book().noticed(&inner.replica.name, &windows, &figures);
        }
    }

    /// What another replica says; whether something is to be told now.
    async fn hear(&self, text: &str) -> bool {
        match text.split_once(' ') {
            Some(("recall", window)) => self.leases.inner.book().recall(window, Instant::now()),
            _ if text == REVOKED => {
                self.revocations.look_now().await;
                false
            }
            _ => false,
        }
    }
}

/// Says what there is to say, until nothing is left.
pub(super) async fn speak(leases: &Leases) -> Result<(), Gone> {
    tell(leases, false).await.map(|_| ())
}

/// Says what there is to say, and with `must` at least that this replica lives; the version of the revocations.
async fn tell(leases: &Leases, must: bool) -> Result<u64, Gone> {
    let inner = &leases.inner;
    let _speaking = inner.speaking.lock().await;
    let (mut must, mut revoked) = (must, 0);
    loop {
        let sent = Instant::now();
        let (next, lease) = {
            let mut book = inner.book();
            (book.word(leases, sent, must), book.lease())
        };
        let Some((number, lines)) = next else { return Ok(revoked) };
        must = false;
        let heard = word::exchange(&inner.link, inner.speaker(lease), number, &lines).await;
        let heard = match heard {
            Ok(heard) if heard.status == 1 => heard,
            other => {
                if other.is_ok_and(|heard| heard.status < 0) {
                    tracing::error!(
                        replica = inner.replica.name,
                        "another process uses the name of this replica: two copies of one ledger's folder are in use; \
                         delete the `.replica` file beside the ledger of the copy"
                    );
                }
                inner.book().unheard(&lines);
                return Err(Gone);
            }
        };
        revoked = heard.revoked;
        let reminder = {
            let mut book = inner.book();
            book.heard(leases, &lines, &heard, sent, Instant::now());
            book.reminder()
        };
        if let Some(memories) = reminder
            && word::remember(&inner.link, inner.speaker(lease), &memories).await.is_err()
        {
            inner.book().remind_again();
            return Err(Gone);
        }
        if !inner.book().has_more() {
            return Ok(revoked);
        }
    }
}

/// A little sooner or later, so that replicas started together do not speak together.
fn jittered_slightly(time: Duration) -> Duration {
    time.mul_f64(0.9) + jittered(time.mul_f64(0.1))
}
