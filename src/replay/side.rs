//! What one file does with a past request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::books::Books;
use super::standings::Standings;
use super::warm::{Place as Warm, Warmth};
use crate::admit::Key;
use crate::config::Config;
use crate::domain::{Decision, EndpointName, Facts, KeyName, Outcome, Pico, Reason, Standing, Usage};
use crate::forward::Endpoint;
use crate::record::recorded::{Decided, Recorded};
use crate::route::{Halted, Situation, decide};

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// To a tier.
    Tier(Arc<str>),
    /// To one endpoint that a rule or the client names, or that holds the conversation.
    Endpoint(Arc<str>),
    /// Nowhere: a rule denies it.
    Denied,
    /// Nowhere: no endpoint can take it.
    FitsNowhere,
    /// Nowhere: what was asked for is not there, or the key does not allow it.
    Refused,
}

impl Place {
    /// Whether the request is answered.
    pub fn is_answered(&self) -> bool {
        matches!(self, Place::Tier(_) | Place::Endpoint(_))
    }

    fn of(outcome: &Outcome, tier: Option<&str>, first: Option<&str>) -> Self {
        match (outcome, tier, first) {
            (Outcome::Deny(_) | Outcome::Stuck { .. }, _, _) => Place::Denied,
            (Outcome::Forward, Some(tier), _) => Place::Tier(tier.into()),
            (Outcome::Forward, None, Some(first)) => Place::Endpoint(first.into()),
            (Outcome::NoneFits | Outcome::Forward, _, _) => Place::FitsNowhere,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tier(tier) => f.write_str(tier),
            Place::Endpoint(endpoint) => write!(f, "endpoint {endpoint}"),
            Place::Denied => f.write_str("denied"),
            Place::FitsNowhere => f.write_str("fits nowhere"),
            Place::Refused => f.write_str("refused"),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What became, or would become, of a request.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// Where it goes.
    pub place: Place,
    /// By which rule.
    pub rule: Option<Arc<str>>,
    /// Whether a split drew where it goes.
    pub was_drawn: bool,
    /// The endpoint and its model.
    pub answers: Option<(Arc<str>, Arc<str>)>,
    /// What it costs; `None`: nothing was used, or nobody knows.
    pub cost: Option<Pico>,
    /// Where its conversation stood before, by the file that was asked.
    pub standing: Option<Arc<Standing>>,
    /// How much of the cost is paid because the prompt is not in the endpoint's cache, as it was where it went.
    pub cold: Option<Cold>,
}

/// Tokens that were read from a cache, and are not where the request goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Cold {
    /// How many.
    pub tokens: u64,
    /// What they cost beyond what reading them from the cache does.
    #[serde(rename = "cost_usd")]
    pub cost: Pico,
}

impl Judged {
    /// What was decided and used then.
    pub fn recorded(recorded: &Recorded) -> Self {
        let decided = recorded.decided.as_ref();
        let place = decided.map_or(Place::Refused, |decided: &Decided| {
            Place::of(&decided.outcome, decided.tier.as_deref(), decided.first.as_deref())
        });
        Self {
            place,
            rule: decided.and_then(|decided| decided.rule.clone()),
            was_drawn: decided.is_some_and(|decided| decided.was_drawn),
            answers: recorded.endpoint.clone().zip(recorded.model.clone()),
            cost: recorded.cost,
            standing: None,
            cold: None,
        }
    }
}

/// One file, and what following it would have cost so far.
pub struct Side<'c> {
    config: &'c Config,
    keys: HashMap<&'c str, &'c Key>,
    books: Option<Books<'c>>,
    warmth: Warmth,
    standings: Standings,
    asked: u64,
}

impl<'c> Side<'c> {
    /// A file. Without `books` its budgets are not replayed, and `budget_used` is what was recorded.
    pub fn new(config: &'c Config, books: Option<Books<'c>>) -> Self {
        let keys = config.keys.iter().map(|key| (KeyName::as_str(&key.name), &**key)).collect();
        Self { config, keys, books, warmth: Warmth::default(), standings: Standings::default(), asked: 0 }
    }

