//! How much a model of Anthropic's is asked to think. Which words it takes depends on its generation: up to 4.5 a budget
//! of tokens, from 4.6 on an effort; from 4.7 on no sampling parameters.

use serde_json::{Value, json};

use crate::dialect::translate::neutral::{Reasoning, Request, ToolChoice};
use crate::dialect::translate::{Carry, effort};
use crate::domain::Failure;

/// The limit of an answer whose caller sets none, where this dialect wants one. It is the smallest that any model which
/// Anthropic serves today has at most, so that none refuses it.
const DEFAULT_MAX_TOKENS: u64 = 32_000;

/// The least budget that is taken.
const LEAST_BUDGET: u64 = 1024;

/// How a model is told not to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quiet {
    /// By no word at all: it thinks when it is asked to.
    Unasked,
    /// `disabled`.
    Disabled,
    /// It cannot be told so; this is the next best: to think between calls of tools only.
    BetweenTools,
    /// It cannot be told so: it always thinks, and takes no call of a tool that it must make.
    Never,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect::translate) struct Abilities {
    /// An effort, and thinking as much as it likes.
    effort: bool,
    /// `temperature`, `top_p` and `top_k`.
    pub(in crate::dialect::translate) sampling: bool,
    quiet: Quiet,
}

impl Abilities {
    /// By the model's name. A name of another maker's stands for a model behind a door like Anthropic's; those know the
    /// words that the dialect began with.
    pub(in crate::dialect::translate) fn of(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let Some((_, rest)) = name.split_once("claude") else {
            return Self { effort: false, sampling: true, quiet: Quiet::Disabled };
        };
        let mut numbers = rest
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .skip_while(|word| !is_version(word))
            .map_while(|word| word.parse::<u32>().ok().filter(|_| is_version(word)));
        // A name without a number stands for the newest.
        let version = (numbers.next().unwrap_or(u32::MAX), numbers.next().unwrap_or(0));
        let is_of = |family: &str| rest.contains(family);
        let quiet = match version {
            _ if is_of("fable") || is_of("mythos") => Quiet::Never,
            (0..=4, _) => Quiet::Unasked,
            (5, 0..=4) => Quiet::Disabled,
            _ if is_of("haiku") => Quiet::Disabled,
            _ if is_of("sonnet") => Quiet::BetweenTools,
            _ => Quiet::Never,
        };
        Self { effort: version >= (4, 6), sampling: version < (4, 7), quiet }
    }

    /// Whether the model lets a client choose the tool that it has to call.
    fn forced_tools(self) -> bool {
        !matches!(self.quiet, Quiet::BetweenTools | Quiet::Never)
    }
}

/// Whether and which tool is to be called, as far as the model takes it.
///
/// # Errors
/// `Untranslatable` for a call that a model must make which always thinks.
pub(in crate::dialect::translate) fn tool_choice<'r>(
    request: &'r Request,
    model: &str,
    carry: &mut Carry<'_>,
) -> Result<Option<&'r ToolChoice>, Failure> {
    match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) if !Abilities::of(model).forced_tools() => {
            carry.refuse("tool_choice", "a call that has to be made, which this model cannot be told").map(|()| None)
        }
        choice => Ok(choice.as_ref()),
    }
}

