//! Arms: which of several ways a request goes, the same for a whole session.
//!
//! The arms of a split are shares for good. Those of an experiment are drawn between two dates and as long as nothing has
//! ended it early; before and afterwards its control counts. What has ended comes in as a value ([`Halted`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rule::{Action, Destination, Rules};
use super::{Situation, lot};
use crate::domain::{ArmName, Decision, ExperimentName, Facts, Guard, Over, Pico, Reason};

/// One of the ways that an experiment compares.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Its name.
    pub name: ArmName,
    /// Where its requests go.
    pub destination: Destination,
    /// Its share.
    pub weight: u32,
}

/// Which run of an experiment: one that begins anew has another date.
pub type Run = (ExperimentName, u64);

/// Requests go different ways for some time, to find out which is best.
#[derive(Clone, Debug)]
pub struct Experiment {
    name: ExperimentName,
    arms: Vec<Arm>,
    control: usize,
    total: u64,
    /// The first moment at which arms are drawn, in milliseconds since 1970 UTC.
    pub from_millis: u64,
    /// The first moment at which they are not any more.
    pub until_millis: u64,
    /// The most that it may cost beyond what control would have; `None`: nobody minds.
    pub max_extra: Option<Pico>,
    /// What ends it if an arm does worse.
    pub guard: Option<Guard>,
}

impl Experiment {
    /// An experiment that draws arms between two moments, or `None` if it makes no sense: fewer than two arms, one
    /// without a share, no such control, or an end that is not after its beginning.
    pub fn new(
        name: ExperimentName,
        arms: Vec<Arm>,
        control: &ArmName,
        (from_millis, until_millis): (u64, u64),
    ) -> Option<Self> {
        let total = arms.iter().map(|arm| u64::from(arm.weight)).sum();
        let control = arms.iter().position(|arm| arm.name == *control)?;
        let makes_sense = arms.len() >= 2 && arms.iter().all(|arm| arm.weight > 0) && from_millis < until_millis;
        let experiment = Self { name, arms, control, total, from_millis, until_millis, max_extra: None, guard: None };
        makes_sense.then_some(experiment)
    }

    /// The same, ended early once it has cost so much more than control, or an arm does worse.
    #[must_use]
    pub fn within(self, max_extra: Option<Pico>, guard: Option<Guard>) -> Self {
        Self { max_extra, guard, ..self }
    }

    /// Its name.
    pub fn name(&self) -> &ExperimentName {
        &self.name
    }

    /// The ways that it compares, in the order of their names.
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The way that the others are compared with, and that counts when it is over.
    pub fn control(&self) -> &Arm {
        &self.arms[self.control]
    }

    /// Which run it is.
    pub fn run(&self) -> Run {
        (self.name.clone(), self.from_millis)
    }

    /// Why no arms are drawn at this moment; `None`: they are.
    pub fn over(&self, at_millis: u64, halted: &Halted) -> Option<Over> {
        if at_millis < self.from_millis {
            return Some(Over::NotBegun);
        }
        match halted {
            _ if at_millis >= self.until_millis => Some(Over::Date),
            Halted::Nothing => None,
            Halted::Everything => Some(Over::Unwatched),
            Halted::These(ended) => ended.get(&self.run()).copied(),
        }
    }

    fn arm(&self, facts: &Facts, draw: u64) -> &Arm {
        let mut left = lot(self.name.as_str(), facts, draw) % self.total;
        for arm in &self.arms {
            match left.checked_sub(u64::from(arm.weight)) {
                Some(rest) => left = rest,
                None => return arm,
            }
        }
        unreachable!("the lot is below the sum of the weights")
    }

    /// Where a request goes, and why.
    pub(super) fn follow(&self, facts: &Facts, situation: &Situation) -> (&Destination, Reason) {
        if let Some(why) = self.over(facts.at_millis, &situation.halted) {
            let destination = &self.control().destination;
            let to = destination.name().into();
            return (destination, Reason::ExperimentOver { experiment: self.name.clone(), why, to });
        }
        let arm = self.arm(facts, situation.draw);
        let to = arm.destination.name().into();
        (&arm.destination, Reason::Experiment { experiment: self.name.clone(), arm: arm.name.clone(), to })
    }
}

