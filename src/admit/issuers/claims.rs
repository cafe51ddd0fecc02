//! What a token's claims say of its caller.

use std::fmt;

use serde_json::Value;

/// Where a claim is: its name, or with dots the way to one inside others. A name may have dots of its own, as those do
/// that are URLs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path(Box<str>);

impl Path {
    /// The way that `text` says; `None` if it is empty.
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The claim there, if the token has it.
    pub fn find<'c>(&self, claims: &'c Value) -> Option<&'c Value> {
        find(claims, &self.0)
    }

    /// The text there: a claim that is one, or the first one of a list.
    pub fn text<'c>(&self, claims: &'c Value) -> Option<&'c str> {
        match self.find(claims)? {
            Value::Array(list) => list.iter().find_map(Value::as_str),
            value => value.as_str(),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn find<'c>(claims: &'c Value, path: &str) -> Option<&'c Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let mut ways = path.match_indices('.');
    ways.find_map(|(dot, _)| find(claims.get(&path[..dot])?, &path[dot + 1..]))
}

/// Which claims say who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The person. A token without it is refused: otherwise a header could name anybody.
    pub engineer: Path,
    /// The person's team; if it is set, a token without it is refused.
    pub team: Option<Path>,
    /// What the work is for.
    pub feature: Option<Path>,
}

/// A claim that a token must have, with this value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Required {
    /// Where it is.
    pub path: Path,
    /// The value, or one of those in a list.
    pub value: Box<str>,
}

impl Required {
    /// Whether the token has it.
    pub fn holds(&self, claims: &Value) -> bool {
        let is_it = |value: &Value| match value {
            Value::String(text) => **text == *self.value,
            Value::Bool(flag) => flag.to_string() == *self.value,
            Value::Number(number) => number.to_string() == *self.value,
            _ => false,
        };
        match self.path.find(claims) {
            Some(Value::Array(list)) => list.iter().any(is_it),
            Some(value) => is_it(value),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_found_by_its_name_or_inside_others() {
        let claims = json!({
            "email": "ana@example.com", "groups": {"team": ["payments", "search"], "n": 3},
            "https://example.com/team": "pay", "https://example": {"com/feature": "x"}, "empty": [],
        });
        let text = |path: &str| Path::parse(path).and_then(|path| path.text(&claims).map(str::to_owned));
        assert_eq!(text("email").as_deref(), Some("ana@example.com"));
        assert_eq!(text("groups.team").as_deref(), Some("payments"), "the first of a list");
        assert_eq!(text("https://example.com/team").as_deref(), Some("pay"));
        assert_eq!(text("https://example.com/feature").as_deref(), Some("x"));
        assert_eq!(
            (text("groups"), text("groups.n"), text("none.at.all"), text("empty"), text("")),
            Default::default()
        );
    }

    #[test]
    fn a_required_claim_has_its_value_alone_or_in_a_list() {
        let claims = json!({"department": "engineering", "roles": ["dev", "ops"], "staff": true, "level": 3});
        let holds = |path: &str, value: &str| {
            Required { path: Path::parse(path).expect("a path"), value: value.into() }.holds(&claims)
        };
        assert!(
            holds("department", "engineering")
                && holds("roles", "ops")
                && holds("staff", "true")
                && holds("level", "3")
        );
        assert!(
            !holds("department", "sales")
                && !holds("roles", "admin")
                && !holds("missing", "x")
                && !holds("staff", "false")
        );
    }
}