    /// The file.
    pub fn config(&self) -> &'c Config {
        self.config
    }

    /// What of budgets was used.
    pub fn books(&self) -> Option<&Books<'c>> {
        self.books.as_ref()
    }

    /// What the rules see: as then, but for how much of this file's budgets is used.
    pub fn see(&mut self, facts: &mut Facts) {
        if let Some(books) = &mut self.books {
            facts.budget_used = books.used(facts);
        }
    }

    /// What the moment adds. Chance comes from the request's id, so that two files draw alike; keys that are not in the
    /// file may do everything.
    pub fn situation(&self, recorded: &Recorded, facts: &Facts, standing: Option<Arc<Standing>>) -> Situation {
        let key = facts.key.as_ref().and_then(|key| self.keys.get(key.as_str()));
        let held = recorded.decided.as_ref().and_then(|decided| decided.held_by.as_deref());
        let (_, random) = recorded.id.as_bytes().split_at(8);
        let draw = random.iter().fold(0, |draw, byte| (draw << 8) | u64::from(*byte));
        Situation {
            // The first bits of an id's half say which kind of id it is.
            draw: draw.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29),
            sequence: self.asked,
            latency: Vec::new(),
            allowed_tiers: key.and_then(|key| key.tiers.clone()),
            may_choose: key.is_none_or(|key| key.may_choose),
            // It went to who held it, so nobody else could have it.
            is_pinned: held.is_some(),
            held_by: held.and_then(|name| EndpointName::parse(name).ok()),
            standing,
            // An experiment is replayed as if it ran.
            halted: Halted::default(),
        }
    }

    /// What this file does with the request, and what that would have cost.
    pub fn judge(&mut self, recorded: &Recorded, facts: &mut Facts, was: &Place) -> Judged {
        self.see(facts);
        self.asked += 1;
        let standing = self.standings.before(recorded, facts);
        let situation = self.situation(recorded, facts, standing.clone());
        let Ok(decision) = decide(&self.config.rules, facts, &situation) else {
            return Judged {
                place: Place::Refused,
                rule: None,
                was_drawn: false,
                answers: None,
                cost: None,
                standing,
                cold: None,
            };
        };
        let tier = decision.tier.as_ref().map(|tier| tier.as_str());
        let first = decision.candidates.first().map(|first| first.endpoint.as_str());
        let place = Place::of(&decision.outcome, tier, first);
        let endpoint = self.endpoint(recorded, &decision, place == *was);
        let (cost, cold) = endpoint.map_or((None, None), |endpoint| self.cost(recorded, facts, endpoint));
        if let Some(endpoint) = endpoint {
            let life = self.config.sessions.cache_life;
            self.standings.learn((recorded, facts), &decision, endpoint, standing.as_deref(), life);
        }
        if let (Some(books), Some(cost)) = (&mut self.books, cost) {
            books.spend(facts, cost);
        }
        Judged {
            place,
            rule: decision.rule.map(|rule| rule.as_str().into()),
            was_drawn: decision
                .reasons
                .iter()
                .any(|reason| matches!(reason, Reason::Split { .. } | Reason::Experiment { .. })),
            answers: endpoint.map(|endpoint| (endpoint.name.as_str().into(), Arc::clone(&endpoint.model))),
            cost,
            standing,
            cold,
        }
    }

    /// The endpoint that answers: the one that did, if the request goes where it went and it may still be tried; else the
    /// first. Which of a tier's endpoints was free, quick or drawn then is no matter of the rules.
    fn endpoint(&self, recorded: &Recorded, decision: &Decision, stays: bool) -> Option<&'c Endpoint> {
        let tried = |name: &&str| decision.candidates.iter().any(|one| one.endpoint.as_str() == *name);
        let name = recorded.endpoint.as_deref().filter(|_| stays).filter(tried);
        let name = name.or(decision.candidates.first().map(|first| first.endpoint.as_str()))?;
        self.config.endpoints.get(name).map(|endpoint| &**endpoint)
    }

    fn cost(&mut self, recorded: &Recorded, facts: &Facts, endpoint: &Endpoint) -> (Option<Pico>, Option<Cold>) {
        let Some(usage) = &recorded.usage else { return (None, None) };
        let here = Warm::of(endpoint.name.as_str(), &endpoint.model);
        let there = recorded.endpoint.as_deref().zip(recorded.model.as_deref());
        let there = there.map(|(endpoint, model)| Warm::of(endpoint, model));
        let cooled = self.warmth.cooled(recorded, facts, here, there);
        // What the provider's tier of service was says nothing of another provider.
        let service = recorded.service_tier.as_deref().filter(|_| there == Some(here));
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(recorded.at_millis);
        let price = |usage: &Usage| endpoint.price.cost(usage, at, service);
        if cooled == 0 {
            return (price(usage), None);
        }
        let colder = Usage {
            cache_read: usage.cache_read - cooled,
            cache_write_5m: usage.cache_write_5m.saturating_add(cooled),
            ..*usage
        };
        let cost = price(&colder);
        let beyond = cost.zip(price(usage)).map(|(cold, warm)| cold - warm);
        (cost, beyond.map(|cost| Cold { tokens: cooled, cost }))
    }
}
