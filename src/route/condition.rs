//! What a rule may ask of the facts. Every question is a set or a range, so that one can be compared with another:
//! `logic` finds rules that can never match.

use std::fmt;
use std::sync::Arc;

use super::pattern::Pattern;
use super::time::TimeWindow;
use crate::domain::{
    Content, ContentSet, Conversation, Dialect, Difficulty, Door, Facts, Kind, OutputFormat, Risk, TagSet, TurnKind,
};

/// A whole number within bounds, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Not less than this.
    pub min: u64,
    /// Not more than this.
    pub max: u64,
}

impl Range {
    /// Any number.
    pub const ALL: Range = Range { min: 0, max: u64::MAX };

    /// Whether the number is within the bounds.
    pub fn contains(self, number: u64) -> bool {
        self.min <= number && number <= self.max
    }

    /// Whether no number is.
    pub fn is_empty(self) -> bool {
        self.min > self.max
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (0, u64::MAX) => f.write_str("any"),
            (min, u64::MAX) => write!(f, ">= {min}"),
            (0, max) => write!(f, "<= {max}"),
            (min, max) if min == max => write!(f, "{min}"),
            (min, max) => write!(f, ">= {min}, <= {max}"),
        }
    }
}

/// What is asked of a set of words: one of `any` (unless that is empty), each of `all`, none of `none`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SetTest<S> {
    /// At least one of these; empty: whatever.
    pub any: S,
    /// Each of these.
    pub all: S,
    /// None of these.
    pub none: S,
}

macro_rules! set_test {
    ($set:ty) => {
        impl SetTest<$set> {
            /// Whether the set is as asked.
            pub fn holds(&self, set: &$set) -> bool {
                (self.any.is_empty() || !self.any.intersection(set).is_empty())
                    && self.all.intersection(set) == self.all
                    && self.none.intersection(set).is_empty()
            }
        }
    };
}
set_test!(TagSet);
set_test!(ContentSet);

impl<S: fmt::Display + PartialEq + Default> fmt::Display for SetTest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("any of", &self.any), ("all of", &self.all), ("none of", &self.none)];
        let asked = parts.into_iter().filter(|(_, words)| **words != S::default());
        for (place, (quantity, words)) in asked.enumerate() {
            write!(f, "{}{quantity} {words}", if place > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

/// Which text of a request is compared with patterns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Name {
    /// The model that the client named.
    RequestedModel,
    /// The caller's key.
    Key,
    /// The person.
    Engineer,
    /// The person's team.
    Team,
    /// What the work is for.
    Feature,
    /// The tool that sent it.
    App,
    /// A header, by its lower-case name.
    Header(Arc<str>),
}

impl Name {
    fn of<'f>(&self, facts: &'f Facts) -> Option<&'f str> {
        match self {
            Name::RequestedModel => Some(&facts.requested_model),
            Name::Key => facts.key.as_ref().map(|key| key.as_str()),
            Name::Engineer => facts.engineer.as_ref().map(|label| label.as_str()),
            Name::Team => facts.team.as_ref().map(|label| label.as_str()),
            Name::Feature => facts.feature.as_ref().map(|label| label.as_str()),
            Name::App => Some(facts.app.as_str()),
            Name::Header(name) => facts.headers.get(name).map(String::as_str),
        }
    }
}

