//! Names with a star: `gpt-*`, `*-latest`, `*`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name, or the beginning or the end of one.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Pattern {
    /// This very name.
    Exact(Box<str>),
    /// Every name that begins so.
    Prefix(Box<str>),
    /// Every name that ends so.
    Suffix(Box<str>),
}

impl Pattern {
    /// The pattern in `text`, or `None` if it is empty or has a star anywhere but once at its beginning or its end.
    pub fn parse(text: &str) -> Option<Self> {
        let (pattern, rest): (fn(Box<str>) -> Self, &str) = match (text.strip_suffix('*'), text.strip_prefix('*')) {
            (Some(beginning), _) => (Pattern::Prefix, beginning),
            (None, Some(end)) => (Pattern::Suffix, end),
            (None, None) => (Pattern::Exact, text),
        };
        (!text.is_empty() && !rest.contains('*')).then(|| pattern(rest.into()))
    }

    /// Whether `name` is one of those meant.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Exact(whole) => **whole == *name,
            Pattern::Prefix(beginning) => name.starts_with(&**beginning),
            Pattern::Suffix(end) => name.ends_with(&**end),
        }
    }

    /// Whether every name that `other` means is meant by this one too.
    pub fn covers(&self, other: &Pattern) -> bool {
        match (self, other) {
            (_, Pattern::Exact(name)) => self.matches(name),
            (Pattern::Prefix(short), Pattern::Prefix(long)) => long.starts_with(&**short),
            (Pattern::Suffix(short), Pattern::Suffix(long)) => long.ends_with(&**short),
            (Pattern::Prefix(empty) | Pattern::Suffix(empty), _) => empty.is_empty(),
            (Pattern::Exact(_), _) => false,
        }
    }

    /// The name, if this means only one.
    pub fn exact(&self) -> Option<&str> {
        match self {
            Pattern::Exact(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exact(name) => f.write_str(name),
            Pattern::Prefix(beginning) => write!(f, "{beginning}*"),
            Pattern::Suffix(end) => write!(f, "*{end}"),
        }
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let no_pattern =
            || serde::de::Error::custom(format!("`{text}` is no name: a star stands at its end or beginning"));
        Self::parse(&text).ok_or_else(no_pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect(text)
    }

    #[test]
    fn a_star_stands_for_the_rest_of_a_name() {
        assert!(pattern("gpt-*").matches("gpt-5") && !pattern("gpt-*").matches("o4"));
        assert!(pattern("*-latest").matches("x-latest") && !pattern("*-latest").matches("x-latest-1"));
        assert!(pattern("*").matches("") && pattern("auto").matches("auto") && !pattern("auto").matches("automatic"));
    }

    #[test]
    fn a_star_in_the_middle_is_refused() {
        for bad in ["", "a*b", "*a*", "**"] {
            assert_eq!(Pattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        assert!(pattern("gpt-*").covers(&pattern("gpt-5*")) && !pattern("gpt-5*").covers(&pattern("gpt-*")));
        assert!(pattern("*").covers(&pattern("*-mini")) && pattern("*-mini").covers(&pattern("gpt-5-mini")));
        assert!(!pattern("a*").covers(&pattern("*a")));
    }
}
