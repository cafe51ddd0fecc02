//! Limits and the several replicas: what a request takes is taken of all replicas together, or while the server that they
//! share is gone, of this one's part.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Proxy;
use super::trail::Trail;
use crate::admit::{Counted, Limit, Pass, Refused, What};
use crate::domain::{Failure, FailureKind};
use crate::shared::{self, Claim, Full, Held, Pace, Paces, Shared, Stance, Window};

/// When it is worth asking again where a request of some replica must end first.
const SOON: Duration = Duration::from_secs(1);

/// What is taken of limits that all replicas keep together.
pub struct Together {
    /// Places among the requests at once; they are free again when this is dropped.
    _slots: Option<Held>,
    paces: Paces,
    /// What is reserved of tokens, and since when.
    tokens: Vec<(Pace, u64)>,
    reserved_at: Instant,
}

/// Why a request cannot go on.
pub(super) enum NotTaken {
    /// A limit is used up.
    Refused(Box<Refused>),
    /// The server is gone.
    Gone,
}

impl Together {
    /// The request used so many tokens: they take the place of what was reserved.
    pub fn settle(&mut self, used: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.reserved_at);
        for (pace, reserved) in std::mem::take(&mut self.tokens) {
            self.paces.put_right(&pace, to_put_right(&pace, reserved, used, passed));
        }
    }
}

/// What is to be given back of a reservation, or below 0 what was used beyond it. What time has run through since has come
/// back already: given back once more it would be somebody else's.
fn to_put_right(pace: &Pace, reserved: u64, used: u64, passed: Duration) -> i64 {
    if used > reserved {
        return signed(reserved) - signed(used);
    }
    let run_through = passed.as_micros() * u128::from(pace.units) / pace.period.as_micros().max(1);
    let gone = used.max(u64::try_from(run_through).unwrap_or(u64::MAX));
    signed(reserved.saturating_sub(gone))
}

impl Proxy {
    /// The limits as they count here at the moment: in full where the server counts, or where no replicas share
    /// anything; else this replica's part.
    ///
    /// # Errors
    /// If the server is gone, and with it all that is limited.
    pub(super) fn in_force(&self, limits: Vec<Arc<Limit>>) -> Result<Vec<Arc<Limit>>, Failure> {
        match &self.books.shared {
            Some(shared) if !shared.is_up() && !limits.is_empty() => part_of(shared, &limits),
            _ => Ok(limits),
        }
    }

    /// The limits of endpoints as they count here: candidates are tried one after the other without waiting for a server,
    /// so each replica keeps to its part.
    pub(super) fn part_of_endpoints<'l>(&self, limits: &'l [Arc<Limit>]) -> Cow<'l, [Arc<Limit>]> {
        match self.books.shared.as_ref().map(|shared| shared.leases.replicas()) {
            Some(replicas) if replicas > 1 => limits.iter().map(|limit| Arc::new(limit.part(replicas))).collect(),
            _ => Cow::Borrowed(limits),
        }
    }

    /// Takes a request, and its place among those at once, of all replicas together.
    pub(super) async fn enter_together(&self, trail: &mut Trail, pass: &Pass) -> Result<(), NotTaken> {
        let Some(shared) = self.books.shared.as_ref().filter(|shared| shared.is_up()) else { return Ok(()) };
        let requests: Vec<_> =
            pass.counted().filter_map(|counted| Some((counted, pace(What::Requests, &counted)?, 1))).collect();
        take(&shared.paces, pass, &requests, What::Requests).await?;
        let places: Vec<_> = pass.counted().filter_map(|counted| Some((counted, place(&counted)?))).collect();
        let claims: Vec<_> = places.iter().map(|(_, claim)| claim.clone()).collect();
        let slots = if claims.is_empty() { Ok(None) } else { shared.leases.reserve(&claims).await.map(Some) };
        let slots = slots.map_err(|refused| {
            // It was no request then.
            requests.iter().for_each(|(_, pace, _)| shared.paces.put_right(pace, 1));
            let shared::Refused::Exceeded { window, .. } = refused else { return NotTaken::Gone };
            let full = places.iter().find(|(_, claim)| claim.window.id == window).map(|(counted, _)| counted);
            full.map_or(NotTaken::Gone, |full| refusal(pass, full, (What::Concurrent, 1), SOON))
        })?;
        let (paces, reserved_at) = (shared.paces.clone(), Instant::now());
        trail.together = Some(Together { _slots: slots, paces, tokens: Vec::new(), reserved_at });
        Ok(())
    }

    /// Takes the tokens that were reserved here of all replicas together.
    pub(super) async fn reserve_together(&self, trail: &mut Trail, pass: &Pass) -> Result<(), NotTaken> {
        let Some(shared) = self.books.shared.as_ref().filter(|shared| shared.is_up()) else { return Ok(()) };
        let tokens: Vec<_> = pass
            .counted()
            .filter_map(|counted| Some((counted, pace(What::Tokens, &counted)?, counted.tokens.unwrap_or(0))))
            .collect();
        let reserved_at = Instant::now();
        take(&shared.paces, pass, &tokens, What::Tokens).await?;
        if let Some(together) = &mut trail.together {
            together.reserved_at = reserved_at;
            together.tokens = tokens.into_iter().map(|(_, pace, amount)| (pace, amount)).collect();
        }
        Ok(())
    }

    /// What a request is told whose limits the server cannot count: refused if that is the stance, else `None`.
    pub(super) fn without_server(&self) -> Option<Failure> {
        let shared = self.books.shared.as_ref()?;
        (shared.stance() == Stance::Closed).then(gone)
    }
}

