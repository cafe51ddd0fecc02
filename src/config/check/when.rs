//! A rule's `when`: matchers as written become conditions.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::Checker;
use crate::config::located::Located;
use crate::config::raw::{
    Amount, ConversationWord, DayWord, DialectWord, DoorWord, HeaderTest, OneOrMany, OutputWord, RawTime, RawWhen,
    RawWords, RiskTest, Share, TagText, TurnWord,
};
use crate::config::text;
use crate::domain::{Conversation, Dialect, Door, OutputFormat, TagSet, TurnKind};
use crate::route::{Condition, Name, Pattern, Range, SetTest, TimeWindow, WEEKDAYS, When};

impl Checker<'_, '_> {
    pub(super) fn when(&mut self, raw: &RawWhen) -> When {
        let mut all = Vec::new();
        all.extend(raw.tags.as_ref().and_then(|tags| self.tags(tags)).map(Condition::Tags));
        all.extend(raw.risk.as_ref().and_then(|risk| self.risk(risk)));
        all.extend(
            raw.confidence.as_ref().and_then(|share| self.share(share, "confidence")).map(Condition::Confidence),
        );
        all.extend(self.amount(raw.tokens.as_ref(), "tokens").map(Condition::Tokens));
        all.extend(self.amount(raw.context.as_ref(), "context").map(Condition::Context));
        all.extend(raw.kind.as_ref().and_then(|kinds| self.words(kinds, "kind")).map(Condition::Kind));
        all.extend(self.difficulty(raw));
        all.extend(
            raw.content
                .as_ref()
                .and_then(|content| self.set(content, content.span(), "content"))
                .map(Condition::Content),
        );
        all.extend(self.amount(raw.tools.as_ref(), "tools").map(Condition::Tools));
        all.extend(self.amount(raw.images.as_ref(), "images").map(Condition::Images));
        all.extend(self.output(raw));
        all.extend(raw.stream.as_ref().map(|stream| Condition::Stream(**stream)));
        all.extend(raw.turn.as_ref().map(|turn| Condition::Turn(turn_kind(**turn))));
        all.extend(raw.conversation.as_ref().map(|state| Condition::Conversation(conversation(**state))));
        all.extend(self.dialects(raw));
        all.extend(self.doors(raw));
        all.extend(self.names(raw));
        all.extend(
            raw.budget_used.as_ref().and_then(|share| self.share(share, "budget_used")).map(Condition::BudgetUsed),
        );
        all.extend(raw.time.as_ref().and_then(|time| self.time(time)).map(Condition::Time));
        all.extend(self.nested(raw));
        When(all)
    }

    fn tags(&mut self, written: &Located<RawWords<TagText>>) -> Option<SetTest<TagSet>> {
        let mut unknown = false;
        let named = written.value().map(|tag| {
            let tag = self.tag(tag, written.span());
            unknown |= tag.is_none();
            tag
        });
        if unknown {
            return None;
        }
        self.set(&named, written.span(), "tags")
    }

    fn set<T, S>(&mut self, words: &RawWords<T>, span: std::ops::Range<usize>, key: &str) -> Option<SetTest<S>>
    where
        T: Clone,
        S: FromIterator<T> + Default + PartialEq,
    {
        let test = set_test(words);
        if self.taken_out.touched(&span) {
            return Some(test);
        }
        if test == SetTest::default() {
            let message = format!("`{key}` asks for nothing, so every request meets it");
            self.findings.error(span, message).hint("name words in `any`, `all` or `none`");
            return None;
        }
        Some(test)
    }

    fn output(&mut self, raw: &RawWhen) -> Vec<Condition> {
        let formats = raw.output.as_ref().and_then(|formats| self.words(formats, "output"));
        let formats = formats.map(|formats| Condition::Output(formats.into_iter().map(output_format).collect()));
        let schema = raw.json_schema.as_ref().map(|wanted| {
            let schema = Condition::Output(vec![OutputFormat::JsonSchema]);
            if **wanted { schema } else { Condition::Not(When(vec![schema])) }
        });
        formats.into_iter().chain(schema).collect()
    }

    fn dialects(&mut self, raw: &RawWhen) -> Option<Condition> {
        let words = self.words(raw.dialect.as_ref()?, "dialect")?;
        Some(Condition::Dialect(words.into_iter().map(dialect).collect()))
    }

    fn doors(&mut self, raw: &RawWhen) -> Option<Condition> {
        let words = self.words(raw.door.as_ref()?, "door")?;
        Some(Condition::Doors(words.into_iter().flat_map(door).copied().collect()))
    }

