//! Which spend belongs to which outcome.
//!
//! A row of spend is asked three questions, and the first that it has an answer to decides:
//!
//! 1. Does it name a pull request? It belongs to the outcome of that name, whenever that shipped.
//! 2. Does it name a branch? It belongs to the next outcome of that branch, in that repository if it names one.
//! 3. Does it name a feature and an engineer? It belongs to the next outcome of both, if that shipped within
//!    [`REACH_MILLIS`].
//!
//! "Next" is what shipped in the same hour or in the first hour after it in which anything did: rows are of whole hours.
//! Where two outcomes answer a question equally well, nobody is asked to guess: the row is ambiguous, joined to none, and
//! counted as such. Where none does, it is unjoined. A question is never passed on because its answer was no outcome: a
//! pull request that has not been merged has cost what it has cost, and nothing else has.

use std::collections::{BTreeSet, HashMap};

use super::outcome::Outcome;
use super::pull_request::{PullRequest, is_same_repository};
use super::spend::{HOUR_MILLIS, Spend};

/// How long before an outcome spend may be that is joined by feature and engineer alone: 30 days.
pub const REACH_MILLIS: i64 = 30 * 24 * HOUR_MILLIS;

/// By what a row is joined, or would be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum By {
    /// The pull request that it names.
    PullRequest,
    /// The branch that it names.
    Branch,
    /// The feature and the engineer that it names.
    Feature,
}

/// Where a row of spend belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// To this outcome, by its place in the list.
    Joined(usize, By),
    /// To one of several, and nothing says which.
    Ambiguous(By),
    /// To none that is known.
    Unjoined,
}

/// What spend may name that several outcomes go by, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Work<'o> {
    /// A branch, in any repository.
    Branch(&'o str),
    /// What an engineer does for a feature, on no branch that is told.
    Feature {
        /// The feature.
        feature: &'o str,
        /// The engineer.
        engineer: &'o str,
    },
}

/// A stretch of time in which rows of one work have the same verdict: that of a row of `hour_millis`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stage {
    /// The first hour; it lasts until that of the next.
    pub since_millis: i64,
    /// The hour that stands for it.
    pub hour_millis: i64,
}

/// The hour of rows after which nothing ships.
pub const NEVER: i64 = i64::MAX;

/// Outcomes, by what spend names.
#[derive(Debug)]
pub struct Outcomes<'o> {
    all: &'o [Outcome],
    by_number: HashMap<u64, Vec<(usize, PullRequest)>>,
    by_id: HashMap<&'o str, Vec<usize>>,
    by_branch: HashMap<&'o str, Vec<usize>>,
    by_work: HashMap<(&'o str, &'o str), Vec<usize>>,
}

impl<'o> Outcomes<'o> {
    /// These outcomes, whose engineers and features have been filled in.
    pub fn of(all: &'o [Outcome]) -> Self {
        let mut outcomes = Self {
            all,
            by_number: HashMap::new(),
            by_id: HashMap::new(),
            by_branch: HashMap::new(),
            by_work: HashMap::new(),
        };
        for (place, outcome) in all.iter().enumerate() {
            outcomes.by_id.entry(&outcome.id).or_default().push(place);
            if let Some(named) = outcome.pull_request.as_deref().and_then(PullRequest::parse) {
                outcomes.by_number.entry(named.number).or_default().push((place, named));
            }
            if let Some(branch) = &outcome.branch {
                outcomes.by_branch.entry(branch).or_default().push(place);
            }
            if let (Some(feature), Some(engineer)) = (&outcome.feature, outcome.maker()) {
                outcomes.by_work.entry((feature.as_str(), engineer)).or_default().push(place);
            }
        }
        outcomes
    }

    /// Where this row belongs.
    pub fn verdict(&self, row: &Spend) -> Verdict {
        if let Some(name) = &row.pull_request {
            return one_of(&self.named(name), By::PullRequest);
        }
        if let Some((repository, branch)) = row.branch() {
            return one_of(&self.next_of_branch(repository, branch, row.hour_millis), By::Branch);
        }
        if let (Some(feature), Some(engineer)) = (&row.feature, &row.engineer) {
            let all = self.by_work.get(&(feature.as_str(), engineer.as_str())).map_or(&[][..], Vec::as_slice);
            return one_of(&self.next(all, row.hour_millis, REACH_MILLIS), By::Feature);
        }
        Verdict::Unjoined
    }

    /// Where verdicts change in time: the stages of each work, in their order, from the beginning of time to its end. Rows
    /// that name no such work have the same verdict whenever they are.
    pub fn stages(&self) -> impl Iterator<Item = (Work<'o>, Vec<Stage>)> {
        let branches = self.by_branch.iter().map(|(branch, all)| (Work::Branch(branch), self.stages_of(all, None)));
        let features = self.by_work.iter().map(|((feature, engineer), all)| {
            (Work::Feature { feature, engineer }, self.stages_of(all, Some(REACH_MILLIS)))
        });
        branches.chain(features)
    }