/// Whether it is a version, not the day of one.
fn is_version(word: &str) -> bool {
    (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// What to say of thinking.
#[derive(Debug, Default, PartialEq)]
pub(in crate::dialect::translate) struct Thinking {
    /// The most tokens of the answer, those of thinking included.
    pub(super) max_tokens: u64,
    /// The value of `thinking`.
    pub(in crate::dialect::translate) thinking: Option<Value>,
    /// The value of `output_config.effort`.
    pub(in crate::dialect::translate) effort: Option<String>,
}

impl Thinking {
    /// As the request wants it, in the words that the model takes.
    pub(in crate::dialect::translate) fn of(request: &Request, model: &str, carry: &mut Carry<'_>) -> Self {
        let max_tokens = request.max_output.unwrap_or(DEFAULT_MAX_TOKENS);
        let mut asked = Self { max_tokens, ..Self::default() };
        let is_forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        let Some(reasoning) = &request.reasoning else { return asked };
        let abilities = Abilities::of(model);
        let knows_effort = abilities.effort;
        match reasoning {
            Reasoning::Off => {
                match abilities.quiet {
                    Quiet::Unasked => {}
                    Quiet::Disabled => asked.thinking = Some(json!({"type": "disabled"})),
                    Quiet::BetweenTools => asked.thinking = Some(json!({"type": "between_tools"})),
                    Quiet::Never => {
                        // As little as there is.
                        asked.effort = Some("low".to_owned());
                        carry.hint("reasoning");
                    }
                }
                return asked;
            }
            Reasoning::Effort(effort) if knows_effort => {
                asked.effort = Some(if effort == "minimal" { "low".to_owned() } else { effort.clone() });
                asked.thinking = Some(json!({"type": "adaptive"}));
            }
            Reasoning::Adaptive if knows_effort => asked.thinking = Some(json!({"type": "adaptive"})),
            Reasoning::Budget(_) if knows_effort => {
                carry.hint("thinking.budget_tokens");
                asked.thinking = Some(json!({"type": "adaptive"}));
            }
            Reasoning::Effort(effort) => asked.budget(effort::budget(max_tokens, effort), request, carry),
            Reasoning::Adaptive => asked.budget(effort::budget(max_tokens, "high"), request, carry),
            Reasoning::Budget(tokens) => asked.budget(*tokens, request, carry),
        }
        // A model that must call a tool may not think about it first.
        if is_forced && asked.thinking.take().is_some() {
            carry.hint("reasoning");
        }
        asked
    }

    fn budget(&mut self, tokens: u64, request: &Request, carry: &mut Carry<'_>) {
        let mut tokens = tokens.max(LEAST_BUDGET);
        if request.max_output.is_none() && tokens >= self.max_tokens {
            self.max_tokens = tokens.saturating_add(DEFAULT_MAX_TOKENS);
        }
        tokens = tokens.min(self.max_tokens.saturating_sub(1));
        if tokens < LEAST_BUDGET {
            // The whole answer is to be shorter than the least that may be thought.
            carry.hint("reasoning");
            return;
        }
        self.thinking = Some(json!({"type": "enabled", "budget_tokens": tokens}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Dialect;

    #[test]
    fn a_models_name_tells_its_generation() {
        let check = |model: &str, effort: bool, sampling: bool, quiet: Quiet| {
            assert_eq!(Abilities::of(model), Abilities { effort, sampling, quiet }, "{model}");
        };
        check("claude-3-5-sonnet-20241022", false, true, Quiet::Unasked);
        check("claude-opus-4-20250514", false, true, Quiet::Unasked);
        check("claude-haiku-4-5", false, true, Quiet::Unasked);
        check("us.anthropic.claude-sonnet-4-5-20250929-v1:0", false, true, Quiet::Unasked);
        check("claude-opus-4-6", true, true, Quiet::Unasked);
        check("anthropic/claude-4.6-sonnet", true, true, Quiet::Unasked);
        check("anthropic/claude-opus-4.7", true, false, Quiet::Unasked);
        check("claude-mythos-preview", true, false, Quiet::Never);
        check("claude-fable-5", true, false, Quiet::Never);
        check("claude-opus-5", true, false, Quiet::Disabled);
        check("claude-sonnet-5", true, false, Quiet::Disabled);
        check("claude-opus-5-5", true, false, Quiet::Never);
        check("claude-sonnet-5-5", true, false, Quiet::BetweenTools);
        check("claude-haiku-5-5", true, false, Quiet::Disabled);
        check("claude-latest", true, false, Quiet::Never);
        check("glm-5", false, true, Quiet::Disabled);
    }

    #[test]
    fn thinking_is_asked_for_in_the_words_of_the_model() {
        let check = |model: &str, reasoning: Reasoning, max: Option<u64>, expected: (u64, Value, Option<&str>)| {
            let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::AnthropicMessages, &[]);
            let request = Request { max_output: max, reasoning: Some(reasoning.clone()), ..Request::default() };
            let asked = Thinking::of(&request, model, &mut carry);
            let told = (asked.max_tokens, asked.thinking.unwrap_or_default(), asked.effort.as_deref());
            assert_eq!(told, expected, "{model} {reasoning:?} {max:?}");
        };
        let effort = |effort: &str| Reasoning::Effort(effort.to_owned());
        let adaptive = json!({"type": "adaptive"});
        let enabled = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
        check("claude-opus-5", effort("xhigh"), None, (32_000, adaptive.clone(), Some("xhigh")));
        check("claude-opus-5", effort("minimal"), Some(9), (9, adaptive.clone(), Some("low")));
        check("claude-opus-5", Reasoning::Adaptive, None, (32_000, adaptive.clone(), None));
        check("claude-opus-5", Reasoning::Budget(5000), None, (32_000, adaptive, None));
        check("claude-opus-5", Reasoning::Off, None, (32_000, json!({"type": "disabled"}), None));
        check("claude-opus-4-7", Reasoning::Off, None, (32_000, Value::Null, None));
        check("claude-sonnet-5-5", Reasoning::Off, None, (32_000, json!({"type": "between_tools"}), None));
        check("claude-opus-5-5", Reasoning::Off, None, (32_000, Value::Null, Some("low")));
        check("claude-haiku-4-5", effort("medium"), None, (32_000, enabled(8000), None));
        check("claude-haiku-4-5", effort("low"), Some(2000), (2000, enabled(1024), None));
        check("claude-haiku-4-5", effort("low"), Some(1024), (1024, Value::Null, None));
        check("claude-haiku-4-5", Reasoning::Budget(50_000), None, (82_000, enabled(50_000), None));
        check("claude-haiku-4-5", Reasoning::Budget(50_000), Some(4000), (4000, enabled(3999), None));
    }

    #[test]
    fn a_model_that_always_thinks_cannot_be_told_to_call_a_tool() {
        let check = |model: &str, takes: bool| {
            let omit = ["tool_choice".to_owned()];
            let forced = Some(ToolChoice::Named("f".to_owned()));
            let request = Request { tool_choice: forced, ..Request::default() };
            let chosen = |omit| {
                let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::AnthropicMessages, omit);
                tool_choice(&request, model, &mut carry).map(|choice| choice.is_some())
            };
            assert_eq!(chosen(&[]).ok(), takes.then_some(true), "{model}");
            assert_eq!(chosen(&omit).ok(), Some(takes), "{model}");
        };
        check("claude-opus-5", true);
        check("claude-haiku-5-5", true);
        check("glm-5", true);
        check("claude-opus-5-5", false);
        check("us.anthropic.claude-sonnet-5-5", false);
        check("claude-fable-5", false);
    }

    #[test]
    fn a_model_that_must_call_a_tool_is_not_asked_to_think() {
        let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::AnthropicMessages, &[]);
        let request = Request {
            reasoning: Some(Reasoning::Effort("high".to_owned())),
            tool_choice: Some(ToolChoice::Required),
            ..Request::default()
        };
        let asked = Thinking::of(&request, "claude-opus-5", &mut carry);
        assert_eq!((asked.thinking, asked.effort.as_deref()), (None, Some("high")));
        assert_eq!(carry.left_out(), ["reasoning"]);
    }
}
