//! Risk tags in sets: those that are built in, and those that a company names in its configuration.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NameError, OwnTag, Tag};

/// A risk tag, built in or a company's own. A text that names no built-in tag is one of its own, so that what the ledger
/// holds can be read after the tag has gone from the configuration.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AnyTag {
    /// One of those that are built in.
    Known(Tag),
    /// One that the configuration names.
    Own(OwnTag),
}

impl AnyTag {
    /// The tag of this name.
    ///
    /// # Errors
    /// If the text is no name at all.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match Tag::parse(text) {
            Some(tag) => Ok(Self::Known(tag)),
            None => OwnTag::parse(text).map(Self::Own),
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(tag) => tag.as_str(),
            Self::Own(name) => name.as_str(),
        }
    }
}

impl From<Tag> for AnyTag {
    fn from(tag: Tag) -> Self {
        Self::Known(tag)
    }
}

impl fmt::Display for AnyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AnyTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AnyTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A set of risk tags. A company's own carry their names with them, so a set means the same wherever it is read.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct TagSet {
    known: u16,
    /// In the order of their names, each once; `None` for none.
    own: Option<Arc<[OwnTag]>>,
}

impl TagSet {
    /// No tags.
    pub const EMPTY: Self = Self { known: 0, own: None };

    /// Adds a tag.
    pub fn insert(&mut self, tag: impl Into<AnyTag>) {
        match tag.into() {
            AnyTag::Known(tag) => self.known |= 1 << tag as u16,
            AnyTag::Own(name) => {
                if let Err(place) = self.own().binary_search(&name) {
                    let mut own = self.own().to_vec();
                    own.insert(place, name);
                    self.own = Some(own.into());
                }
            }
        }
    }

    /// Whether the built-in tag is in the set.
    pub fn contains(&self, tag: Tag) -> bool {
        self.known & (1 << tag as u16) != 0
    }

    /// Whether the tag is in the set.
    pub fn has(&self, tag: &AnyTag) -> bool {
        match tag {
            AnyTag::Known(tag) => self.contains(*tag),
            AnyTag::Own(name) => self.own().binary_search(name).is_ok(),
        }
    }

    /// Whether no tag is in the set.
    pub fn is_empty(&self) -> bool {
        self.known == 0 && self.own.is_none()
    }

    /// How many tags are in the set.
    pub fn len(&self) -> usize {
        self.known.count_ones() as usize + self.own().len()
    }

    /// The tags of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let own: Vec<OwnTag> =
            self.own().iter().filter(|name| other.own().binary_search(name).is_ok()).cloned().collect();
        Self { known: self.known & other.known, own: (!own.is_empty()).then(|| own.into()) }
    }

    /// The built-in tags, in the order of the documentation.
    pub fn known(&self) -> impl Iterator<Item = Tag> {
        let known = self.known;
        Tag::ALL.iter().copied().filter(move |tag| known & (1 << *tag as u16) != 0)
    }

    /// A company's own tags, in the order of their names.
    pub fn own(&self) -> &[OwnTag] {
        self.own.as_deref().unwrap_or_default()
    }

    /// The tags: first the built-in ones.
    pub fn iter(&self) -> impl Iterator<Item = AnyTag> {
        self.known().map(AnyTag::Known).chain(self.own().iter().cloned().map(AnyTag::Own))
    }
}

impl<T: Into<AnyTag>> FromIterator<T> for TagSet {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        let mut set = Self::EMPTY;
        tags.into_iter().for_each(|tag| set.insert(tag));
        set
    }
}

impl fmt::Debug for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The tags with commas between them.
impl fmt::Display for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, tag) in self.iter().enumerate() {
            write!(f, "{}{tag}", if place > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl Serialize for TagSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for TagSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<AnyTag>::deserialize(deserializer).map(Self::from_iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> TagSet {
        names.iter().map(|name| AnyTag::parse(name).expect("a name")).collect()
    }

    #[test]
    fn a_set_keeps_the_order_of_the_documentation_and_then_of_names() {
        let set = set(&["money", "search-ranking", "security", "pricing-engine", "money", "pricing-engine"]);
        assert_eq!(set.to_string(), "security,money,pricing-engine,search-ranking");
        assert_eq!(set.len(), 4);
        let written = serde_json::to_string(&set).expect("a list of words");
        assert_eq!(written, r#"["security","money","pricing-engine","search-ranking"]"#);
        assert_eq!(serde_json::from_str::<TagSet>(&written).expect("the same"), set);
    }

    #[test]
    fn sets_meet_in_what_both_have() {
        let (one, other) = (set(&["security", "kiosk", "money"]), set(&["kiosk", "money", "warehouse"]));
        assert_eq!(one.intersection(&other), set(&["money", "kiosk"]));
        assert!(one.intersection(&set(&["warehouse"])).is_empty());
        assert!(one.has(&AnyTag::parse("kiosk").expect("a name")) && !one.has(&Tag::Compliance.into()));
    }

    #[test]
    fn what_is_no_name_is_no_tag() {
        assert!(serde_json::from_str::<TagSet>(r#"["two words"]"#).is_err());
    }
}
