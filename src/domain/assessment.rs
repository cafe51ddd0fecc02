//! What is known of a prompt before it is sent.

use serde::{Deserialize, Serialize, Serializer};

use super::{AnyTag, Difficulty, TagSet};

/// Defines a closed list of words once: the enum, its text, its parsing and the list of all.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every one, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word in `text`, as configuration and ledger spell it.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }

            /// The word as configuration and ledger spell it.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// A risk that the work asked for touches: a wrong answer would do its harm there.
    Tag {
        /// Authentication, cryptography, secrets, access control, injection, supply chain.
        Security = "security",
        /// Schema changes, bulk writes, transactions, wrong or lost stored data, backups.
        DataIntegrity = "data-integrity",
        /// Outages, failover, retries, hangs of a service, deploys, on-call.
        Reliability = "reliability",
        /// Races, deadlocks, locks, memory ordering, duplicate runs, consensus.
        Concurrency = "concurrency",
        /// Latency, throughput, memory growth, capacity.
        Performance = "performance",
        /// System design, trade-offs, public interfaces, choice of technology.
        Architecture = "architecture",
        /// Billing, payments, prices, tax, accounting logic.
        Money = "money",
        /// Privacy, licences, audit, retention.
        Compliance = "compliance",
        /// Terraform, Kubernetes, cloud, network and access changes to live systems.
        ProductionInfra = "production-infra",
    }
}

words! {
    /// The damage if a weak model answers wrong and a human only skims the answer.
    Risk {
        /// Visible at once, cheap, educational, cosmetic.
        Low = "low",
        /// Production code with a limited blast radius, or an error that tests or review would likely catch.
        Medium = "medium",
        /// Data lost, money lost, a security hole, an outage, a design that is costly to reverse.
        High = "high",
    }
}

words! {
    /// What sort of work is asked for.
    Kind {
        /// New code, script, configuration or command from a clear specification.
        Boilerplate = "boilerplate",
        /// Make it work.
        Bugfix = "bugfix",
        /// Change the shape, not what it does; speed-ups too.
        Refactor = "refactor",
        /// Write or mend tests.
        Tests = "tests",
        /// Write or mend documentation.
        Docs = "docs",
        /// A question answered mostly in words.
        Explain = "explain",
        /// Is this right?
        Review = "review",
        /// How should this be built?
        Design = "design",
        /// Find out what happens in a running system.
        DebugIncident = "debug-incident",
        /// SQL, data frames or shell to get or change data.
        DataQuery = "data-query",
        /// Small talk.
        Chat = "chat",
        /// Feature work in an existing code base, settings, git, operations, and whatever else.
        Other = "other",
    }
}

words! {
    /// What the text carries, whatever it asks for.
    Content {
        /// An API key, private key, token or password literal.
        HasSecret = "has_secret",
        /// A person's name with an address, phone, identity or card number.
        HasPii = "has_pii",
        /// Text that tries to override the instructions.
        Injection = "injection",
    }
}

/// A set of content flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ContentSet(u16);

impl ContentSet {
    /// No flags.
    pub const EMPTY: Self = Self(0);

    /// Adds a flag.
    pub fn insert(&mut self, flag: Content) {
        self.0 |= 1 << flag as u16;
    }

    /// Whether the flag is in the set.
    pub fn contains(self, flag: Content) -> bool {
        self.0 & (1 << flag as u16) != 0
    }

    /// Whether no flag is in the set.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// How many flags are in the set.
    pub fn len(&self) -> usize {
        self.0.count_ones() as usize
    }

    /// The flags of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The flags, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Content> {
        Content::ALL.iter().copied().filter(move |flag| self.contains(*flag))
    }
}

#[expect(clippy::derivable_impls, reason = "the list of words cannot mark one of them")]
impl Default for Kind {
    fn default() -> Self {
        Kind::Other
    }
}

impl FromIterator<Content> for ContentSet {
    fn from_iter<I: IntoIterator<Item = Content>>(flags: I) -> Self {
        let mut set = Self::EMPTY;
        flags.into_iter().for_each(|flag| set.insert(flag));
        set
    }
}

