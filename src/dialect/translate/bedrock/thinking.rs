//! How much a model is asked to think, in the words that its maker's models take.

use serde_json::{Map, Value, json};

use super::Maker;
use crate::dialect::translate::Carry;
use crate::dialect::translate::messages::thinking;
use crate::dialect::translate::neutral::{Reasoning, Request};
use crate::domain::Failure;

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
            Maker::Anthropic => Ok(Self::of_anthropics(request, model, carry)),
            Maker::OpenAi => Self::of_openais(reasoning, carry),
            Maker::Other => Self::of_others(reasoning, carry),
        }
    }

    /// As in Anthropic's own dialect.
    fn of_anthropics(request: &Request, model: &str, carry: &mut Carry<'_>) -> Self {
        let asked = thinking::Thinking::of(request, model, carry);
        let fields = asked.thinking.map(|thinking| ("thinking".to_owned(), thinking)).into_iter().collect();
        Self { fields, effort: asked.effort }
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
                carry.hint("thinking.budget_tokens");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::translate::neutral::{Tool, ToolChoice};
    use crate::domain::Dialect;

    #[test]
    fn thinking_is_asked_for_in_the_words_of_the_maker() {
        let check =
            |model: &str, reasoning: Reasoning, max_output: Option<u64>, fields: Value, effort: Option<&str>| {
                let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::BedrockConverse, &[]);
                let request = Request { max_output, reasoning: Some(reasoning.clone()), ..Request::default() };
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
        let tool = Tool { name: "f".to_owned(), description: None, parameters: json!({}), strict: None };
        let (model, asked) = ("anthropic.claude-opus-4-6-v1", Reasoning::Effort("high".to_owned()));
        let request = Request {
            tools: vec![tool],
            tool_choice: Some(ToolChoice::Required),
            reasoning: Some(asked.clone()),
            ..Request::default()
        };
        let found = Thinking::of(&asked, &request, model, Maker::Anthropic, &mut carry).expect("said");
        assert_eq!(found, Thinking { fields: Map::new(), effort: Some("high".to_owned()) });
        assert_eq!(carry.left_out(), ["reasoning"]);
    }
}
