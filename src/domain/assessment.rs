//! What is known of a prompt before it is sent.

use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use super::Difficulty;

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

/// A set of one of the word lists, at most 16 words.
macro_rules! word_set {
    ($(#[$doc:meta])* $set:ident of $word:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set(u16);

        impl $set {
            /// No words.
            pub const EMPTY: Self = Self(0);

            /// Adds a word.
            pub fn insert(&mut self, word: $word) {
                self.0 |= 1 << word as u16;
            }

            /// Whether the word is in the set.
            pub fn contains(self, word: $word) -> bool {
                self.0 & (1 << word as u16) != 0
            }

            /// Whether no word is in the set.
            pub fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// How many words are in the set.
            pub fn len(self) -> usize {
                self.0.count_ones() as usize
            }

            /// The words of both sets.
            pub fn intersection(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// The words, in the order of the documentation.
            pub fn iter(self) -> impl Iterator<Item = $word> {
                $word::ALL.iter().copied().filter(move |word| self.contains(*word))
            }
        }

        impl FromIterator<$word> for $set {
            fn from_iter<I: IntoIterator<Item = $word>>(words: I) -> Self {
                let mut set = Self::EMPTY;
                words.into_iter().for_each(|word| set.insert(word));
                set
            }
        }

        impl std::fmt::Debug for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }

        /// The words with commas between them.
        impl std::fmt::Display for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                for (place, word) in self.iter().enumerate() {
                    write!(f, "{}{word}", if place > 0 { "," } else { "" })?;
                }
                Ok(())
            }
        }

        impl Serialize for $set {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut list = serializer.serialize_seq(Some(self.len()))?;
                for word in self.iter() {
                    list.serialize_element(word.as_str())?;
                }
                list.end()
            }
        }

        impl<'de> Deserialize<'de> for $set {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Vec::<$word>::deserialize(deserializer).map(Self::from_iter)
            }
        }
    };
}

impl Default for Kind {
    fn default() -> Self {
        Kind::Other
    }
}

word_set! {
    /// Risk tags.
    TagSet of Tag
}
word_set! {
    /// Content flags.
    ContentSet of Content
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// A risk tag.
    Tag(Tag),
    /// A risk level, whatever the tag.
    Risk(Risk),
    /// A kind of work.
    Kind(Kind),
    /// A content flag.
    Content(Content),
}

/// Why the assessment says what it says: where something was found and how much it counted. Never the text itself.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
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
    fn a_set_keeps_the_order_of_the_documentation() {
        let set: TagSet = [Tag::Money, Tag::Security].into_iter().collect();
        assert_eq!(set.to_string(), "security,money");
        assert_eq!(serde_json::to_string(&set).expect("a list of words"), r#"["security","money"]"#);
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
