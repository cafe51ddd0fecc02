//! Outcomes as people and scripts write them, in JSON or CSV.

use std::io::Read;

use jiff::Timestamp;
use serde::Deserialize;

use super::outcome::{MERGED_PR, Outcome, Source};
use super::pull_request::PullRequest;
use crate::domain::Label;

/// The longest name that is kept of a repository, a branch, an id.
const LONGEST: usize = 256;

/// The greatest weight: a slip of a decimal place must not make everything else worth nothing.
const HEAVIEST: u32 = 1_000;

/// An outcome as it is written; nothing is checked yet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Draft {
    /// What it is. Default `merged-pr`.
    pub kind: Option<String>,
    /// Its id among those of its kind. Default: the pull request.
    pub id: Option<String>,
    /// When it shipped, such as `2026-11-22T14:00:00Z`.
    pub at: Option<String>,
    /// The repository.
    pub repository: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// The pull request.
    pub pull_request: Option<String>,
    /// Whose it is, as the code host calls them.
    pub author: Option<String>,
    /// Whose it is.
    pub engineer: Option<String>,
    /// Their team.
    pub team: Option<String>,
    /// What it was for.
    pub feature: Option<String>,
    /// As how many it counts. Default 1.
    pub weight: Option<u32>,
}

/// What is wrong with a draft.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DraftError {
    /// Nothing tells this outcome from others.
    #[error("it has neither `id` nor `pull_request`: one of them tells it from others")]
    NoId,
    /// It is not said when it shipped.
    #[error("it has no `at`: when it shipped, such as `2026-11-22T14:00:00Z`")]
    NoMoment,
    /// That is no moment.
    #[error("`at` cannot be `{0}`: a moment such as `2026-11-22T14:00:00Z`")]
    Moment(String),
    /// That is no label.
    #[error("`{field}` cannot be `{text}`: 1 to 96 printable ASCII characters without spaces")]
    Label {
        /// Of what.
        field: &'static str,
        /// What was written.
        text: String,
    },
    /// That is no name.
    #[error("`{0}` is longer than {LONGEST} bytes, or has spaces or control characters")]
    Name(&'static str),
    /// That is no pull request.
    #[error("`pull_request` cannot be `{0}`: such as `example/shop#42`, or `#42` beside a `repository`")]
    PullRequest(String),
    /// That is no weight.
    #[error("`weight` cannot be {0}: from 1 to {HEAVIEST}")]
    Weight(u32),
}

impl Draft {
    /// The outcome.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checked(self, source: Source) -> Result<Outcome, DraftError> {
        let repository = name("repository", self.repository)?;
        let pull_request = match given(self.pull_request) {
            Some(text) => Some(whole(&text, repository.as_deref()).ok_or(DraftError::PullRequest(text))?),
            None => None,
        };
        let repository = repository.or_else(|| pull_request.as_ref()?.repository.as_deref().map(str::to_owned));
        let pull_request = pull_request.map(|pull_request| pull_request.to_string());
        let id = name("id", self.id)?.or_else(|| pull_request.clone()).ok_or(DraftError::NoId)?;
        let at = given(self.at).ok_or(DraftError::NoMoment)?;
        let moment: Timestamp = at.parse().map_err(|_| DraftError::Moment(at))?;
        let weight = self.weight.unwrap_or(1);
        if !(1..=HEAVIEST).contains(&weight) {
            return Err(DraftError::Weight(weight));
        }
        let kind = given(self.kind).unwrap_or_else(|| MERGED_PR.to_owned());
        Ok(Outcome {
            kind: Label::parse(&kind).ok_or(DraftError::Label { field: "kind", text: kind })?,
            id,
            source,
            at_millis: moment.as_millisecond(),
            repository,
            branch: name("branch", self.branch)?,
            pull_request,
            author: name("author", self.author)?,
            engineer: label("engineer", self.engineer)?,
            team: label("team", self.team)?,
            feature: label("feature", self.feature)?,
            weight,
        })
    }
}

/// The pull request with its repository, which may stand beside it.
fn whole(text: &str, repository: Option<&str>) -> Option<PullRequest> {
    let mut named = PullRequest::parse(text).filter(|_| is_name(text))?;
    named.repository = repository.map(Into::into).or(named.repository);
    named.repository.is_some().then_some(named)
}

/// What was written, unless it is empty: that is how CSV says that there is none.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn label(field: &'static str, text: Option<String>) -> Result<Option<Label>, DraftError> {
    let Some(text) = given(text) else { return Ok(None) };
    Label::parse(&text).map(Some).ok_or(DraftError::Label { field, text })
}

fn name(field: &'static str, text: Option<String>) -> Result<Option<String>, DraftError> {
    match given(text) {
        Some(text) if !is_name(&text) => Err(DraftError::Name(field)),
        text => Ok(text),
    }
}