    fn stages_of(&self, all: &[usize], reach: Option<i64>) -> Vec<Stage> {
        let hours: BTreeSet<i64> = all.iter().map(|place| hour_of(self.all[*place].at_millis)).collect();
        let (mut stages, mut next) = (Vec::new(), i64::MIN);
        for hour in hours {
            let reached = reach.map_or(i64::MIN, |reach| hour.saturating_sub(reach));
            if reached > next {
                stages.push(Stage { since_millis: next, hour_millis: NEVER });
                next = reached;
            }
            stages.push(Stage { since_millis: next, hour_millis: hour });
            next = hour.saturating_add(HOUR_MILLIS);
        }
        stages.push(Stage { since_millis: next, hour_millis: NEVER });
        stages
    }

    /// The outcomes that a name may mean: an id word for word, or else a pull request.
    fn named(&self, name: &str) -> Vec<usize> {
        if let Some(exact) = self.by_id.get(name) {
            return exact.clone();
        }
        let Some(named) = PullRequest::parse(name) else { return Vec::new() };
        let same_number = self.by_number.get(&named.number).into_iter().flatten();
        same_number.filter(|(_, other)| named.may_be(other)).map(|(place, _)| *place).collect()
    }

    /// The next outcome of a branch in each repository that may be meant.
    fn next_of_branch(&self, repository: Option<&str>, branch: &str, hour: i64) -> Vec<usize> {
        let mut by_repository: HashMap<Option<&str>, Vec<usize>> = HashMap::new();
        for place in self.by_branch.get(branch).into_iter().flatten() {
            let of = self.all[*place].repository.as_deref();
            let is_meant = match (repository, of) {
                (Some(meant), Some(of)) => is_same_repository(meant, of),
                _ => true,
            };
            if is_meant {
                by_repository.entry(of).or_default().push(*place);
            }
        }
        by_repository.into_values().flat_map(|all| self.next(&all, hour, i64::MAX)).collect()
    }

    /// Those of `all` that shipped in the first hour, from `hour` on and within `reach`, in which any did.
    fn next(&self, all: &[usize], hour: i64, reach: i64) -> Vec<usize> {
        let shipped = |place: &usize| hour_of(self.all[*place].at_millis);
        let later = || all.iter().filter(|place| (hour..=hour.saturating_add(reach)).contains(&shipped(place)));
        let Some(first) = later().map(shipped).min() else { return Vec::new() };
        later().filter(|place| shipped(place) == first).copied().collect()
    }
}

/// The hour in which a moment lies.
pub fn hour_of(millis: i64) -> i64 {
    millis.div_euclid(HOUR_MILLIS) * HOUR_MILLIS
}

