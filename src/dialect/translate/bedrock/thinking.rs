//! How much a model is asked to think, in the words that its maker's models take.

use serde_json::{Map, Value, json};

use super::Maker;
use crate::dialect::translate::Carry;
use crate::dialect::translate::neutral::{Reasoning, Request, ToolChoice};
use crate::domain::Failure;

/// The least budget that Anthropic's models take.
const LEAST_BUDGET: u64 = 1024;

/// What is divided between thinking and the answer where the caller sets no limit.
const UNLIMITED: u64 = 32_000;

/// How much of an answer's tokens are for thinking where a model goes by budgets, in sixteenths.
const SIXTEENTHS: [(&str, u64); 6] =
    [("minimal", 1), ("low", 1), ("medium", 4), ("high", 8), ("xhigh", 12), ("max", 12)];

/// What to say of thinking.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Thinking {
    /// Of `additionalModelRequestFields`.
    pub(super) fields: Map<String, Value>,
    /// The value of `outputConfig.effort`.
    pub(super) effort: Option<String>,
}

impl Thinking {
    /// As the request wants it.
    pub(super) fn of(
        reasoning: &Reasoning,
        request: &Request,
        model: &str,
        maker: Maker,
        carry: &mut Carry<'_>,
    ) -> Result<Self, Failure> {
        match maker {
            Maker::Anthropic => Ok(Self::of_anthropics(reasoning, request, model, carry)),
            Maker::OpenAi => Self::of_openais(reasoning, carry),
            Maker::Other => Self::of_others(reasoning, carry),
        }
    }

    /// A budget of tokens up to Claude 4.5, an effort from 4.6 on. Not to think is what they do if nothing is said, and
    /// some of the newer ones refuse to hear it.
    fn of_anthropics(reasoning: &Reasoning, request: &Request, model: &str, carry: &mut Carry<'_>) -> Self {
        let most = request.max_output.unwrap_or(UNLIMITED);
        let knows_effort = knows_effort(model);
        let (thinking, effort) = match reasoning {
            Reasoning::Off => return Self::default(),
            Reasoning::Effort(effort) if knows_effort => (json!({ "type": "adaptive" }), Some(at_least_low(effort))),
            Reasoning::Adaptive if knows_effort => (json!({ "type": "adaptive" }), None),
            Reasoning::Budget(_) if knows_effort => {
                carry.hint("reasoning.budget");
                (json!({ "type": "adaptive" }), None)
            }
            Reasoning::Effort(effort) => (budget(share(most, effort), most), None),
            Reasoning::Adaptive => (budget(share(most, "high"), most), None),
            Reasoning::Budget(tokens) => (budget(*tokens, request.max_output.unwrap_or(u64::MAX)), None),
        };
        // A model that must call a tool may not think about it first; nor may one whose answer is to be that short.
        let is_forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        if thinking.is_null() || (is_forced && !request.tools.is_empty()) {
            carry.hint("reasoning");
            return Self { effort, ..Self::default() };
        }
        Self { fields: [("thinking".to_owned(), thinking)].into_iter().collect(), effort }
    }

    /// An effort of three.
    fn of_openais(reasoning: &Reasoning, carry: &mut Carry<'_>) -> Result<Self, Failure> {
        let effort = match reasoning {
            Reasoning::Adaptive => return Ok(Self::default()),
            Reasoning::Off => {
                carry.refuse("reasoning", "no thinking at all, which this model cannot do")?;
                return Ok(Self::default());
            }
            Reasoning::Budget(_) => {
                carry.hint("reasoning.budget");
                return Ok(Self::default());
            }
            Reasoning::Effort(effort) => match effort.as_str() {
                "minimal" | "low" => "low",
                "medium" => "medium",
                _ => "high",
            },
        };
        let fields = [("reasoning_effort".to_owned(), json!(effort))].into_iter().collect();
        Ok(Self { fields, effort: None })
    }

    /// What Converse itself has a word for.
    fn of_others(reasoning: &Reasoning, carry: &mut Carry<'_>) -> Result<Self, Failure> {
        match reasoning {
            Reasoning::Adaptive => Ok(Self::default()),
            Reasoning::Effort(effort) => Ok(Self { effort: Some(at_least_low(effort)), ..Self::default() }),
            Reasoning::Off | Reasoning::Budget(_) => {
                carry.refuse("reasoning", "how much to think in other words than an effort")?;
                Ok(Self::default())
            }
        }
    }
}

fn at_least_low(effort: &str) -> String {
    if effort == "minimal" { "low" } else { effort }.to_owned()
}

