//! What answers cost, to the pico-dollar: more than 200 answers as OpenAI, Anthropic and Google send them, whole and
//! streamed, read by the proxy's own parsers and priced by its own prices, against an independent calculation from the
//! catalogue's published decimals.
//!
//! The shapes are those of the providers, with filler for words. What is in a shape comes from a table of [`Case`]s, and
//! the independent calculation is of the table: it knows neither the parsers nor the prices of the proxy.

mod catalogue;
mod shapes;

use std::time::{Duration, SystemTime};

use weighbridge::dialect::sse::{self, Splitter};
use weighbridge::dialect::{Event, Wire, read_answer, read_event};
use weighbridge::domain::{Catalogue, Dialect, Door, Price, Usage};

use catalogue::{Amount, Published};
use shapes::Shape;

/// 18 November 2026, noon: the moment of every answer here.
const NOW: u64 = 1_795_003_200;

/// What one answer used, in disjoint parts, as its sender would bill it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case {
    /// Prompt tokens of text that were in no cache.
    pub text: u64,
    pub cached: u64,
    pub written_5m: u64,
    pub written_1h: u64,
    pub sound: u64,
    pub pictures: u64,
    /// Fed to the model by a tool of the provider's.
    pub of_tools: u64,
    pub answer: u64,
    pub thought: u64,
    pub spoken: u64,
    pub searches: u64,
}

/// Ordinary requests, agents with warm caches, long documents on both sides of each step of a price, thinkers, sound.
const CASES: [Case; 12] = [
    Case { text: 9, answer: 12, ..NONE },
    Case { text: 2_311, answer: 847, ..NONE },
    Case { text: 37, cached: 18_432, answer: 391, thought: 1_024, ..NONE },
    Case { text: 3, cached: 151_041, written_5m: 1_733, answer: 905, thought: 211, ..NONE },
    Case { text: 11, cached: 96_001, written_5m: 4_097, written_1h: 12_289, answer: 2_203, searches: 3, ..NONE },
    Case { text: 99_999, cached: 1, answer: 1, ..NONE },
    Case { text: 7, cached: 199_994, answer: 333, thought: 4_001, ..NONE },
    Case { text: 131_072, cached: 71_429, written_1h: 3, answer: 777, ..NONE },
    Case { text: 272_001, answer: 8_191, thought: 12_345, searches: 1, ..NONE },
    Case { text: 871, sound: 1_503, answer: 207, spoken: 1_111, ..NONE },
    Case { text: 419, pictures: 1_290, answer: 63, ..NONE },
    Case { text: 58, of_tools: 10_309, cached: 2_048, answer: 1_499, thought: 687, ..NONE },
];

const NONE: Case = Case {
    text: 0,
    cached: 0,
    written_5m: 0,
    written_1h: 0,
    sound: 0,
    pictures: 0,
    of_tools: 0,
    answer: 0,
    thought: 0,
    spoken: 0,
    searches: 0,
};

/// Who sends what: the shape, the provider's id in the catalogue, models by the names that are asked for and the ids that
/// the catalogue has, and the tiers of service by the provider's words, each with what selects its price.
struct Sender {
    shape: Shape,
    provider: &'static str,
    models: &'static [(&'static str, &'static str)],
    tiers: &'static [Tier],
}

/// A service tier as an answer tells it (`None`: not at all), and what the catalogue is asked with.
type Tier = (Option<&'static str>, &'static [(&'static str, &'static str)]);

const OPENAIS_TIERS: &[Tier] = &[
    (Some("default"), &[("service_tier", "default")]),
    (Some("flex"), &[("service_tier", "flex")]),
    (Some("priority"), &[("service_tier", "priority")]),
    (None, &[]),
];

const SENDERS: &[Sender] = &[
    Sender {
        shape: Shape::Chat,
        provider: "openai",
        models: &[
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("gpt-5-mini", "gpt-5-mini"),
            ("gpt-audio", "gpt-audio"),
            ("gpt-5.4", "gpt-5.4"),
        ],
        tiers: OPENAIS_TIERS,
    },
    Sender {
        shape: Shape::Responses,
        provider: "openai",
        models: &[("gpt-5-2025-08-07", "gpt-5"), ("o3", "o3"), ("o4-mini", "o4-mini"), ("gpt-5.5", "gpt-5.5")],
        tiers: OPENAIS_TIERS,
    },
    Sender {
        shape: Shape::Messages,
        provider: "anthropic",
        models: &[
            ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("claude-opus-4-6", "claude-opus-4-6"),
            ("claude-haiku-5-5", "claude-haiku-5-5"),
        ],
        tiers: &[
            (Some("standard"), &[("service_tier", "standard")]),
            (Some("batch"), &[("service_tier", "batch"), ("processing", "batch")]),
            (Some("priority"), &[("service_tier", "priority")]),
        ],
    },
    Sender {
        shape: Shape::Gemini,
        provider: "google",
        models: &[
            ("gemini-2.5-pro", "gemini-2.5-pro"),
            ("gemini-2.5-flash", "gemini-2.5-flash"),
            ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
            ("gemini-3-flash-preview", "gemini-3-flash-preview"),
        ],
        tiers: &[
            (Some("STANDARD"), &[("service_tier", "standard")]),
            (Some("ON_DEMAND_FLEX"), &[("service_tier", "flex")]),
            (Some("ON_DEMAND_PRIORITY"), &[("service_tier", "priority")]),
            (None, &[]),
        ],
    },
];

