//! How much to think: words of one dialect, tokens of another.

/// The share of an answer's tokens that are for thinking, in sixteenths.
const SIXTEENTHS: [(&str, u64); 6] =
    [("minimal", 1), ("low", 1), ("medium", 4), ("high", 8), ("xhigh", 12), ("max", 12)];

/// The answer that a budget is a share of where its caller sets no limit.
const USUAL_ANSWER: u64 = 32_000;

/// How many tokens of an answer of at most `max_tokens` an effort is.
pub(super) fn budget(max_tokens: u64, effort: &str) -> u64 {
    // An effort that is newer than we are is taken for a high one.
    let sixteenths = SIXTEENTHS.iter().find(|(name, _)| *name == effort).map_or(8, |(_, sixteenths)| *sixteenths);
    max_tokens / 16 * sixteenths
}

/// The effort that a budget is, by its share of the answer: one of those three that every model which takes words knows.
pub(super) fn of_budget(tokens: u64, max_tokens: Option<u64>) -> &'static str {
    match tokens.saturating_mul(16) / max_tokens.unwrap_or(USUAL_ANSWER).max(1) {
        0..=2 => "low",
        3..=6 => "medium",
        _ => "high",
    }
}

/// Whether a model is one of OpenAI's own, by its name.
pub(super) fn is_openais(model: &str) -> bool {
    let name = name_of(model);
    (name.starts_with("gpt-") && !name.starts_with("gpt-oss")) || name.starts_with("chatgpt-") || reasons(model)
}

/// Whether a model is one of OpenAI's own that is told how much to think, by its name.
pub(super) fn reasons(model: &str) -> bool {
    let name = name_of(model);
    ["gpt-5", "gpt-6", "gpt-7", "o1", "o3", "o4"].iter().any(|family| name.starts_with(family))
        && !name.ends_with("-chat-latest")
}

/// The generation of one of OpenAI's models that reason: those before 5 have none, and of another maker's nothing is known.
fn generation(model: &str) -> Option<(u32, u32)> {
    let Some(rest) = name_of(model).strip_prefix("gpt-") else { return reasons(model).then_some((0, 0)) };
    let version = rest.split('-').next().unwrap_or_default();
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// An effort in the words that the model knows.
pub(super) fn openais<'w>(effort: &'w str, model: &str) -> &'w str {
    let Some(generation) = generation(model) else { return effort };
    let knows_xhigh = generation >= (5, 2) || name_of(model).ends_with("codex-max");
    match effort {
        "max" if generation >= (5, 6) => "max",
        "max" | "xhigh" if knows_xhigh => "xhigh",
        "max" | "xhigh" => "high",
        "minimal" if least(model) != "minimal" => "low",
        effort => effort,
    }
}

/// The least that a model can be asked to think: OpenAI's before 5.1 cannot do without.
pub(super) fn least(model: &str) -> &'static str {
    match generation(model) {
        Some((0..=4, _)) => "low",
        Some((5, 0)) if name_of(model).starts_with("gpt-5-codex") => "low",
        Some((5, 0)) => "minimal",
        _ => "none",
    }
}

fn name_of(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_budget_is_said_by_its_share_of_the_answer() {
        let check = |tokens, most, expected| assert_eq!(of_budget(tokens, most), expected, "{tokens} of {most:?}");
        check(1024, Some(32_000), "low");
        check(1024, Some(4096), "medium");
        check(10_000, Some(32_000), "medium");
        check(31_999, Some(32_000), "high");
        check(31_999, None, "high");
        check(4000, None, "low");
        check(u64::MAX, Some(0), "high");
    }

    proptest! {
        #[test]
        fn an_effort_survives_as_a_budget(max_tokens in 1024_u64..1_000_000, effort in prop::sample::select(vec!["low", "medium", "high"])) {
            prop_assert_eq!(of_budget(budget(max_tokens, effort), Some(max_tokens)), effort);
        }
    }

    #[test]
    fn a_models_name_tells_whose_it_is_and_what_it_takes() {
        let check = |model: &str, expected: (bool, bool)| {
            assert_eq!((is_openais(model), reasons(model)), expected, "{model}");
        };
        check("gpt-5.2", (true, true));
        check("openai/gpt-5-mini", (true, true));
        check("o3-mini", (true, true));
        check("gpt-4o", (true, false));
        check("gpt-5-chat-latest", (true, false));
        check("openai/gpt-oss-120b", (false, false));
        check("deepseek-v4-pro", (false, false));
        check("moonshotai/kimi-k2-thinking", (false, false));
    }

    #[test]
    fn a_model_that_must_think_is_asked_for_the_least() {
        let check = |model: &str, expected: &str| assert_eq!(least(model), expected, "{model}");
        check("gpt-5", "minimal");
        check("gpt-5-mini-2025-08-07", "minimal");
        check("gpt-5-codex", "low");
        check("o3", "low");
        check("gpt-5.1", "none");
        check("openai/gpt-6", "none");
        check("deepseek-v4-pro", "none");
    }

    #[test]
    fn an_effort_that_a_model_does_not_know_is_the_next_that_it_does() {
        let check = |model: &str, expected: [&str; 5]| {
            let told = ["minimal", "low", "high", "xhigh", "max"].map(|effort| openais(effort, model));
            assert_eq!(told, expected, "{model}");
        };
        check("o3", ["low", "low", "high", "high", "high"]);
        check("gpt-5-mini", ["minimal", "low", "high", "high", "high"]);
        check("gpt-5.1", ["low", "low", "high", "high", "high"]);
        check("gpt-5.1-codex-max", ["low", "low", "high", "xhigh", "xhigh"]);
        check("openai/gpt-5.2", ["low", "low", "high", "xhigh", "xhigh"]);
        check("gpt-5.6-terra", ["low", "low", "high", "xhigh", "max"]);
        check("gpt-6", ["low", "low", "high", "xhigh", "max"]);
        check("deepseek-v4-pro", ["minimal", "low", "high", "xhigh", "max"]);
    }
}
