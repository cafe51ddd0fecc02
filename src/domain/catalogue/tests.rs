use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

const NOW: u64 = 1_795_000_000;

fn price(provider: &str, model: &str) -> CataloguePrice {
    Catalogue::bundled().find(provider, model, at(NOW)).expect("the catalogue has this model")
}

#[test]
fn cached_input_is_priced_once() {
    let haiku = price("anthropic", "claude-haiku-4-5");
    let cost = |usage| haiku.cost(&usage, at(NOW), None);
    assert_eq!(cost(Usage { input: 1_000_000, ..Usage::default() }), Pico::parse_usd("1"));
    assert_eq!(cost(Usage { cache_read: 1_000_000, ..Usage::default() }), Pico::parse_usd("0.1"));
    assert_eq!(cost(Usage { cache_write_5m: 1_000_000, ..Usage::default() }), Pico::parse_usd("1.25"));
    assert_eq!(cost(Usage { cache_write_1h: 1_000_000, ..Usage::default() }), Pico::parse_usd("2"));
    assert_eq!(cost(Usage { web_searches: 3, ..Usage::default() }), Pico::parse_usd("0.03"));
}

#[test]
fn a_batch_is_priced_as_one() {
    let haiku = price("anthropic", "claude-haiku-4-5");
    let usage = Usage { output: 1_000_000, ..Usage::default() };
    assert_eq!(haiku.cost(&usage, at(NOW), Some("standard")), Pico::parse_usd("5"));
    assert_eq!(haiku.cost(&usage, at(NOW), Some("batch")), Pico::parse_usd("2.5"));
}

#[test]
fn an_unknown_model_has_no_price_and_embeddings_have_free_answers() {
    let catalogue = Catalogue::bundled();
    assert!(catalogue.find("openai", "no-such-model", at(NOW)).is_none());
    assert!(catalogue.find("groq", "whisper-large-v3", at(NOW)).is_none(), "sold by the hour");
    let embeddings = price("openai", "text-embedding-3-small");
    let usage = Usage { input: 50, output: 9, ..Usage::default() };
    assert_eq!(embeddings.cost(&usage, at(NOW), None), Some(Pico::new(50 * 20_000)));
    let searches = Usage { input: 1, web_searches: 1, ..Usage::default() };
    assert_eq!(embeddings.cost(&searches, at(NOW), None), None, "what has no price is not free");
}

/// Sums of up to a few thousand dollars in floats and in whole numbers, over every model there is.
fn agree(usage: &Usage, second: u64, tier: Option<&str>) {
    let catalogue = Catalogue::bundled();
    let mut compared = 0;
    for provider in catalogue.calculator.providers() {
        for model in provider.models() {
            let Some(price) = catalogue.find(provider.id(), model.id(), at(second)) else { continue };
            let Some(ours) = price.cost(usage, at(second), tier) else { continue };
            let theirs = catalogue.in_floats(provider.id(), model.id(), usage, at(second), tier);
            let theirs = theirs.expect("priced there as well");
            let apart = (ours.usd() - theirs).abs();
            let place = (provider.id(), model.id(), tier);
            assert!(apart <= 1e-9 * theirs.max(0.001), "{place:?}: {ours} and {theirs} for {usage:?}");
            compared += 1;
        }
    }
    assert!(compared > if usage.web_searches == 0 { 1000 } else { 50 }, "{compared}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whole_arithmetic_and_the_crates_floats_agree(
        tokens in proptest::collection::vec(0_u64..400_000, 9),
        web_searches in 0_u64..3,
        second in 1_700_000_000_u64..1_830_000_000,
        tier in proptest::sample::select(vec![None, Some("batch"), Some("flex"), Some("priority"), Some("default")]),
    ) {
        // A cached sound or picture is a bucket of the crate's and none of ours; both at once is an error there.
        let is_cached = tokens[1] % 2 == 0;
        let only = |wanted: bool, tokens: u64| if wanted { tokens } else { 0 };
        let usage = Usage {
            input: tokens[0],
            cache_read: only(is_cached, tokens[1]),
            cache_write_5m: only(is_cached, tokens[2]),
            cache_write_1h: only(is_cached, tokens[3]),
            output: tokens[4],
            reasoning: tokens[5],
            audio_input: only(!is_cached && tokens[6] % 2 == 0, tokens[6]),
            audio_output: tokens[7],
            image: only(!is_cached && tokens[6] % 2 == 1, tokens[8]),
            web_searches,
        };
        agree(&usage, second, tier);
    }
}

/// Usage of a prompt of at most so many tokens, and of an answer, split into buckets in any way.
fn within(prompt: u64, answer: u64) -> impl Strategy<Value = Usage> {
    let cuts = (proptest::collection::vec(0..=prompt, 6), proptest::collection::vec(0..=answer, 3));
    cuts.prop_map(|(mut prompt, mut answer)| {
        prompt.sort_unstable();
        answer.sort_unstable();
        let piece = |cuts: &[u64], place: usize| cuts[place] - if place == 0 { 0 } else { cuts[place - 1] };
        Usage {
            input: piece(&prompt, 0),
            cache_read: piece(&prompt, 1),
            cache_write_5m: piece(&prompt, 2),
            cache_write_1h: piece(&prompt, 3),
            audio_input: piece(&prompt, 4),
            image: piece(&prompt, 5),
            output: piece(&answer, 0),
            reasoning: piece(&answer, 1),
            audio_output: piece(&answer, 2),
            web_searches: 0,
        }
    })
}

proptest! {
    // Each case asks for the cost under every listing.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_costs_more_than_its_ceiling(
        (prompt, answer, usage) in (0_u64..1_200_000, 0_u64..130_000)
            .prop_flat_map(|(prompt, answer)| (Just(prompt), Just(answer), within(prompt, answer))),
        later in 0_u64..40_000_000,
    ) {
        let catalogue = Catalogue::bundled();
        let mut compared = 0;
        for (provider, model, listing) in catalogue.listings() {
            let Some(price) = catalogue.find(provider, model, at(NOW)) else { continue };
            let (usual, any) = (price.ceiling(at(NOW), false), price.ceiling(at(NOW), true));
            let tiers: Vec<&str> = listing.service_tiers().collect();
            for tier in std::iter::once(None).chain(tiers.into_iter().map(Some)) {
                let Some(cost) = price.cost(&usage, at(NOW + later), tier) else { continue };
                let ceiling = if tier.is_some_and(is_dear) { &any } else { &usual };
                let most = ceiling.cost(prompt, answer);
                prop_assert!(cost <= most, "{provider}/{model} {tier:?}: {cost} > {most} for {usage:?}");
                compared += 1;
            }
        }
        prop_assert!(compared > 500, "{compared} compared");
    }
}

#[test]
fn a_ceiling_is_the_dearest_bucket_at_the_dearest_hour() {
    let haiku = price("anthropic", "claude-haiku-4-5").ceiling(at(NOW), false);
    assert_eq!(Some(haiku.cost(1_000_000, 0)), Pico::parse_usd("2"), "kept for an hour");
    assert_eq!(Some(haiku.cost(0, 1_000_000)), Pico::parse_usd("5"));
    let sonnet = price("anthropic", "claude-sonnet-4-5").ceiling(at(NOW), false);
    assert_eq!(Some(sonnet.cost(200_000, 0)), Pico::parse_usd("1.2"));
    assert_eq!(Some(sonnet.cost(300_000, 0)), Pico::parse_usd("3.6"), "long prompts cost twice as much");
}
