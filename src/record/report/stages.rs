//! Stages: stretches of time in which it makes no difference to whoever asks when exactly something was spent.
//!
//! Whoever joins spend to what came of it has to know of each row which of a few moments followed it, and no more: for a
//! branch the merges of that branch. By hour a large ledger has millions of lines; by stage it has a few for each branch.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::super::fields::Fields;
use super::super::file::LedgerError;
use super::{GroupBy, Line};

/// From when on, in whole hours, and the moment that stands for the stage.
type Step = (i64, i64);

/// Stages, by the work that entries name: a branch, or else a feature and an engineer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stages {
    by_work: HashMap<String, Vec<Step>>,
}

/// The work of cells, in PostgreSQL. A space, which no label has, tells a branch from a feature and an engineer; what stands
/// before a branch's colon is its repository.
pub const WORK: &str = "CASE WHEN pull_request IS NOT NULL THEN NULL \
     WHEN branch IS NOT NULL THEN ' ' || substr(branch, strpos(branch, ':') + 1) \
     ELSE feature || ' ' || engineer END";

impl Stages {
    /// The moment of entries whose time makes no difference: they name a pull request, or no work that has stages.
    pub const NONE: i64 = i64::MAX;

    /// What an entry's work is told by. Lines are put together by these as well.
    pub const NAMED_BY: [GroupBy; 4] = [GroupBy::Branch, GroupBy::Pr, GroupBy::Feature, GroupBy::Engineer];

    /// The stages of a branch, whatever repository it is in: for each the hour with which it begins, and the moment that
    /// stands for it.
    pub fn of_branch(&mut self, branch: &str, stages: impl IntoIterator<Item = (i64, i64)>) {
        self.by_work.insert(format!(" {branch}"), sorted(stages));
    }

    /// The stages of what an engineer does for a feature and on no branch.
    pub fn of_feature(&mut self, feature: &str, engineer: &str, stages: impl IntoIterator<Item = (i64, i64)>) {
        self.by_work.insert(format!("{feature} {engineer}"), sorted(stages));
    }

    /// The stages of a row whose columns after the first are [`NAMED_BY`](Self::NAMED_BY).
    pub(super) fn of(&self, row: &impl Fields, name: &mut String) -> Result<Course<'_>, LedgerError> {
        let steps = if work(row, name)? { self.by_work.get(name.as_str()) } else { None };
        Ok(Course(steps.map_or(&[], Vec::as_slice)))
    }

    /// All of them, each as its work, its beginning and its moment.
    pub(super) fn columns(&self) -> (Vec<&str>, Vec<i64>, Vec<i64>) {
        let all = self.by_work.iter().flat_map(|(work, steps)| steps.iter().map(|step| (work.as_str(), *step)));
        let (mut works, mut sinces, mut moments) = (Vec::new(), Vec::new(), Vec::new());
        for (work, (since, moment)) in all {
            works.push(work);
            sinces.push(since);
            moments.push(moment);
        }
        (works, sinces, moments)
    }
}

fn sorted(stages: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps: Vec<Step> = stages.into_iter().collect();
    steps.sort_unstable();
    steps
}

/// Writes what [`WORK`] says of a row; whether it says anything.
fn work(row: &impl Fields, name: &mut String) -> Result<bool, LedgerError> {
    name.clear();
    let (branch, pull_request) = (row.text(1)?, row.text(2)?);
    let written = match (pull_request, branch) {
        (Some(_), _) => return Ok(false),
        (None, Some(told)) => write!(name, " {}", told.split_once(':').map_or(told, |(_, branch)| branch)),
        (None, None) => {
            let Some((feature, engineer)) = row.text(3)?.zip(row.text(4)?) else { return Ok(false) };
            write!(name, "{feature} {engineer}")
        }
    };
    Ok(written.is_ok())
}

/// The stages of one work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course<'s>(&'s [Step]);

impl Course<'_> {
    /// What stands for the stage in which an hour is.
    pub fn at(self, moment: i64) -> i64 {
        let begun = self.0.partition_point(|(since, _)| *since <= moment);
        begun.checked_sub(1).map_or(Stages::NONE, |last| self.0[last].1)
    }

    /// When the next stage after a moment begins.
    pub fn turn_after(self, moment: i64) -> Option<i64> {
        let begun = self.0.partition_point(|(since, _)| *since <= moment);
        self.0.get(begun).map(|(since, _)| *since)
    }
}