/// So much of what the answer may have; `null` if that is less than the least.
fn budget(tokens: u64, most: u64) -> Value {
    let tokens = tokens.max(LEAST_BUDGET).min(most.saturating_sub(1));
    if tokens < LEAST_BUDGET { Value::Null } else { json!({ "type": "enabled", "budget_tokens": tokens }) }
}

fn share(most: u64, effort: &str) -> u64 {
    // An effort that is newer than we are is taken for a high one.
    let sixteenths = SIXTEENTHS.iter().find(|(name, _)| *name == effort).map_or(8, |(_, sixteenths)| *sixteenths);
    most / 16 * sixteenths
}

/// Whether a model of Anthropic's is of 4.6 or later: its version is the first one or two short numbers in its name, the
/// longer ones are a day. A name without a number stands for the newest.
fn knows_effort(model: &str) -> bool {
    let name = model.split_once("claude").map_or("", |(_, rest)| rest);
    let is_short = |word: &&str| (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let mut numbers = words.skip_while(|word| !is_short(word)).take_while(is_short).map_while(|word| word.parse().ok());
    let version: (u32, u32) = (numbers.next().unwrap_or(u32::MAX), numbers.next().unwrap_or(0));
    version >= (4, 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Dialect;

    #[test]
    fn a_models_name_tells_its_generation() {
        let check = |model: &str, expected: bool| assert_eq!(knows_effort(model), expected, "{model}");
        check("anthropic.claude-3-7-sonnet-20250219-v1:0", false);
        check("us.anthropic.claude-sonnet-4-20250514-v1:0", false);
        check("anthropic.claude-haiku-4-5-20251001-v1:0", false);
        check("anthropic.claude-opus-4-6-v1", true);
        check("global.anthropic.claude-sonnet-4-6", true);
        check("anthropic.claude-opus-5", true);
        check("anthropic.claude-mythos-preview", true);
    }

    #[test]
    fn thinking_is_asked_for_in_the_words_of_the_maker() {
        let check =
            |model: &str, reasoning: Reasoning, max_output: Option<u64>, fields: Value, effort: Option<&str>| {
                let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::BedrockConverse, &[]);
                let request = Request { max_output, ..Request::default() };
                let found = Thinking::of(&reasoning, &request, model, Maker::of(model), &mut carry).expect("said");
                assert_eq!(Value::Object(found.fields), fields, "{model} {reasoning:?}");
                assert_eq!(found.effort.as_deref(), effort, "{model} {reasoning:?}");
            };
        let effort = |effort: &str| Reasoning::Effort(effort.to_owned());
        let enabled = |tokens: u64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
        let adaptive = json!({"thinking": {"type": "adaptive"}});
        let (old, new) = ("anthropic.claude-haiku-4-5-20251001-v1:0", "us.anthropic.claude-opus-4-6-v1");
        check(old, effort("high"), None, enabled(16_000), None);
        check(old, effort("low"), Some(4096), enabled(1024), None);
        check(old, effort("high"), Some(1000), json!({}), None);
        check(old, Reasoning::Adaptive, Some(8192), enabled(4096), None);
        check(old, Reasoning::Budget(5000), None, enabled(5000), None);
        check(old, Reasoning::Budget(500), None, enabled(1024), None);
        check(old, Reasoning::Budget(50_000), None, enabled(50_000), None);
        check(old, Reasoning::Budget(5000), Some(4000), enabled(3999), None);
        check(old, Reasoning::Off, None, json!({}), None);
        check(new, effort("minimal"), None, adaptive.clone(), Some("low"));
        check(new, effort("max"), None, adaptive.clone(), Some("max"));
        check(new, Reasoning::Adaptive, None, adaptive.clone(), None);
        check(new, Reasoning::Budget(5000), None, adaptive, None);
        check("openai.gpt-oss-120b-1:0", effort("xhigh"), None, json!({"reasoning_effort": "high"}), None);
        check("amazon.nova-2-lite-v1:0", effort("low"), None, json!({}), Some("low"));
        check("amazon.nova-2-lite-v1:0", Reasoning::Adaptive, None, json!({}), None);
    }

    #[test]
    fn a_model_that_must_call_a_tool_does_not_think_first() {
        let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::BedrockConverse, &[]);
        let tool = super::super::Tool { name: "f".to_owned(), description: None, parameters: json!({}), strict: None };
        let request = Request { tools: vec![tool], tool_choice: Some(ToolChoice::Required), ..Request::default() };
        let model = "anthropic.claude-opus-4-6-v1";
        let asked = Reasoning::Effort("high".to_owned());
        let found = Thinking::of(&asked, &request, model, Maker::Anthropic, &mut carry).expect("said");
        assert_eq!(found, Thinking { fields: Map::new(), effort: Some("high".to_owned()) });
        assert_eq!(carry.left_out(), ["reasoning"]);
    }
}
