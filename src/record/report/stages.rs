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