/// What has ended experiments before their date, as far as is known at this moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Halted {
    /// Nothing, or nobody knows and only the dates count: for those who try rules.
    #[default]
    Nothing,
    /// It is not known what ended, so none runs.
    Everything,
    /// These have ended.
    These(Arc<BTreeMap<Run, Over>>),
}

/// A decision that did not follow its rule, because tools spoke and the conversation stays: it belongs to the session's arm
/// all the same.
pub(super) fn noted(rules: &Rules, facts: &Facts, situation: &Situation, mut decision: Decision) -> Decision {
    let rule = decision.rule.as_ref().and_then(|name| rules.rule(name));
    if let Some(Action::Experiment(experiment)) = rule.map(|rule| &rule.action)
        && facts.session.is_some()
    {
        decision.reasons.push(experiment.follow(facts, situation).1);
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::super::sample::{House, facts};
    use super::super::{Balance, decide};
    use super::*;
    use crate::domain::{Mark, Session};

    fn experiment(house: &House) -> Experiment {
        let arm = |name: &str, tier: &Arc<super::super::Tier>, weight| Arm {
            name: ArmName::parse(name).expect("a name"),
            destination: Destination::Tier(tier.clone()),
            weight,
        };
        let arms = vec![arm("control", &house.large, 1), arm("small", &house.cheap, 3)];
        let name = ExperimentName::parse("try").expect("a name");
        Experiment::new(name, arms, &ArmName::parse("control").expect("a name"), (100, 200)).expect("an experiment")
    }

    fn asked(session: u64, at_millis: u64) -> Facts {
        Facts { session: Some(Session(Mark::from_u64(session))), at_millis, ..facts() }
    }

    fn tier(house: &House, facts: &Facts, situation: &Situation) -> (String, Reason) {
        let rules = house.rules(Vec::new(), Action::Experiment(Box::new(experiment(house))));
        let decision = decide(&rules, facts, situation).expect("a decision");
        let reason = decision.reasons.iter().find(|one| !matches!(one, Reason::Rule { .. })).expect("a reason");
        (decision.tier.expect("a tier").to_string(), reason.clone())
    }

    #[test]
    fn a_session_keeps_its_arm_and_shares_are_as_asked() {
        let house = House::new(Balance::First);
        let mut small = 0;
        for session in 0..4000 {
            let at = |draw| tier(&house, &asked(session, 150), &Situation { draw, ..Situation::default() });
            let (first, reason) = at(0);
            assert_eq!((first.clone(), reason), at(session * 7 + 1), "the draw does not matter");
            small += u32::from(first == "cheap");
        }
        assert!((2900..3100).contains(&small), "{small} of 4000 with a share of three quarters");
    }

    #[test]
    fn before_after_and_when_halted_control_counts() {
        let house = House::new(Balance::First);
        let session = (0..100).find(|session| tier(&house, &asked(*session, 150), &Situation::default()).0 == "cheap");
        let session = session.expect("one of the small arm");
        let run = (ExperimentName::parse("try").expect("a name"), 100);
        let other_run = (run.0.clone(), 99);
        let these = |run| Halted::These(Arc::new(BTreeMap::from([(run, Over::Spend)])));
        for (at, halted, expected) in [
            (99, Halted::Nothing, Some(Over::NotBegun)),
            (100, Halted::Nothing, None),
            (199, Halted::Nothing, None),
            (200, Halted::Nothing, Some(Over::Date)),
            (150, Halted::Everything, Some(Over::Unwatched)),
            (150, these(run), Some(Over::Spend)),
            (150, these(other_run), None),
        ] {
            let situation = Situation { halted, ..Situation::default() };
            let (tier, reason) = tier(&house, &asked(session, at), &situation);
            let over = match reason {
                Reason::ExperimentOver { why, .. } => Some(why),
                _ => None,
            };
            assert_eq!((tier.as_str(), over), (if expected.is_some() { "large" } else { "cheap" }, expected), "{at}");
        }
    }
}
