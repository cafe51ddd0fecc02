//! The line of the ledger that a request leaves, and what metrics and log are told of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Billing, End, Spent, Trail, micros, millis};
use crate::budget::Reservation;
use crate::domain::{Door as Kind, UsageSource};
use crate::forward::Tried;
use crate::observe::{RequestEnded, TriedEvent};
use crate::record::entry::{Attempt, Charge, Entry, TOLD};

impl Trail {
    pub(super) fn entry(&self, end: &End<'_>, spent: &Spent, in_vain: &[Option<Spent>], now: Instant) -> Entry {
        let caller = self.admitted.as_ref().map(|admitted| &admitted.caller);
        let endpoint = end.upstream.map(|(endpoint, _)| endpoint);
        let first_content = end.tally.as_ref().and_then(|tally| tally.first_content);
        let since = |moment: Instant| micros(moment.saturating_duration_since(self.arrived));
        let is_paid = spent.usage.is_some() || spent.is_ceiling;
        Entry {
            id: self.id,
            at_millis: millis(self.at),
            door: self.door,
            dialect: self.facts.as_ref().map(|facts| facts.dialect),
            key: caller.and_then(|caller| caller.key.clone()),
            engineer: caller.and_then(|caller| caller.engineer.clone()),
            team: caller.and_then(|caller| caller.team.clone()),
            feature: caller.and_then(|caller| caller.feature.clone()),
            branch: caller.and_then(|caller| caller.branch.clone()),
            pull_request: caller.and_then(|caller| caller.pull_request.clone()),
            app: self.app,
            facts: self.facts.clone(),
            evidence: self.evidence.clone(),
            decision: self.decision.clone(),
            rules_version: self.config.version.clone(),
            attempts: self.attempts(in_vain, now),
            endpoint: endpoint.map(|endpoint| endpoint.name.clone()),
            tier: end.upstream.and_then(|(_, tier)| tier.cloned()),
            model: endpoint.map(|endpoint| Arc::clone(&endpoint.model)),
            usage: spent.usage.map(|(usage, _)| usage),
            usage_source: spent.usage.map(|(_, source)| source).or(spent.is_ceiling.then_some(UsageSource::Estimated)),
            service_tier: end.tally.as_ref().and_then(|tally| tally.service_tier.clone()),
            price_version: is_paid.then(|| match spent.is_told {
                true => TOLD.into(),
                false => Arc::clone(&self.config.price_version),
            }),
            cost: spent.cost,
            // What is settled late was told as reserved by the entry of its request.
            reserved: self.reservation.as_ref().map(Reservation::amount).filter(|_| !spent.is_ceiling),
            provider_cost: spent.provider_cost,
            baseline: spent.baseline,
            straight: spent.straight,
            status: end.status,
            ending: end.ending,
            failure: end.failure.map(|(word, _)| word),
            fault: end.failure.map(|(_, fault)| fault),
            streamed: end.streamed,
            total_us: since(now),
            first_byte_us: first_content.map(since),
            overhead_us: micros(self.overhead(now)),
            request_bytes: self.request_bytes,
            response_bytes: end.tally.as_ref().map_or(0, |tally| tally.bytes),
            closes: self.closes(spent),
            held: end
                .tally
                .as_ref()
                .filter(|_| self.kind == Some(Kind::Responses))
                .map_or_else(Vec::new, |tally| tally.marks.clone()),
        }
    }

    /// What we added before an upstream was asked: from arrival on, less the time in which the body arrived.
    fn overhead(&self, now: Instant) -> Duration {
        let asked = self.tried.first().map_or(now, |first| first.started);
        if let Billing::AtCeiling(_) = self.billing {
            return Duration::ZERO;
        }
        asked.saturating_duration_since(self.arrived).saturating_sub(self.body_wait)
    }

    fn attempts(&self, in_vain: &[Option<Spent>], now: Instant) -> Vec<Attempt> {
        let last = self.tried.len();
        let attempt = |(place, tried): (usize, &Tried)| {
            // The last attempt's answer ends with the request; the others ended when they failed.
            let ended = if place + 1 == last { now } else { tried.ended.unwrap_or(now) };
            Attempt {
                endpoint: tried.endpoint.clone(),
                tier: tried.tier.clone(),
                model: Arc::clone(&tried.model),
                started_us: micros(tried.started.saturating_duration_since(self.arrived)),
                duration_us: micros(ended.saturating_duration_since(tried.started)),
                status: tried.status.map(|status| status.as_u16()),
                outcome: tried.outcome,
                provider_request_id: tried.provider_request_id.clone(),
                verdict: tried.verdict,
                charge: in_vain.get(place).and_then(Option::as_ref).and_then(|spent| self.charge(tried, spent)),
            }
        };
        self.tried.iter().enumerate().map(attempt).collect()
    }

    fn charge(&self, tried: &Tried, spent: &Spent) -> Option<Charge> {
        let (usage, source) = spent.usage?;
        Some(Charge {
            usage,
            source,
            service_tier: tried.used_in_vain().and_then(|used| used.service_tier),
            price_version: if spent.is_told { TOLD.into() } else { Arc::clone(&self.config.price_version) },
            cost: spent.cost,
            provider_cost: spent.provider_cost,
        })
    }

    pub(super) fn event(&self, entry: &Entry, end: &End<'_>) -> RequestEnded {
        let event = |tried: &Tried| TriedEvent {
            endpoint: tried.endpoint.clone(),
            outcome: tried.outcome,
            verdict: tried.verdict,
            is_discarded: !tried.is_answer && tried.verdict.is_some_and(|verdict| verdict.check().is_some()),
        };
        RequestEnded {
            id: self.id,
            door: self.door,
            key: entry.key.clone(),
            app: entry.app,
            rule: self.decision.as_ref().and_then(|decision| decision.rule.clone()),
            turn: self.turn(),
            tier: entry.tier.clone(),
            endpoint: entry.endpoint.clone(),
            tags: self.facts.as_ref().map_or_else(Default::default, |facts| facts.tags.clone()),
            risk: self.facts.as_ref().map(|facts| facts.risk),
            status: end.status,
            ending: end.ending.as_str(),
            failure: entry.failure,
            fault: entry.fault,
            tried: self.tried.iter().map(event).collect(),
            streamed: end.streamed,
            usage: entry.usage,
            usage_source: entry.usage_source,
            cost: entry.cost,
            // There is nothing to compare it with where it stands for our own.
            provider_cost: entry.provider_cost.filter(|_| entry.price_version.as_deref() != Some(TOLD)),
            baseline: entry.baseline,
            total: Duration::from_micros(entry.total_us),
            first_byte: entry.first_byte_us.map(Duration::from_micros),
            overhead: Duration::from_micros(entry.overhead_us),
        }
    }
}