/// This replica's part of each limit, by the number of replicas that lived when the server was last heard of.
fn part_of(shared: &Shared, limits: &[Arc<Limit>]) -> Result<Vec<Arc<Limit>>, Failure> {
    match shared.stance() {
        Stance::Closed => Err(gone()),
        Stance::Local => Ok(limits.iter().map(|limit| Arc::new(limit.part(shared.leases.replicas()))).collect()),
    }
}

fn gone() -> Failure {
    let message = "the server that counts requests of all replicas cannot be reached, and [shared] stance is \"closed\": \
                   try again shortly";
    Failure::new(FailureKind::Overloaded, message).with_retry_after(SOON)
}

async fn take(paces: &Paces, pass: &Pass, needs: &[(Counted<'_>, Pace, u64)], what: What) -> Result<(), NotTaken> {
    let asked: Vec<_> = needs
        .iter()
        .filter(|(_, _, amount)| *amount > 0)
        .map(|(_, pace, amount)| (pace.clone(), u32::try_from(*amount).unwrap_or(u32::MAX)))
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    match paces.take(&asked).await {
        Ok(()) => Ok(()),
        Err(Full::Gone) => Err(NotTaken::Gone),
        Err(Full::Full { pace, wait }) => {
            let full = needs.iter().find(|(_, one, _)| one.id == pace);
            Err(full.map_or(NotTaken::Gone, |(counted, _, amount)| refusal(pass, counted, (what, *amount), wait)))
        }
    }
}

fn refusal(pass: &Pass, full: &Counted<'_>, wanted: (What, u64), wait: Duration) -> NotTaken {
    NotTaken::Refused(Box::new(pass.refused_together(full.limit, full.holder, wanted, wait, Instant::now())))
}

fn pace(what: What, counted: &Counted<'_>) -> Option<Pace> {
    let allowance = counted.limit.allowance();
    let units = match what {
        What::Requests => allowance.requests_per_minute,
        _ => allowance.tokens_per_minute,
    };
    let id = format!("{}:{}:{}", what.as_str(), counted.limit.name(), counted.holder).into();
    Some(Pace { id, units: units?.get(), period: Duration::from_secs(60) })
}

fn place(counted: &Counted<'_>) -> Option<Claim> {
    let places = counted.limit.allowance().concurrent?;
    Some(Window::of_places(&format!("{}:{}", counted.limit.name(), counted.holder), places.get()).one_place())
}

fn signed(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_time_has_not_given_back_is_given_back() {
        let pace = Pace { id: "tokens:all:".into(), units: 60_000, period: Duration::from_secs(60) };
        let check = |used, seconds, expected| {
            assert_eq!(
                to_put_right(&pace, 50_000, used, Duration::from_secs(seconds)),
                expected,
                "{used} in {seconds} s"
            );
        };
        check(1_000, 0, 49_000);
        check(1_000, 1, 49_000);
        check(1_000, 30, 20_000);
        check(1_000, 50, 0);
        check(1_000, 3_600, 0);
        check(50_000, 0, 0);
        check(70_000, 3_600, -20_000);
    }
}
