//! Where it is told what shipped, and whose it is.

use std::collections::HashMap;

use super::Checker;
use crate::config::located::Located;
use crate::config::raw::{RawBranchOf, RawFile, RawSecret};
use crate::domain::{Label, Secret};
use crate::route::Pattern;
use crate::value::Settings;
use crate::value::mapping::{BranchOf, Mapping};

impl Checker<'_, '_> {
    pub(super) fn outcomes(&mut self, file: &RawFile) -> Settings {
        let raw = &file.outcomes;
        let github = raw.github.as_ref().and_then(|github| {
            self.shared_secret("secret", github.secret.as_ref(), github.span(), "`outcomes.github`")
        });
        let gitlab = raw
            .gitlab
            .as_ref()
            .and_then(|gitlab| self.shared_secret("token", gitlab.token.as_ref(), gitlab.span(), "`outcomes.gitlab`"));
        let branches: Vec<(&Located<RawBranchOf>, BranchOf)> =
            raw.branches.iter().filter_map(|of| Some((of, self.branch_of(of)?))).collect();
        self.find_shadowed(&branches);
        let engineers = raw
            .engineers
            .iter()
            .filter_map(|(login, engineer)| Some((login.to_ascii_lowercase(), self.label(Some(engineer), login)?)));
        let engineers = engineers.collect();
        let branches = branches.into_iter().map(|(_, of)| of).collect();
        Settings { github, gitlab, mapping: Mapping { branches, engineers, teams: teams(file) } }
    }

    fn shared_secret(
        &mut self,
        key: &str,
        written: Option<&Located<RawSecret>>,
        table: std::ops::Range<usize>,
        subject: &str,
    ) -> Option<Secret> {
        let written = self.required(written, &table, key, subject)?;
        self.secret(key, written, subject)
    }

    fn branch_of(&mut self, written: &Located<RawBranchOf>) -> Option<BranchOf> {
        let subject = "an entry of `outcomes.branches`";
        let branch = self.required(written.branch.as_ref(), &written.span(), "branch", subject);
        let feature = self.required(written.feature.as_ref(), &written.span(), "feature", subject);
        let branch = branch.and_then(|branch| self.pattern(branch, "branch"));
        let repository = match &written.repository {
            Some(repository) => Some(self.pattern(repository, "repository")?),
            None => None,
        };
        Some(BranchOf { branch: branch?, repository, feature: self.label(feature, "feature")? })
    }

    fn pattern(&mut self, written: &Located<String>, key: &str) -> Option<Pattern> {
        let pattern = Pattern::parse(written);
        if pattern.is_none() {
            let message = format!("`{key}` cannot be `{}`", written.value());
            self.findings.error(written.span(), message).hint("one `*` at most, at the beginning or the end");
        }
        pattern
    }

    /// Warns of an entry that an earlier one leaves nothing to.
    fn find_shadowed(&mut self, branches: &[(&Located<RawBranchOf>, BranchOf)]) {
        for (place, (written, later)) in branches.iter().enumerate() {
            let covers = |earlier: &BranchOf| {
                let repository = match (&earlier.repository, &later.repository) {
                    (None, _) => true,
                    (Some(earlier), Some(later)) => earlier.covers(later),
                    (Some(_), None) => false,
                };
                repository && earlier.branch.covers(&later.branch)
            };
            if branches[..place].iter().any(|(_, earlier)| covers(earlier)) {
                let message = format!("no branch is left to `{}`: an earlier entry has them all", later.branch);
                self.findings.warning(written.span(), message).hint("the first that matches counts: put it before");
            }
        }
    }
}

/// The team of each engineer whose keys all name the same one.
fn teams(file: &RawFile) -> HashMap<Label, Label> {
    let mut teams: HashMap<Label, Option<Label>> = HashMap::new();
    for key in file.keys.values() {
        let label = |written: &Option<Located<String>>| written.as_ref().and_then(|text| Label::parse(text));
        if let (Some(engineer), Some(team)) = (label(&key.engineer), label(&key.team)) {
            let known = teams.entry(engineer).or_insert_with(|| Some(team.clone()));
            if known.as_ref() != Some(&team) {
                *known = None;
            }
        }
    }
    teams.into_iter().filter_map(|(engineer, team)| Some((engineer, team?))).collect()
}