/// One question; the facts answer yes or no.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// Risk tags.
    Tags(SetTest<TagSet>),
    /// The risk level is one of these.
    Risk(Vec<Risk>),
    /// How surely the level is right, in hundredths of a percent.
    Confidence(Range),
    /// Prompt tokens.
    Tokens(Range),
    /// Prompt tokens and the output asked for.
    Context(Range),
    /// The kind of work is one of these.
    Kind(Vec<Kind>),
    /// Content flags.
    Content(SetTest<ContentSet>),
    /// How likely the large model is needed, in ten-thousandths; what is unknown is more than any number.
    Difficulty(Range),
    /// How many tools are defined.
    Tools(Range),
    /// How many images there are.
    Images(Range),
    /// The form asked for is one of these.
    Output(Vec<OutputFormat>),
    /// Whether a stream is asked for.
    Stream(bool),
    /// Who spoke last.
    Turn(TurnKind),
    /// Whether the model has spoken before.
    Conversation(Conversation),
    /// The client's dialect is one of these.
    Dialect(Vec<Dialect>),
    /// What is asked for is one of these.
    Doors(Vec<Door>),
    /// A name is there and fits one of these patterns.
    Named(Name, Vec<Pattern>),
    /// A name is there, or is not.
    Present(Name, bool),
    /// How much of a budget is used, in hundredths of a percent. Who counts under none has used nothing.
    BudgetUsed(Range),
    /// The time of day and of the week.
    Time(TimeWindow),
    /// One of these holds.
    Any(Vec<When>),
    /// Each of these holds.
    All(Vec<When>),
    /// This does not hold.
    Not(When),
}

/// Conditions that must all hold; none: always.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct When(pub Vec<Condition>);

impl When {
    /// Whether every condition holds.
    pub fn holds(&self, facts: &Facts) -> bool {
        self.first_miss(facts).is_none()
    }

    /// Whether it asks for the door, so that it is meant for what is no conversation too.
    pub fn names_a_door(&self) -> bool {
        self.0.iter().any(|condition| matches!(condition, Condition::Doors(_)))
    }

    /// The first condition that does not hold.
    pub fn first_miss(&self, facts: &Facts) -> Option<&Condition> {
        self.0.iter().find(|condition| !condition.holds(facts))
    }
}