/// An answer as the proxy reads it: usage, and the tier of service.
fn read(shape: Shape, body: &str, streamed: bool) -> (Usage, Option<String>) {
    let dialect = match shape {
        Shape::Chat => Dialect::OpenaiChat,
        Shape::Responses => Dialect::OpenaiResponses,
        Shape::Messages => Dialect::AnthropicMessages,
        Shape::Gemini => Dialect::Gemini,
    };
    let wire = Wire { dialect, door: Door::Chat };
    if !streamed {
        let answer = read_answer(wire, body.as_bytes());
        assert!(answer.is_answer, "{body}");
        return (answer.usage.expect("usage"), answer.service_tier);
    }
    let (mut usage, mut tier) = (Usage::default(), None);
    let mut splitter = Splitter::default();
    splitter.push(body.as_bytes());
    while let Some(frame) = splitter.next_frame() {
        let Some(data) = sse::data(&frame.bytes) else { continue };
        match read_event(wire, &data) {
            Event::Piece(piece) | Event::Done(piece) => {
                tier = piece.service_tier.or(tier);
                if let Some(told) = piece.usage {
                    usage.update(&told);
                }
            }
            other => panic!("{other:?} in {body}"),
        }
    }
    (usage, tier)
}

#[test]
fn the_cost_of_more_than_200_answers_is_exact() {
    let published = Published::read();
    let catalogue = Catalogue::bundled();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let (mut checked, mut dear, mut odd) = (0, 0, 0);
    for sender in SENDERS {
        for (name, id) in sender.models {
            let price = catalogue.find(sender.provider, name, now).expect("listed");
            assert_eq!(price.model(), *id, "{name}");
            let price = Price::Catalogue(price);
            for (number, case) in CASES.iter().enumerate() {
                let (word, context) = sender.tiers[(number + checked) % sender.tiers.len()];
                let case = sender.shape.able(*case);
                let expected = published.cost(sender.provider, id, NOW, context, &case);
                for streamed in [false, true] {
                    let body = sender.shape.body(&case, name, word, streamed);
                    let (usage, tier) = read(sender.shape, &body, streamed);
                    let place = format!("{name} {word:?} streamed={streamed} {case:?}\n{body}");
                    assert_eq!(usage.total(), shapes::total(&case), "the buckets sum to the total: {place}");
                    let cost = price.cost(&usage, now, tier.as_deref());
                    let expected = Amount::rounded(&expected);
                    assert_eq!(cost.map(|cost| cost.get()), Some(expected), "{place}");
                    checked += 1;
                    dear += usize::from(expected > 1_000_000_000_000);
                    odd += usize::from(expected % 1000 != 0);
                }
            }
        }
    }
    // The table must go on covering what it is for.
    assert!(checked >= 384 && dear > 5 && odd > 5, "{checked} checked, {dear} above a dollar, {odd} odd");
}

/// Where floats fail: sums of thousands of dollars and prices with many decimals, still exact.
#[test]
fn large_sums_and_long_decimals_are_exact() {
    let published = Published::read();
    let catalogue = Catalogue::bundled();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let (mut differ, mut compared) = (0, 0);
    for (provider, model, _) in catalogue.listings() {
        let Some(price) = catalogue.find(provider, model, now).filter(|found| found.model() == model) else { continue };
        let case = Case { text: 4_294_967_291, cached: 987_654_321, answer: 2_147_483_647, ..NONE };
        let expected = published.cost(provider, model, NOW, &[], &case);
        let usage = Usage { input: case.text, cache_read: case.cached, output: case.answer, ..Usage::default() };
        let cost = Price::Catalogue(price).cost(&usage, now, None).expect("priced").get();
        assert_eq!(cost, Amount::rounded(&expected), "{provider}/{model}");
        compared += 1;
        differ += usize::from((cost as f64 / 1e12 * 1e12) as i128 != cost);
    }
    assert!(compared > 1500 && differ > 10, "{compared} compared, of which a float holds {differ} not");
}