/// Whether a text may be kept as a name: branches and repositories have no spaces.
pub(super) fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// A line of a CSV file that is no outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// Its number, the line of titles being 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a CSV file (RFC 4180) whose first line names the columns, which are the fields of [`Draft`].
///
/// # Errors
/// If the first line names a column that there is not, or none at all: then nothing can be read.
pub fn read_csv(file: impl Read) -> Result<(Vec<Outcome>, Vec<BadLine>), BadLine> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let titles = reader.headers().map_err(|error| BadLine { line: 1, why: error.to_string() })?.clone();
    let strange = titles.iter().find(|title| !COLUMNS.contains(title));
    if let Some(title) = strange.or(titles.is_empty().then_some("")) {
        let why = format!("there is no column `{title}`: the first line names some of {}", COLUMNS.join(", "));
        return Err(BadLine { line: 1, why });
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok((good, bad)),
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                let draft = record.deserialize::<Draft>(Some(&titles)).map_err(|error| error.to_string());
                match draft.and_then(|draft| draft.checked(Source::Csv).map_err(|error| error.to_string())) {
                    Ok(outcome) => good.push(outcome),
                    Err(why) => bad.push(BadLine { line, why }),
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                bad.push(BadLine { line, why: error.to_string() });
                if error.is_io_error() {
                    return Ok((good, bad));
                }
            }
        }
    }
}

const COLUMNS: &[&str] =
    &["kind", "id", "at", "repository", "branch", "pull_request", "author", "engineer", "team", "feature", "weight"];

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(json: &str) -> Result<Outcome, DraftError> {
        serde_json::from_str::<Draft>(json).unwrap().checked(Source::Api)
    }

    #[test]
    fn a_pull_request_is_an_id() {
        let outcome =
            draft(r#"{"pull_request":"https://github.com/example/shop/pull/42","at":"2026-11-22T14:00:00Z"}"#);
        let outcome = outcome.unwrap();
        assert_eq!((outcome.kind.as_str(), outcome.id.as_str(), outcome.weight), ("merged-pr", "example/shop#42", 1));
        assert_eq!(outcome.repository.as_deref(), Some("example/shop"));
        assert_eq!(outcome.at_millis, 1_795_356_000_000);
        let beside = draft(r##"{"pull_request":"#42","repository":"example/shop","at":"2026-11-22T14:00:00+01:00"}"##);
        assert_eq!(beside.unwrap().pull_request.as_deref(), Some("example/shop#42"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let at = r#""at":"2026-11-22T14:00:00Z""#;
        let check = |json: String, expected: &str| {
            let error = draft(&json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        };
        check(format!("{{{at}}}"), "neither `id` nor `pull_request`");
        check(r#"{"id":"PAY-7"}"#.into(), "no `at`");
        check(r#"{"id":"PAY-7","at":"yesterday"}"#.into(), "`at` cannot be `yesterday`");
        check(format!(r##"{{"pull_request":"#42",{at}}}"##), "`pull_request` cannot be `#42`");
        check(format!(r#"{{"id":"PAY-7","feature":"two words",{at}}}"#), "`feature` cannot be `two words`");
        check(format!(r#"{{"id":"a b",{at}}}"#), "`id` is longer");
        check(format!(r#"{{"id":"PAY-7","weight":0,{at}}}"#), "`weight` cannot be 0");
        check(format!(r#"{{"id":"PAY-7","weight":1001,{at}}}"#), "`weight` cannot be 1001");
        assert!(serde_json::from_str::<Draft>(r#"{"title":"free text"}"#).is_err(), "no free text is taken");
    }

    #[test]
    fn a_csv_file_is_read_line_by_line() {
        let file = "kind,id,at,feature,weight\n\
                    closed-ticket,PAY-7,2026-11-22T14:00:00Z,checkout,3\n\
                    closed-ticket,PAY-8,yesterday,checkout,\n\
                    closed-ticket,PAY-9\n\
                    closed-ticket,\"PAY-10\",2026-11-22T14:00:00Z,,\n";
        let (good, bad) = read_csv(file.as_bytes()).unwrap();
        assert_eq!(
            good.iter().map(|one| (one.id.as_str(), one.weight)).collect::<Vec<_>>(),
            [("PAY-7", 3), ("PAY-10", 1)]
        );
        assert_eq!(good[1].feature, None, "an empty cell says nothing");
        assert_eq!(bad.iter().map(|one| one.line).collect::<Vec<_>>(), [3, 4], "{bad:?}");
        let strange = read_csv("id,titel\nPAY-7,x\n".as_bytes()).unwrap_err();
        assert!(strange.line == 1 && strange.why.contains("`titel`"), "{strange:?}");
        assert!(read_csv("".as_bytes()).is_err());
    }
}