impl Condition {
    /// Whether the facts answer yes.
    pub fn holds(&self, facts: &Facts) -> bool {
        match self {
            Condition::Tags(test) => test.holds(&facts.tags),
            Condition::Risk(levels) => levels.contains(&facts.risk),
            Condition::Confidence(range) => range.contains(hundredths(facts)),
            Condition::Tokens(range) => range.contains(facts.tokens.expected),
            Condition::Context(range) => range.contains(context(facts)),
            Condition::Kind(kinds) => kinds.contains(&facts.kind),
            Condition::Content(test) => test.holds(&facts.content),
            Condition::Difficulty(range) => range.contains(facts.difficulty.compared()),
            Condition::Tools(range) => range.contains(facts.tools.into()),
            Condition::Images(range) => range.contains(facts.images.into()),
            Condition::Output(formats) => formats.contains(&facts.output),
            Condition::Stream(wanted) => facts.stream == *wanted,
            Condition::Turn(turn) => facts.turn == *turn,
            Condition::Conversation(conversation) => facts.conversation == *conversation,
            Condition::Dialect(dialects) => dialects.contains(&facts.dialect),
            Condition::Doors(doors) => doors.contains(&facts.door),
            Condition::Named(name, patterns) => {
                name.of(facts).is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(text)))
            }
            Condition::Present(name, wanted) => name.of(facts).is_some() == *wanted,
            Condition::BudgetUsed(range) => range.contains(facts.budget_used.unwrap_or(0).into()),
            Condition::Time(window) => window.contains(facts.at_millis),
            Condition::Any(whens) => whens.iter().any(|when| when.holds(facts)),
            Condition::All(whens) => whens.iter().all(|when| when.holds(facts)),
            Condition::Not(when) => !when.holds(facts),
        }
    }

    /// The matcher's key in `routes.toml`.
    pub fn key(&self) -> String {
        let key = match self {
            Condition::Tags(_) => "tags",
            Condition::Risk(_) => "risk",
            Condition::Confidence(_) => "confidence",
            Condition::Tokens(_) => "tokens",
            Condition::Context(_) => "context",
            Condition::Kind(_) => "kind",
            Condition::Content(_) => "content",
            Condition::Difficulty(_) => "difficulty",
            Condition::Tools(_) => "tools",
            Condition::Images(_) => "images",
            Condition::Output(_) => "output",
            Condition::Stream(_) => "stream",
            Condition::Turn(_) => "turn",
            Condition::Conversation(_) => "conversation",
            Condition::Dialect(_) => "dialect",
            Condition::Doors(_) => "door",
            Condition::Named(name, _) | Condition::Present(name, _) => return name.to_string(),
            Condition::BudgetUsed(_) => "budget_used",
            Condition::Time(_) => "time",
            Condition::Any(_) => "any",
            Condition::All(_) => "all",
            Condition::Not(_) => "not",
        };
        key.to_owned()
    }

    /// What the facts say where this condition looks.
    pub fn found(&self, facts: &Facts) -> String {
        match self {
            Condition::Tags(_) => or_none(facts.tags.to_string()),
            Condition::Risk(_) => facts.risk.to_string(),
            Condition::Confidence(_) => facts.confidence.to_string(),
            Condition::Tokens(_) => tokens(facts),
            Condition::Context(_) => context(facts).to_string(),
            Condition::Kind(_) => facts.kind.to_string(),
            Condition::Content(_) => or_none(facts.content.to_string()),
            Condition::Difficulty(_) => facts.difficulty.to_string(),
            Condition::Tools(_) => facts.tools.to_string(),
            Condition::Images(_) => facts.images.to_string(),
            Condition::Output(_) => output_word(facts.output).to_owned(),
            Condition::Stream(_) => facts.stream.to_string(),
            Condition::Turn(_) => turn_word(facts.turn).to_owned(),
            Condition::Conversation(_) => conversation_word(facts.conversation).to_owned(),
            Condition::Dialect(_) => facts.dialect.as_str().to_owned(),
            Condition::Doors(_) => facts.door.as_str().to_owned(),
            Condition::Named(name, _) | Condition::Present(name, _) => {
                name.of(facts).map_or_else(|| "absent".to_owned(), |text| format!("{text:?}"))
            }
            Condition::BudgetUsed(_) => {
                facts.budget_used.map_or_else(|| "0%, there is no budget".to_owned(), |used| percent(used.into()))
            }
            Condition::Time(window) => window.local(facts.at_millis),
            Condition::Any(whens) => {
                let misses = whens.iter().filter_map(|when| when.first_miss(facts));
                let texts: Vec<String> = misses.map(|miss| miss.with_found(facts)).collect();
                texts.join(", ")
            }
            Condition::All(whens) => {
                let miss = whens.iter().find_map(|when| when.first_miss(facts));
                miss.map_or_else(|| "each holds".to_owned(), |miss| miss.with_found(facts))
            }
            Condition::Not(_) => "it holds".to_owned(),
        }
    }

    fn with_found(&self, facts: &Facts) -> String {
        format!("{} is {}", self.key(), self.found(facts))
    }
}

/// Prompt tokens and the output asked for.
pub(super) fn context(facts: &Facts) -> u64 {
    facts.tokens.expected.saturating_add(facts.max_output.unwrap_or(0))
}

fn tokens(facts: &Facts) -> String {
    let count = facts.tokens;
    if count.is_exact() {
        return count.expected.to_string();
    }
    format!("{} ({} to {})", count.expected, count.low, count.high)
}

/// How surely the level is right, as ranges of shares count it.
fn hundredths(facts: &Facts) -> u64 {
    u64::from(facts.confidence.percent()) * 100
}

/// Hundredths of a percent, as people write them.
fn percent(hundredths: u64) -> String {
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => format!("{whole}%"),
        (whole, part) => format!("{whole}.{part:02}%"),
    }
}

/// A range of difficulties, as rules spell it.
fn difficulty(range: Range) -> String {
    let whole = u64::from(Difficulty::WHOLE);
    let share = |parts: u64| (parts as f64 / whole as f64).to_string();
    match (range.min, range.max) {
        (u64::MAX, _) => "unknown".to_owned(),
        (0, max) if max == whole => "known".to_owned(),
        (min, u64::MAX) => format!(">= {}", share(min)),
        (0, max) => format!("<= {}", share(max)),
        (min, max) => format!(">= {}, <= {}", share(min), share(max)),
    }
}

fn or_none(words: String) -> String {
    if words.is_empty() { "none".to_owned() } else { words }
}