    fn names(&mut self, raw: &RawWhen) -> Vec<Condition> {
        let fields = [
            (Name::RequestedModel, &raw.requested_model),
            (Name::Key, &raw.key),
            (Name::Engineer, &raw.engineer),
            (Name::Team, &raw.team),
            (Name::Feature, &raw.feature),
            (Name::App, &raw.app),
        ];
        let mut conditions = Vec::new();
        for (name, written) in fields {
            let patterns = written.as_ref().and_then(|written| self.patterns(written, written, &name.to_string()));
            conditions.extend(patterns.map(|patterns| Condition::Named(name, patterns)));
        }
        for (name, test) in &raw.header {
            if hyper::header::HeaderName::try_from(name.as_str()).is_err() {
                self.findings.error(name.span(), format!("`{}` is no header", name.value()));
            }
            let header = Name::Header(Arc::from(name.to_ascii_lowercase()));
            match test.value() {
                HeaderTest::Present(wanted) => conditions.push(Condition::Present(header, *wanted)),
                HeaderTest::Is(names) => {
                    let patterns = self.patterns(test, names, &header.to_string());
                    conditions.extend(patterns.map(|patterns| Condition::Named(header, patterns)));
                }
            }
        }
        conditions
    }

    fn nested(&mut self, raw: &RawWhen) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (list, key) in [(&raw.any, "any"), (&raw.all, "all")] {
            let Some(list) = list else { continue };
            if list.is_empty() {
                self.findings.error(list.span(), format!("`{key}` is empty"));
                continue;
            }
            let whens: Vec<When> = list.iter().map(|when| self.when(when)).collect();
            conditions.push(if key == "any" { Condition::Any(whens) } else { Condition::All(whens) });
        }
        conditions.extend(raw.not.as_ref().map(|not| Condition::Not(self.when(not))));
        conditions
    }

    fn risk(&mut self, written: &Located<RiskTest>) -> Option<Condition> {
        let levels = match written.value() {
            RiskTest::Levels(levels) => Some(levels.clone()),
            RiskTest::Compared(comparison) => text::risk(&comparison.0),
        };
        if let (None, RiskTest::Compared(comparison)) = (&levels, written.value()) {
            let message = format!("`risk` cannot be `{}`", comparison.0);
            self.findings
                .error(written.span(), message)
                .hint("such as `low` or `>= medium`; levels are `low`, `medium`, `high`");
        }
        levels.map(Condition::Risk)
    }

    fn amount(&mut self, written: Option<&Located<Amount>>, key: &str) -> Option<Range> {
        let written = written?;
        let range = match written.value() {
            Amount::Any(true) => Some(Range { min: 1, max: u64::MAX }),
            Amount::Any(false) => Some(Range { min: 0, max: 0 }),
            Amount::Exactly(number) => Some(Range { min: *number, max: *number }),
            Amount::Compared(comparisons) => text::range(&comparisons.0),
        };
        if let (None, Amount::Compared(comparisons)) = (&range, written.value()) {
            let message = format!("`{key}` cannot be `{}`", comparisons.0);
            self.findings.error(written.span(), message).hint("such as `< 8000` or `>= 1000, < 8000`");
        }
        range
    }

    fn share(&mut self, written: &Located<Share>, key: &str) -> Option<Range> {
        let range = text::shares(&written.0);
        if range.is_none() {
            let message = format!("`{key}` cannot be `{}`", written.0);
            self.findings.error(written.span(), message).hint("such as `>= 80%` or `>= 80%, < 100%`");
        }
        range
    }

    fn difficulty(&mut self, raw: &RawWhen) -> Option<Condition> {
        let written = raw.difficulty.as_ref()?;
        let range = text::difficulty(&written.0);
        if range.is_none() {
            let message = format!("`difficulty` cannot be `{}`", written.0);
            self.findings.error(written.span(), message).hint("such as `< 0.4`, `>= 0.2, < 0.6` or `unknown`");
        }
        range.map(Condition::Difficulty)
    }

    fn words<T: Clone>(&mut self, written: &Located<OneOrMany<T>>, key: &str) -> Option<Vec<T>> {
        let words = written.as_slice();
        if words.is_empty() {
            if !self.taken_out.touched(&written.span()) {
                self.findings.error(written.span(), format!("`{key}` is empty"));
            }
            return None;
        }
        Some(words.to_vec())
    }

    fn patterns<T>(&mut self, place: &Located<T>, names: &OneOrMany<String>, key: &str) -> Option<Vec<Pattern>> {
        let patterns: Vec<Pattern> = names.as_slice().iter().filter_map(|name| Pattern::parse(name)).collect();
        if let Some(bad) = names.as_slice().iter().find(|name| Pattern::parse(name).is_none()) {
            let message = format!("`{key}` cannot be `{bad}`");
            self.findings.error(place.span(), message).hint("a name, with `*` at its beginning or end if need be");
        } else if patterns.is_empty() {
            self.findings.error(place.span(), format!("`{key}` is empty"));
        }
        (!patterns.is_empty()).then_some(patterns)
    }

    fn time(&mut self, raw: &Located<RawTime>) -> Option<TimeWindow> {
        let mut clock = |written: &Option<Located<crate::config::raw::ClockText>>, key: &str, default: u16| {
            let Some(written) = written else { return default };
            text::clock(&written.0).unwrap_or_else(|| {
                let message = format!("`time.{key}` cannot be `{}`, expected a time of day", written.0);
                self.findings.error(written.span(), message).hint("such as `09:30`");
                default
            })
        };
        let from = clock(&raw.from, "from", 0);
        let to = clock(&raw.to, "to", 24 * 60);
        let zone = match &raw.zone {
            None => TimeZone::UTC,
            Some(written) => TimeZone::get(written).unwrap_or_else(|_| {
                let message = format!("`time.zone` cannot be `{}`", written.value());
                self.findings.error(written.span(), message).hint("a name of the tz database, such as `Europe/Berlin`");
                TimeZone::UTC
            }),
        };
        let days = match &raw.days {
            None => WEEKDAYS.iter().map(|(_, day)| *day).collect(),
            Some(days) => days.iter().map(|day| weekday(*day)).collect(),
        };
        let window = TimeWindow::new(days, from, to, zone);
        if window.is_none() {
            self.findings.error(raw.span(), "`time` has no days, or begins at the day's end");
        }
        window
    }
}

