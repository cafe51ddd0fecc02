//! Whose and what for an outcome is, where it does not say so itself: `[outcomes] branches` and `engineers`, and the
//! teams of the keys.

use std::collections::HashMap;

use super::outcome::Outcome;
use super::pull_request::is_same_repository;
use crate::domain::Label;
use crate::route::Pattern;

/// Which feature a branch belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BranchOf {
    /// The branches.
    pub branch: Pattern,
    /// Of which repositories; `None`: any.
    pub repository: Option<Pattern>,
    /// The feature.
    pub feature: Label,
}

/// What is known of branches and people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mapping {
    /// In the order of the file; the first that matches counts.
    pub branches: Vec<BranchOf>,
    /// Engineers by the names that code hosts know them by, in lower case.
    pub engineers: HashMap<String, Label>,
    /// Teams by engineer, of those whose keys all name the same one.
    pub teams: HashMap<Label, Label>,
}

impl Mapping {
    /// The feature that a branch belongs to.
    pub fn feature(&self, repository: Option<&str>, branch: &str) -> Option<&Label> {
        let is_meant = |of: &&BranchOf| {
            of.branch.matches(branch)
                && of.repository.as_ref().is_none_or(|pattern| {
                    repository.is_some_and(|repository| {
                        pattern.matches(repository)
                            || pattern.exact().is_some_and(|exact| is_same_repository(exact, repository))
                    })
                })
        };
        self.branches.iter().find(is_meant).map(|of| &of.feature)
    }

    /// The outcome with what it does not say itself.
    pub fn resolved(&self, mut outcome: Outcome) -> Outcome {
        let known_as = || self.engineers.get(&outcome.author.as_deref()?.to_ascii_lowercase()).cloned();
        outcome.engineer = outcome.engineer.or_else(known_as);
        outcome.team = outcome.team.or_else(|| self.teams.get(outcome.engineer.as_ref()?).cloned());
        let mapped = || self.feature(outcome.repository.as_deref(), outcome.branch.as_deref()?).cloned();
        outcome.feature = outcome.feature.or_else(mapped);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::outcome::Source;

    fn label(text: &str) -> Label {
        Label::parse(text).unwrap()
    }

    fn mapping() -> Mapping {
        let of = |branch: &str, repository: Option<&str>, feature: &str| BranchOf {
            branch: Pattern::parse(branch).unwrap(),
            repository: repository.map(|text| Pattern::parse(text).unwrap()),
            feature: label(feature),
        };
        Mapping {
            branches: vec![
                of("checkout/*", Some("example/shop"), "checkout"),
                of("checkout/*", Some("other/*"), "till"),
                of("search/*", None, "search"),
                of("*", Some("example/docs"), "docs"),
            ],
            engineers: [("octocat".to_owned(), label("ana"))].into(),
            teams: [(label("ana"), label("payments"))].into(),
        }
    }

    #[test]
    fn the_first_pattern_that_matches_names_the_feature() {
        let check = |repository, branch, expected| {
            assert_eq!(mapping().feature(repository, branch).map(Label::as_str), expected, "{repository:?} {branch}");
        };
        check(Some("example/shop"), "checkout/round", Some("checkout"));
        check(Some("Example/Shop"), "checkout/round", Some("checkout"));
        check(Some("other/till"), "checkout/round", Some("till"));
        check(None, "checkout/round", None);
        check(None, "search/rank", Some("search"));
        check(Some("example/docs"), "main", Some("docs"));
        check(Some("example/shop"), "main", None);
    }

    #[test]
    fn what_an_outcome_says_itself_is_kept() {
        let outcome = Outcome {
            kind: label("merged-pr"),
            id: "example/shop#42".into(),
            source: Source::Github,
            at_millis: 1,
            repository: Some("example/shop".into()),
            branch: Some("checkout/round".into()),
            pull_request: None,
            author: Some("OctoCat".into()),
            engineer: None,
            team: None,
            feature: None,
            weight: 1,
        };
        let resolved = mapping().resolved(outcome.clone());
        let names = |outcome: &Outcome| {
            let text = |label: &Option<Label>| label.as_ref().map_or("-".to_owned(), Label::to_string);
            [text(&outcome.engineer), text(&outcome.team), text(&outcome.feature)]
        };
        assert_eq!(names(&resolved), ["ana", "payments", "checkout"]);
        let told = Outcome { engineer: Some(label("bo")), feature: Some(label("till")), ..outcome.clone() };
        assert_eq!(names(&mapping().resolved(told)), ["bo", "-", "till"]);
        let stranger = Outcome { author: Some("cleo".into()), branch: None, ..outcome };
        assert_eq!(names(&mapping().resolved(stranger)), ["-", "-", "-"]);
    }
}