impl std::fmt::Debug for ContentSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The flags with commas between them.
impl std::fmt::Display for ContentSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, flag) in self.iter().enumerate() {
            write!(f, "{}{flag}", if place > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl Serialize for ContentSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for ContentSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Content>::deserialize(deserializer).map(Self::from_iter)
    }
}

/// How surely the risk level is right: of assessments with this confidence, so many of a hundred are (how that was
/// measured stands in `docs/assessment.md`). Ordered; written as a number from 0 to 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Confidence(u8);

impl Confidence {
    /// So many of a hundred; more than all is all.
    pub const fn of_percent(percent: u8) -> Self {
        Self(if percent > 100 { 100 } else { percent })
    }

    /// How many of a hundred.
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl std::fmt::Debug for Confidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Confidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl Serialize for Confidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 100.0)
    }
}

impl<'de> Deserialize<'de> for Confidence {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        Ok(Self::of_percent((share * 100.0).round().clamp(0.0, 100.0) as u8))
    }
}

/// How many tokens a prompt has, as far as is known: the true count lies between `low` and `high` (how surely, and on
/// which data that was measured, stands in `docs/assessment.md`). An exact count has all three equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TokenCount {
    /// Not fewer than this.
    pub low: u64,
    /// Most likely this.
    pub expected: u64,
    /// Not more than this.
    pub high: u64,
}

impl TokenCount {
    /// A count that is known.
    pub fn exact(tokens: u64) -> Self {
        Self { low: tokens, expected: tokens, high: tokens }
    }

    /// Whether the count is known, not estimated.
    pub fn is_exact(self) -> bool {
        self.low == self.high
    }

    /// Whether `threshold` lies inside the bounds, so that the estimate cannot tell on which side the count is.
    pub fn straddles(self, threshold: u64) -> bool {
        self.low < threshold && threshold <= self.high
    }
}

/// What a piece of evidence speaks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// A risk tag.
    Tag(AnyTag),
    /// A risk level, whatever the tag.
    Risk(Risk),
    /// A kind of work.
    Kind(Kind),
    /// A content flag.
    Content(Content),
}

/// Why the assessment says what it says: where something was found and how much it counted. Never the text itself.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Evidence {
    /// What it speaks for.
    pub signal: Signal,
    /// Which turn of the prompt, from 0.
    pub turn: u32,
    /// Where in that turn's text it begins, in bytes of the decoded text.
    pub offset: u32,
    /// How many bytes it spans.
    pub length: u32,
    /// How much it counts; negative speaks against.
    pub weight: f32,
}

/// What is known of a prompt before it is sent.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Assessment {
    /// Prompt tokens: every turn, the tools, the schemas, the images by their size.
    pub tokens: TokenCount,
    /// The risks it touches.
    pub tags: TagSet,
    /// How much damage a wrong answer does.
    pub risk: Risk,
    /// How surely the level is right.
    pub confidence: Confidence,
    /// The sort of work.
    pub kind: Kind,
    /// What the text carries.
    pub content: ContentSet,
    /// How likely it needs the large model.
    pub difficulty: Difficulty,
    /// How many images it has.
    pub images: u32,
    /// What speaks for the above, the weightiest first, at most 32 pieces.
    pub evidence: Vec<Evidence>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_is_written_as_a_share() {
        let confidence = Confidence::of_percent(83);
        assert_eq!(serde_json::to_string(&confidence).expect("a number"), "0.83");
        assert_eq!(serde_json::from_str::<Confidence>("0.83").expect("a share"), confidence);
        assert_eq!(serde_json::from_str::<Confidence>("7").expect("a share").percent(), 100);
    }

    #[test]
    fn a_threshold_is_unsure_only_inside_the_bounds() {
        let tokens = TokenCount { low: 90, expected: 100, high: 110 };
        assert!(!tokens.straddles(90) && tokens.straddles(91) && tokens.straddles(110) && !tokens.straddles(111));
        assert!(!TokenCount::exact(100).straddles(100));
    }

    #[test]
    fn risk_levels_are_ordered() {
        assert!(Risk::Low < Risk::Medium && Risk::Medium < Risk::High);
    }
}
