//! What the requests of each arm were like, put together by session.

use std::collections::{BTreeMap, HashMap};

use super::stats::{Clusters, Rate};
use crate::domain::{Metric, Pico};

/// One request of an arm.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Request {
    /// What it cost; `None`: not known, or nothing was used.
    pub cost: Option<Pico>,
    /// Whether another tier answered than the arm's.
    pub escalated: bool,
    /// Whether it failed upstream.
    pub failed: bool,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What was said of its answer: bad or not; `None`: nothing.
    pub bad: Option<bool>,
}

/// What one session adds up to.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Session {
    requests: f64,
    priced: f64,
    cost: f64,
    escalated: f64,
    failed: f64,
    seconds: f64,
    rated: f64,
    bad: f64,
}

/// The requests of one arm.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ArmObserved {
    sessions: HashMap<Box<str>, Session>,
    /// Requests of which no session is known: each is one of its own.
    loose: Vec<Session>,
}

/// The requests of every arm, by its name.
pub type Observed = BTreeMap<String, ArmObserved>;

impl ArmObserved {
    /// With one request more.
    pub fn add(&mut self, session: Option<&str>, request: Request) {
        let Request { cost, escalated, failed, seconds, bad } = request;
        let flag = |is_so: bool| f64::from(u8::from(is_so));
        let whose = match session {
            Some(session) => self.sessions.entry(session.into()).or_default(),
            None => {
                self.loose.push(Session::default());
                let last = self.loose.len() - 1;
                &mut self.loose[last]
            }
        };
        whose.requests += 1.0;
        whose.priced += flag(cost.is_some());
        whose.cost += cost.map_or(0.0, Pico::usd);
        whose.escalated += flag(escalated);
        whose.failed += flag(failed);
        whose.seconds += seconds;
        whose.rated += flag(bad.is_some());
        whose.bad += flag(bad == Some(true));
    }

    fn all(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().chain(&self.loose)
    }

    fn sum(&self, of: impl Fn(&Session) -> f64) -> u64 {
        self.all().map(of).sum::<f64>() as u64
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.sum(|session| session.requests)
    }

    /// How many sessions there were; requests of which none is known are each one of its own.
    pub fn sessions(&self) -> u64 {
        (self.sessions.len() + self.loose.len()) as u64
    }

    /// How many answers were rated, and how many of those bad.
    pub fn rated(&self) -> (u64, u64) {
        (self.sum(|session| session.rated), self.sum(|session| session.bad))
    }

    /// What all of it cost, in USD.
    pub fn cost(&self) -> f64 {
        self.all().map(|session| session.cost).sum()
    }

    /// How many requests have a cost.
    pub fn priced(&self) -> u64 {
        self.sum(|session| session.priced)
    }

    fn rate(&self, x: impl Fn(&Session) -> f64, y: impl Fn(&Session) -> f64) -> Option<Rate> {
        let mut clusters = Clusters::default();
        // What has nothing to be counted says nothing.
        let counted = self.all().map(|session| (x(session), y(session))).filter(|(x, _)| *x > 0.0);
        counted.for_each(|(x, y)| clusters.add(x, y));
        clusters.rate()
    }

    /// How it did in something.
    pub fn in_metric(&self, metric: Metric) -> Option<Rate> {
        match metric {
            Metric::BadFeedback => self.rate(|session| session.rated, |session| session.bad),
            Metric::Escalations => self.rate(|session| session.requests, |session| session.escalated),
            Metric::Failures => self.rate(|session| session.requests, |session| session.failed),
            Metric::Cost => self.rate(|session| session.priced, |session| session.cost),
        }
    }

    /// What a session costs.
    pub fn cost_per_session(&self) -> Option<Rate> {
        self.rate(|session| f64::from(u8::from(session.priced > 0.0)), |session| session.cost)
    }

    /// How long a request takes, in seconds.
    pub fn seconds(&self) -> Option<Rate> {
        self.rate(|session| session.requests, |session| session.seconds)
    }

    /// How many requests count in something.
    pub fn counted(&self, metric: Metric) -> u64 {
        match metric {
            Metric::BadFeedback => self.rated().0,
            Metric::Cost => self.priced(),
            Metric::Escalations | Metric::Failures => self.requests(),
        }
    }
}