/// The word for a form of output, as rules spell it.
pub fn output_word(output: OutputFormat) -> &'static str {
    match output {
        OutputFormat::Text => "text",
        OutputFormat::JsonObject => "json_object",
        OutputFormat::JsonSchema => "json_schema",
    }
}

/// The word for who spoke last, as rules spell it.
pub fn turn_word(turn: TurnKind) -> &'static str {
    match turn {
        TurnKind::Human => "human",
        TurnKind::Tool => "tool",
    }
}

/// The word for a conversation's state, as rules spell it.
pub fn conversation_word(conversation: Conversation) -> &'static str {
    match conversation {
        Conversation::New => "new",
        Conversation::Ongoing => "ongoing",
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Name::RequestedModel => "requested_model",
            Name::Key => "key",
            Name::Engineer => "engineer",
            Name::Team => "team",
            Name::Feature => "feature",
            Name::App => "app",
            Name::Header(name) => return write!(f, "header.{name}"),
        })
    }
}

fn list(f: &mut fmt::Formatter<'_>, words: impl Iterator<Item = impl fmt::Display>, between: &str) -> fmt::Result {
    for (place, word) in words.enumerate() {
        write!(f, "{}{word}", if place > 0 { between } else { "" })?;
    }
    Ok(())
}

/// What is asked, without the key.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Tags(test) => test.fmt(f),
            Condition::Content(test) => test.fmt(f),
            Condition::Risk(levels) => list(f, levels.iter(), " or "),
            Condition::Kind(kinds) => list(f, kinds.iter(), " or "),
            Condition::Tokens(range) | Condition::Context(range) => range.fmt(f),
            Condition::Difficulty(range) => f.write_str(&difficulty(*range)),
            Condition::Tools(range) | Condition::Images(range) => range.fmt(f),
            Condition::Output(formats) => list(f, formats.iter().map(|format| output_word(*format)), " or "),
            Condition::Stream(wanted) => wanted.fmt(f),
            Condition::Turn(turn) => f.write_str(turn_word(*turn)),
            Condition::Conversation(conversation) => f.write_str(conversation_word(*conversation)),
            Condition::Dialect(dialects) => list(f, dialects.iter().map(|dialect| dialect.as_str()), " or "),
            Condition::Doors(doors) => list(f, doors.iter().map(|door| door.as_str()), " or "),
            Condition::Named(_, patterns) => list(f, patterns.iter(), " or "),
            Condition::Present(_, true) => f.write_str("present"),
            Condition::Present(_, false) => f.write_str("absent"),
            Condition::BudgetUsed(range) | Condition::Confidence(range) => match (range.min, range.max) {
                (min, u64::MAX) => write!(f, ">= {}", percent(min)),
                (0, max) => write!(f, "<= {}", percent(max)),
                (min, max) => write!(f, ">= {}, <= {}", percent(min), percent(max)),
            },
            Condition::Time(window) => window.fmt(f),
            Condition::Any(whens) => list(f, whens.iter(), " or "),
            Condition::All(whens) => list(f, whens.iter(), " and "),
            Condition::Not(when) => when.fmt(f),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        list(f, self.0.iter().map(|condition| format!("{} {condition}", condition.key())), " and ")?;
        f.write_str(")")
    }
}

/// The words of the closed lists that rules spell, for configuration to parse and to suggest.
pub mod words {
    use super::{Conversation, OutputFormat, TurnKind};

    /// Every form of output.
    pub const OUTPUTS: [OutputFormat; 3] = [OutputFormat::Text, OutputFormat::JsonObject, OutputFormat::JsonSchema];
    /// Everyone who may speak last.
    pub const TURNS: [TurnKind; 2] = [TurnKind::Human, TurnKind::Tool];
    /// Every state of a conversation.
    pub const CONVERSATIONS: [Conversation; 2] = [Conversation::New, Conversation::Ongoing];
}

/// A set of every content flag.
pub(super) fn every_content() -> ContentSet {
    Content::ALL.iter().copied().collect()
}
