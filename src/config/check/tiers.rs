//! Tiers, and what of the routing table refers to them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Checker, Declared};
use crate::config::located::Located;
use crate::config::raw::{BalanceWord, Named, RawMember, RawRouting, RawTier};
use crate::domain::{EndpointName, TierName};
use crate::route::{Balance, Member, Pattern, Tier};

impl Checker<'_, '_> {
    pub(super) fn tiers(&mut self, raw: &Named<RawTier>, declared: &mut Declared) {
        declared.tier_names = raw.keys().map(|name| name.to_string()).collect();
        let good = self.named(raw, "a tier");
        for (name, _) in &good {
            if declared.endpoint_names.contains(name.value()) {
                let message = format!("`{}` is the name of a tier and of an endpoint", name.value());
                self.findings
                    .error(name.span(), message)
                    .hint("rules and clients name both, so each needs its own name");
            }
        }
        self.escalations(&good, declared);
        let mut members = HashMap::new();
        for (name, tier) in &good {
            members.insert(name.as_str(), self.members(name, tier, declared));
        }
        // The tier that another escalates to is built before it; what is left after a round without progress is a
        // circle or hangs on one, and was told above.
        let mut left = good;
        loop {
            let before = left.len();
            left.retain(|(name, tier)| !self.build(name, tier, &mut members, declared));
            if left.is_empty() || left.len() == before {
                break;
            }
        }
    }

    /// Builds a tier whose escalation is built; `false` if it must wait for that.
    fn build(
        &mut self,
        name: &Located<String>,
        raw: &RawTier,
        members: &mut HashMap<&str, Vec<Member>>,
        declared: &mut Declared,
    ) -> bool {
        let escalate = match &raw.escalate {
            Some(to) => match declared.tiers.get(to.as_str()) {
                Some(tier) => Some(tier.clone()),
                None => return false,
            },
            None => None,
        };
        let Ok(tier_name) = TierName::parse(name) else { return true };
        let members = members.remove(name.as_str()).unwrap_or_default();
        let nothing_told = !members.is_empty();
        match Tier::new(tier_name, members, balance(raw), escalate) {
            Some(tier) => drop(declared.tiers.insert(name.to_string(), Arc::new(tier))),
            None if nothing_told => {
                self.findings.error(name.span(), format!("every weight of tier `{}` is 0", name.value()));
            }
            None => {}
        }
        true
    }

    fn members(&mut self, name: &Located<String>, raw: &Located<RawTier>, declared: &Declared) -> Vec<Member> {
        if raw.endpoints.is_empty() && !self.was_taken_out(&raw.span(), "endpoints") {
            let message = format!("tier `{}` has no endpoints", name.value());
            self.findings.error(name.span(), message).hint("such as `endpoints = [\"NAME\"]`");
        }
        let mut members: Vec<Member> = Vec::with_capacity(raw.endpoints.len());
        let known = declared.endpoint_names();
        for member in &raw.endpoints {
            let (endpoint, weight) = match member.value() {
                RawMember::Name(endpoint) => (endpoint, 1),
                RawMember::Weighted(weighted) => (&weighted.name, weighted.weight.unwrap_or(1)),
            };
            if !known.contains(&endpoint.as_str()) {
                let subject = format!("tier `{}` names endpoint", name.value());
                self.undefined(member.span(), &subject, endpoint, &known, "endpoints");
            }
            if members.iter().any(|known| known.target.name.as_str() == endpoint) {
                let message = format!("tier `{}` names endpoint `{endpoint}` twice", name.value());
                self.findings.error(member.span(), message);
                continue;
            }
            let checked = declared.endpoints.get(endpoint);
            members.extend(checked.map(|checked| Member { target: checked.target.clone(), weight }));
        }
        members
    }

    /// Escalations to nowhere, and in a circle.
    fn escalations(&mut self, tiers: &[(&Located<String>, &Located<RawTier>)], declared: &Declared) {
        let next: HashMap<&str, &Located<String>> =
            tiers.iter().filter_map(|(name, tier)| Some((name.as_str(), tier.escalate.as_ref()?))).collect();
        let mut told: Vec<&str> = Vec::new();
        for (name, tier) in tiers {
            let Some(to) = &tier.escalate else { continue };
            if !declared.tier_names.contains(to.value()) {
                let subject = format!("tier `{}` escalates to tier", name.value());
                self.undefined(to.span(), &subject, to, &declared.tier_names(), "tiers");
                continue;
            }
            let mut way = vec![name.as_str()];
            let mut at = to.as_str();
            while !way.contains(&at) {
                way.push(at);
                let Some(further) = next.get(at) else { break };
                at = further.as_str();
            }
            let circle = way.len() > 1 || at == name.as_str();
            if circle && at == name.as_str() && !told.contains(&at) && next.contains_key(way[way.len() - 1]) {
                told.extend(&way);
                way.push(at);
                let message = format!("tier `{}` escalates in a circle: {}", name.value(), way.join(" → "));
                self.findings.error(to.span(), message).hint("let the dearest tier escalate to none");
            }
        }
    }

    pub(super) fn routed(&mut self, raw: &RawRouting, declared: &Declared) -> Vec<Pattern> {
        let Some(models) = &raw.models else { return Pattern::parse("auto").into_iter().collect() };
        let mut patterns = Vec::with_capacity(models.len());
        for model in models {
            match Pattern::parse(model) {
                Some(pattern) => patterns.push(pattern),
                None => {
                    let message = format!("`routing.models` cannot have `{}`", model.value());
                    self.findings
                        .error(model.span(), message)
                        .hint("a name, with `*` at its beginning or end if need be");
                }
            }
            if declared.destination_names().contains(&model.as_str()) {
                let message = format!("`{}` in `routing.models` is also a tier or an endpoint", model.value());
                self.findings.error(model.span(), message).hint("a client that names it would get the rules' choice");
            }
        }
        patterns
    }

    pub(super) fn baseline(&mut self, raw: &RawRouting, declared: &Declared) -> Option<EndpointName> {
        let written = raw.baseline.as_ref()?;
        if !declared.tier_names.contains(written.value()) {
            self.undefined(written.span(), "`routing.baseline` names tier", written, &declared.tier_names(), "tiers");
        }
        let target = &declared.tiers.get(written.as_str())?.members().first()?.target;
        if !target.price.is_known() {
            let message = format!("savings cannot be told: endpoint `{}` of the baseline is unpriced", target.name);
            self.findings.warning(written.span(), message);
        }
        Some(target.name.clone())
    }
}

fn balance(raw: &RawTier) -> Balance {
    match raw.balance {
        None | Some(BalanceWord::First) => Balance::First,
        Some(BalanceWord::RoundRobin) => Balance::RoundRobin,
        Some(BalanceWord::Weighted) => Balance::Weighted,
        Some(BalanceWord::LeastLatency) => Balance::LeastLatency,
        Some(BalanceWord::LeastCost) => Balance::LeastCost,
    }
}
