//! Something of value that shipped.

use serde::Serialize;

use crate::domain::Label;

/// The kind of outcome that a code host's webhook tells.
pub const MERGED_PR: &str = "merged-pr";

/// Who told of an outcome.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// GitHub's webhook.
    Github,
    /// GitLab's webhook.
    Gitlab,
    /// The admin API.
    Api,
    /// A CSV file.
    Csv,
}

impl Source {
    /// Every one.
    pub const ALL: [Source; 4] = [Source::Github, Source::Gitlab, Source::Api, Source::Csv];

    /// The word in the store and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Github => "github",
            Source::Gitlab => "gitlab",
            Source::Api => "api",
            Source::Csv => "csv",
        }
    }

    /// The word's meaning; `None` if it is none of them.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }
}

/// Something of value that shipped. No titles, no descriptions: labels only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outcome {
    /// What it is: `merged-pr`, `closed-ticket` …
    pub kind: Label,
    /// Its id among those of its kind: whoever tells of the same again says nothing new, whatever way it is told.
    pub id: String,
    /// Who told of it first.
    pub source: Source,
    /// When it shipped, in milliseconds since 1970 UTC.
    pub at_millis: i64,
    /// The repository: `example/shop`.
    pub repository: Option<String>,
    /// The branch that the work was done on.
    pub branch: Option<String>,
    /// The pull request: `example/shop#42`.
    pub pull_request: Option<String>,
    /// Whose it is, as the code host calls them.
    pub author: Option<String>,
    /// Whose it is, as keys and headers call them.
    pub engineer: Option<Label>,
    /// Their team.
    pub team: Option<Label>,
    /// What it was for.
    pub feature: Option<Label>,
    /// As how many it counts.
    pub weight: u32,
}

impl Outcome {
    /// Whose it is: as keys and headers call them, or else as the code host does, which is often the same.
    pub fn maker(&self) -> Option<&str> {
        self.engineer.as_ref().map(Label::as_str).or(self.author.as_deref())
    }
}