fn one_of(found: &[usize], by: By) -> Verdict {
    match found {
        [] => Verdict::Unjoined,
        [one] => Verdict::Joined(*one, by),
        _ => Verdict::Ambiguous(by),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Label;
    use crate::value::outcome::Source;

    /// An outcome as `repository#number branch feature engineer`, `-` for what is not told, at an hour.
    fn outcome(text: &str, hour: i64) -> Outcome {
        let words: Vec<&str> = text.split(' ').collect();
        let told = |place: usize| Some(words[place]).filter(|word| *word != "-");
        let named = PullRequest::parse(words[0]);
        Outcome {
            kind: Label::parse("merged-pr").unwrap(),
            id: words[0].into(),
            source: Source::Github,
            at_millis: hour * HOUR_MILLIS + 1_000,
            repository: named.as_ref().and_then(|named| named.repository.as_deref()).map(str::to_owned),
            branch: told(1).map(str::to_owned),
            pull_request: named.map(|named| named.to_string()),
            author: None,
            engineer: told(3).and_then(Label::parse),
            team: None,
            feature: told(2).and_then(Label::parse),
            weight: 1,
        }
    }

    /// Spend as `pull-request branch feature engineer` in an hour.
    fn spend(text: &str, hour: i64) -> Spend {
        let mut words = text.split(' ').map(|word| Some(word.to_owned()).filter(|word| word != "-"));
        let mut next = || words.next().unwrap();
        let (pull_request, branch, feature, engineer) = (next(), next(), next(), next());
        Spend { hour_millis: hour * HOUR_MILLIS, pull_request, branch, feature, engineer, ..Spend::default() }
    }

    fn check(outcomes: &[Outcome], row: &str, hour: i64, expected: Verdict) {
        assert_eq!(Outcomes::of(outcomes).verdict(&spend(row, hour)), expected, "{row} in hour {hour}");
    }

    #[test]
    fn a_named_pull_request_decides_whenever_it_was_merged() {
        let outcomes = [
            outcome("example/shop#42 checkout/a checkout ana", 10),
            outcome("example/docs#42 docs/a docs bo", 20),
            outcome("example/shop#43 checkout/b checkout ana", 30),
            outcome("PAY-7 - checkout ana", 30),
        ];
        let check = |row, hour, expected| check(&outcomes, row, hour, expected);
        check("example/shop#42 - - -", 5, Verdict::Joined(0, By::PullRequest));
        check("example/shop#42 - - -", 99, Verdict::Joined(0, By::PullRequest));
        check("shop#42 docs/a docs bo", 5, Verdict::Joined(0, By::PullRequest));
        check("https://github.com/example/docs/pull/42 - - -", 5, Verdict::Joined(1, By::PullRequest));
        check("43 - - -", 5, Verdict::Joined(2, By::PullRequest));
        check("#42 - - -", 5, Verdict::Ambiguous(By::PullRequest));
        check("PAY-7 - - -", 5, Verdict::Joined(3, By::PullRequest));
        check("example/shop#44 checkout/a checkout ana", 5, Verdict::Unjoined);
        check("PAY-8 checkout/a checkout ana", 5, Verdict::Unjoined);
    }

    #[test]
    fn a_branch_belongs_to_its_next_merge() {
        let outcomes = [
            outcome("example/shop#1 fix - -", 10),
            outcome("example/shop#2 fix - -", 20),
            outcome("example/docs#1 fix - -", 30),
            outcome("example/docs#2 prose - -", 30),
            outcome("example/docs#3 prose - -", 30),
        ];
        let check = |row, hour, expected| check(&outcomes, row, hour, expected);
        check("- example/shop:fix - -", 9, Verdict::Joined(0, By::Branch));
        check("- shop:fix - -", 10, Verdict::Joined(0, By::Branch));
        check("- example/shop:fix - -", 11, Verdict::Joined(1, By::Branch));
        check("- example/shop:fix - -", 21, Verdict::Unjoined);
        check("- fix - -", 9, Verdict::Ambiguous(By::Branch));
        check("- fix - -", 21, Verdict::Joined(2, By::Branch));
        check("- prose - -", 5, Verdict::Ambiguous(By::Branch));
        check("- other checkout ana", 5, Verdict::Unjoined);
    }

    #[test]
    fn a_feature_and_an_engineer_belong_to_what_they_ship_next() {
        let reach = REACH_MILLIS / HOUR_MILLIS;
        let outcomes = [
            outcome("example/shop#1 a checkout ana", 2_000),
            outcome("example/shop#2 b checkout bo", 2_000),
            outcome("example/shop#3 c checkout ana", 2_010),
            outcome("example/shop#4 d checkout ana", 2_010),
        ];
        let check = |row, hour, expected| check(&outcomes, row, hour, expected);
        check("- - checkout ana", 1_990, Verdict::Joined(0, By::Feature));
        check("- - checkout ana", 2_000, Verdict::Joined(0, By::Feature));
        check("- - checkout ana", 2_000 - reach, Verdict::Joined(0, By::Feature));
        check("- - checkout ana", 2_000 - reach - 1, Verdict::Unjoined);
        check("- - checkout bo", 1_990, Verdict::Joined(1, By::Feature));
        check("- - checkout ana", 2_001, Verdict::Ambiguous(By::Feature));
        check("- - checkout ana", 2_011, Verdict::Unjoined);
        check("- - checkout -", 1_990, Verdict::Unjoined);
        check("- - - ana", 1_990, Verdict::Unjoined);
        check("- - - -", 1_990, Verdict::Unjoined);
    }

    proptest! {
        #[test]
        fn rows_of_a_stage_have_the_verdict_of_its_hour(
            shipped in prop::collection::vec((0..2_000_i64, 0..3_usize, 0..2_usize), 0..12),
            hours in prop::collection::vec(-10..2_100_i64, 1..40),
        ) {
            let of = |(number, (hour, branch, repository)): (usize, &(i64, usize, usize))| {
                let (branch, repository) = (["-", "fix", "prose"][*branch], ["shop", "docs"][*repository]);
                outcome(&format!("example/{repository}#{number} {branch} checkout ana"), *hour)
            };
            let outcomes: Vec<Outcome> = shipped.iter().enumerate().map(of).collect();
            let outcomes = Outcomes::of(&outcomes);
            for (work, stages) in outcomes.stages() {
                prop_assert_eq!(stages[0].since_millis, i64::MIN);
                prop_assert!(stages.windows(2).all(|two| two[0].since_millis < two[1].since_millis));
                let rows: &[&str] = match work {
                    Work::Branch("fix") => &["- fix - -", "- example/docs:fix checkout ana", "- docs:fix - -"],
                    Work::Branch(_) => &["- prose - -", "- example/shop:prose - -"],
                    Work::Feature { .. } => &["- - checkout ana"],
                };
                for (row, hour) in rows.iter().flat_map(|row| hours.iter().map(move |hour| (row, *hour))) {
                    let row = spend(row, hour);
                    let stage = stages.iter().rfind(|stage| stage.since_millis <= row.hour_millis).unwrap();
                    let moved = Spend { hour_millis: stage.hour_millis, ..row.clone() };
                    prop_assert_eq!(outcomes.verdict(&moved), outcomes.verdict(&row), "{:?} {:?}", row, stages);
                }
            }
        }
    }

    #[test]
    fn hours_begin_where_they_begin_before_1970_too() {
        assert_eq!(hour_of(HOUR_MILLIS - 1), 0);
        assert_eq!(hour_of(-1), -HOUR_MILLIS);
    }
}
