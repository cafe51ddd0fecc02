//! What a request holds of its budgets on its way, and what becomes of that when it ends.

use super::Proxy;
use super::trail::Trail;
use crate::budget::Reservation;
use crate::config::Config;
use crate::domain::{Caller, Failure, Pico, RequestId};
use crate::observe::Metrics;

impl Proxy {
    /// Reserves the dearest that the request can cost in the budgets that it counts under. Where nobody knows what that
    /// is, nothing is reserved, and only a budget that is used up refuses.
    pub(super) async fn hold(
        &self,
        config: &Config,
        trail: &mut Trail,
        caller: &Caller,
        ceiling: Option<Pico>,
    ) -> Result<(), Failure> {
        let needed = ceiling.unwrap_or(Pico::ZERO);
        let reserved = self.books.budgets.reserve(&config.budgets, caller, needed, trail.at_millis()).await;
        if let Err(Failure { budget: Some(refusal), .. }) = &reserved {
            self.books.metrics.budgets.refused(&refusal.budget);
        }
        trail.reservation = reserved?;
        if ceiling.is_none() && trail.reservation.is_some() {
            self.books.metrics.budgets.unbounded();
        }
        Ok(())
    }
}

/// Turns what was reserved into what it cost. What is not known to cost anything is given back; the entry says where a
/// price is missing.
pub(super) fn settle(reservation: Option<Reservation>, cost: Option<Pico>, id: RequestId, metrics: &Metrics) {
    let Some((reservation, cost)) = reservation.zip(cost) else { return };
    let reserved = reservation.amount();
    if cost > reserved {
        metrics.budgets.overrun(cost - reserved);
        tracing::warn!(request_id = %id, %cost, %reserved, "a request cost more than was reserved for it");
    }
    reservation.settle(cost);
}