fn set_test<T: Clone, S: FromIterator<T>>(words: &RawWords<T>) -> SetTest<S> {
    let set = |words: &[T]| words.iter().cloned().collect();
    let given = |words: &Option<Vec<T>>| set(words.as_deref().unwrap_or_default());
    match words {
        RawWords::One(word) => SetTest { any: set(std::slice::from_ref(word)), all: set(&[]), none: set(&[]) },
        RawWords::Any(words) => SetTest { any: set(words), all: set(&[]), none: set(&[]) },
        RawWords::Sets(sets) => SetTest { any: given(&sets.any), all: given(&sets.all), none: given(&sets.none) },
    }
}

/// The dialect that a word names.
pub(super) fn dialect(word: DialectWord) -> Dialect {
    match word {
        DialectWord::OpenaiChat => Dialect::OpenaiChat,
        DialectWord::OpenaiResponses => Dialect::OpenaiResponses,
        DialectWord::AnthropicMessages => Dialect::AnthropicMessages,
        DialectWord::Gemini => Dialect::Gemini,
        DialectWord::BedrockConverse => Dialect::BedrockConverse,
    }
}

/// The doors that a word names: a conversation has one for each dialect.
pub(super) fn door(word: DoorWord) -> &'static [Door] {
    Door::named(door_word(word)).expect("every word of the file names doors: a test sees to it")
}

pub(super) fn door_word(word: DoorWord) -> &'static str {
    match word {
        DoorWord::Chat => "chat",
        DoorWord::Completions => "completions",
        DoorWord::Embeddings => "embeddings",
        DoorWord::Rerank => "rerank",
        DoorWord::Moderations => "moderations",
        DoorWord::Images => "images",
        DoorWord::Audio => "audio",
        DoorWord::Files => "files",
        DoorWord::Batches => "batches",
    }
}

fn output_format(word: OutputWord) -> OutputFormat {
    match word {
        OutputWord::Text => OutputFormat::Text,
        OutputWord::JsonObject => OutputFormat::JsonObject,
        OutputWord::JsonSchema => OutputFormat::JsonSchema,
    }
}

fn turn_kind(word: TurnWord) -> TurnKind {
    match word {
        TurnWord::Human => TurnKind::Human,
        TurnWord::Tool => TurnKind::Tool,
    }
}

fn conversation(word: ConversationWord) -> Conversation {
    match word {
        ConversationWord::New => Conversation::New,
        ConversationWord::Ongoing => Conversation::Ongoing,
    }
}

fn weekday(word: DayWord) -> jiff::civil::Weekday {
    use jiff::civil::Weekday;
    match word {
        DayWord::Mon => Weekday::Monday,
        DayWord::Tue => Weekday::Tuesday,
        DayWord::Wed => Weekday::Wednesday,
        DayWord::Thu => Weekday::Thursday,
        DayWord::Fri => Weekday::Friday,
        DayWord::Sat => Weekday::Saturday,
        DayWord::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_for_a_door_is_one_of_the_domains() {
        for word in Door::WORDS {
            let parsed: DoorWord = serde_json::from_value((*word).into()).expect(word);
            assert_eq!(door_word(parsed), *word);
            assert!(!door(parsed).is_empty());
        }
        let schema = serde_json::to_value(schemars::schema_for!(DoorWord)).expect("a schema");
        assert_eq!(schema["oneOf"].as_array().expect("a choice").len(), Door::WORDS.len());
    }
}