/// What was spent in one stage of one work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Staged {
    /// What stands for the stage.
    pub moment: i64,
    /// What its entries have in common, and what they add up to. Durations and tokens are not added up.
    pub line: Line,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::super::cell::HOUR;
    use super::super::super::entry::Entry;
    use super::super::super::insert::{Scratch, insert};
    use super::super::super::period::Period;
    use super::super::super::query::Reader;
    use super::super::super::{file, rollup, sample, settings::Settings};
    use super::super::{Filter, Totals};
    use super::*;
    use crate::domain::{Label, Pico};

    const DAYS: u64 = 5;

    fn name(of: &str, number: usize) -> Option<Label> {
        [None, Label::parse(&format!("{of}/a")), Label::parse(&format!("{of}/b"))][number].clone()
    }

    prop_compose! {
        fn any_entry()(
            minute in 0..DAYS * 1440, names in prop::array::uniform4(0..3_usize), told in any::<bool>(), cost in prop::option::of(0..i64::MAX),
        ) -> (u64, [usize; 4], bool, Option<i64>) {
            (minute, names, told, cost)
        }
    }

    fn entry(number: u64, (minute, names, told, cost): (u64, [usize; 4], bool, Option<i64>)) -> Entry {
        let branch = name("branch", names[0]);
        let told_with = |branch: Label| Label::parse(&format!("example/shop:{branch}"));
        Entry {
            at_millis: sample::MIDNIGHT + minute * 60_000,
            branch: if told { branch.and_then(told_with) } else { branch },
            pull_request: (names[1] == 2).then(|| Label::parse("example/shop#1")).flatten(),
            feature: name("feature", names[1]),
            engineer: name("engineer", names[2]),
            team: name("team", names[3]),
            cost: cost.map(|cost| Pico::new(cost.into())),
            ..sample::full(number)
        }
    }

    /// A stage begins in each of these hours, and each has a moment of its own, save the ones in a row that share one.
    fn any_stages() -> impl Strategy<Value = Vec<(i64, i64)>> {
        let hours = prop::collection::btree_set(0..DAYS as i64 * 24, 0..6);
        (hours, any::<bool>()).prop_map(|(hours, shared)| {
            let at = |hour: i64| sample::MIDNIGHT as i64 + hour * HOUR;
            let moment = |place: usize| at(1_000 + if shared { place / 2 } else { place } as i64);
            let steps = hours.into_iter().enumerate().map(|(place, hour)| (at(hour), moment(place + 1)));
            [(i64::MIN, moment(0))].into_iter().chain(steps).collect()
        })
    }

    type Spent = (u64, Option<Pico>, Option<Pico>, Option<Pico>, u64, u64);

    fn spent(totals: &Totals) -> Spent {
        let Totals { requests, cost, baseline, savings, unpriced, estimated, .. } = *totals;
        (requests, cost, baseline, savings, unpriced, estimated)
    }

    fn together(one: Spent, other: Spent) -> Spent {
        let sum = |one: Option<Pico>, other: Option<Pico>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        let (cost, baseline, savings) = (sum(one.1, other.1), sum(one.2, other.2), sum(one.3, other.3));
        (one.0 + other.0, cost, baseline, savings, one.4 + other.4, one.5 + other.5)
    }

    /// What a line by hour is in: the definition, without a ledger.
    fn stage_of(keys: &[Option<String>], stages: &[(String, Vec<Step>)]) -> i64 {
        let at = keys[0].as_deref().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let key = |place: usize| keys[place].as_deref();
        let work = match (key(2), key(1)) {
            (Some(_), _) => None,
            (None, Some(branch)) => Some(format!("branch {}", branch.rsplit(':').next().unwrap())),
            (None, None) => key(3).zip(key(4)).map(|(feature, engineer)| format!("{feature} by {engineer}")),
        };
        let steps = stages.iter().find(|(named, _)| Some(named) == work.as_ref());
        let begun = steps.and_then(|(_, steps)| steps.iter().rfind(|(since, _)| *since <= at));
        begun.map_or(Stages::NONE, |(_, moment)| *moment)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn by_stage_is_by_hour_put_together(
            some in prop::collection::vec(any_entry(), 1..80),
            steps in prop::collection::vec(1..60_usize, 0..4),
            of_branch in any_stages(),
            of_feature in any_stages(),
            since in prop::option::of(0..DAYS as i64 * 1440),
            until in prop::option::of(0..DAYS as i64 * 1440),
            team in prop::option::of(1..3_usize),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let settings = Settings::at(folder.path().join("ledger.db"));
            file::create(&settings.path).unwrap();
            let mut connection = file::connect(&settings).unwrap();
            for (number, some) in (0..).zip(&some) {
                assert!(insert(&connection, &entry(number, *some), &mut Scratch::default()).unwrap());
            }
            for at_most in steps {
                rollup::add_next(&mut connection, at_most).unwrap();
            }
            let at = |minute: i64| sample::MIDNIGHT as i64 + minute * 60_000;
            let period = Period { since_millis: since.map(at), until_millis: until.map(at) };
            let equal = team.map(|team| (GroupBy::Team, name("team", team).unwrap().to_string()));
            let filter = Filter { period, equal: equal.into_iter().collect() };
            let reader = Reader::open(&settings.path).unwrap();

            let all = [("branch branch/a".to_owned(), of_branch.clone()), ("feature/a by engineer/b".to_owned(), of_feature.clone())];
            let mut stages = Stages::default();
            stages.of_branch("branch/a", of_branch);
            stages.of_feature("feature/a", "engineer/b", of_feature);
            let by: Vec<GroupBy> = Stages::NAMED_BY.into_iter().chain([GroupBy::Team]).collect();
            let mut found = BTreeMap::new();
            for staged in reader.by_stage(&filter, &by, &stages).unwrap() {
                let before = found.insert((staged.moment, staged.line.keys), spent(&staged.line.totals));
                prop_assert!(before.is_none());
            }
            let hourly: Vec<GroupBy> = [GroupBy::Hour].into_iter().chain(by).collect();
            let mut expected: BTreeMap<_, Spent> = BTreeMap::new();
            for line in reader.report(&filter, &hourly).unwrap().lines {
                let place = (stage_of(&line.keys, &all), line.keys[1..].to_vec());
                let spent = spent(&line.totals);
                expected.entry(place).and_modify(|known| *known = together(*known, spent)).or_insert(spent);
            }
            prop_assert_eq!(found, expected);
        }
    }
}
