//! What a request holds of its budgets on its way, and what becomes of that when it ends.

use super::Proxy;
use super::trail::Trail;
use crate::budget::{Reservation, Settled};
use crate::config::Config;
use crate::domain::{Caller, Failure, Pico};

impl Proxy {
    /// Reserves so much if there is room for it in every budget; else nothing, and nobody is told of a refusal.
    pub(super) async fn hold_if_room(&self, config: &Config, trail: &mut Trail, caller: &Caller, needed: Pico) -> bool {
        let reserved = self.books.budgets.try_reserve(&config.budgets, caller, needed, trail.at_millis()).await;
        let is_held = reserved.is_ok();
        if let Ok(reservation) = reserved {
            trail.reservation = reservation;
        }
        is_held
    }

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
pub(super) fn settle(trail: &mut Trail, cost: Option<Pico>, ended_micros: u64) {
    // Dropped here, it gives everything back.
    let reservation = trail.reservation.take();
    let (Some(cost), Some(admitted)) = (cost, &trail.admitted) else { return };
    let reserved = reservation.as_ref().map(Reservation::amount).filter(|amount| *amount > Pico::ZERO);
    if let Some(reserved) = reserved.filter(|reserved| cost > *reserved) {
        trail.books.metrics.budgets.overrun(cost - reserved);
        tracing::warn!(request_id = %trail.id, %cost, %reserved, "a request cost more than was reserved for it");
    }
    let (at_millis, began_under) = (trail.at_millis(), &trail.config.budgets);
    let settled = Settled { at_millis, ended_micros, caller: &admitted.caller, cost, began_under };
    trail.books.budgets.settle(settled, reservation);
}
