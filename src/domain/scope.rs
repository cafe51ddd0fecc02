//! Of whom something is counted: limits and budgets are for everybody, or for what a request says of its caller.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{Caller, EndpointName};

/// What of a request tells whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// Every request together.
    All,
    /// The caller's key.
    Key,
    /// The person.
    Engineer,
    /// The person's team.
    Team,
    /// What the work is for.
    Feature,
    /// The endpoint that is asked.
    Endpoint,
}

impl Dimension {
    /// The word used in `routes.toml`, in errors and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::All => "all",
            Dimension::Key => "key",
            Dimension::Engineer => "engineer",
            Dimension::Team => "team",
            Dimension::Feature => "feature",
            Dimension::Endpoint => "endpoint",
        }
    }
}

/// Who a limit or a budget is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
pub struct Scope {
    /// What tells whose a request is.
    pub dimension: Dimension,
    /// The one value that is meant; `None`: every value has its own.
    pub value: Option<Arc<str>>,
}

impl Scope {
    /// Everybody together.
    pub const ALL: Scope = Scope { dimension: Dimension::All, value: None };

    /// What a request of this caller, answered by this endpoint, counts under; `None` if it does not count here. A
    /// caller without, say, a team falls under no team's limit.
    pub fn holder<'c>(&self, caller: &'c Caller, endpoint: Option<&'c EndpointName>) -> Option<&'c str> {
        let found = match self.dimension {
            Dimension::All => Some(""),
            Dimension::Key => caller.key.as_ref().map(|key| key.as_str()),
            Dimension::Engineer => caller.engineer.as_ref().map(|label| label.as_str()),
            Dimension::Team => caller.team.as_ref().map(|label| label.as_str()),
            Dimension::Feature => caller.feature.as_ref().map(|label| label.as_str()),
            Dimension::Endpoint => endpoint.map(|endpoint| endpoint.as_str()),
        };
        found.filter(|found| self.value.as_deref().is_none_or(|value| value == *found))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.value, self.dimension) {
            (_, Dimension::All) => f.write_str("everybody"),
            (Some(value), dimension) => write!(f, "{} `{value}`", dimension.as_str()),
            (None, dimension) => write!(f, "each {}", dimension.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{App, Label};

    #[test]
    fn a_request_counts_where_its_caller_is_meant() {
        let caller = Caller { team: Label::parse("payments"), ..Caller::unknown(App::OTHER) };
        let scope = |dimension, value: Option<&str>| Scope { dimension, value: value.map(Into::into) };
        assert_eq!(Scope::ALL.holder(&caller, None), Some(""));
        assert_eq!(scope(Dimension::Team, None).holder(&caller, None), Some("payments"));
        assert_eq!(scope(Dimension::Team, Some("payments")).holder(&caller, None), Some("payments"));
        assert_eq!(scope(Dimension::Team, Some("search")).holder(&caller, None), None);
        assert_eq!(scope(Dimension::Engineer, None).holder(&caller, None), None, "nobody is known");
        let mini = EndpointName::parse("mini").expect("a name");
        assert_eq!(scope(Dimension::Endpoint, None).holder(&caller, Some(&mini)), Some("mini"));
    }
}
