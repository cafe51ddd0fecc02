//! The grammar of a freeform tool's input.

use serde_json::Value;

use super::Carry;
use super::fields::Fields;
use crate::domain::Failure;

/// A freeform tool's description, with the grammar of its input: no other dialect holds the model to it. Responses has
/// the grammar in the `format` itself, Chat Completions one level below.
///
/// # Errors
/// `Untranslatable` for a format that is not known here, `Malformed` for one that its dialect does not define.
pub(super) fn described(
    description: Option<String>,
    tool: &mut Fields,
    carry: &mut Carry<'_>,
) -> Result<Option<String>, Failure> {
    let Some(mut format) = tool.object("format", carry)? else { return Ok(description) };
    match format.needed_text("type", carry)?.as_str() {
        "text" => return format.end(carry).map(|()| description),
        "grammar" => {}
        _ => return carry.refuse(&format.name("type"), "a format of a tool's input").map(|()| description),
    }
    carry.hint("tools.format");
    let is_nested = format.peek("grammar").is_some_and(Value::is_object);
    let nested = if is_nested { format.object("grammar", carry)? } else { None };
    let mut grammar = match nested {
        Some(grammar) => {
            format.end(carry)?;
            grammar
        }
        None => format,
    };
    let syntax = grammar.needed_text("syntax", carry)?;
    let definition = grammar.needed_text("definition", carry)?;
    grammar.end(carry)?;
    let own = description.unwrap_or_default();
    Ok(Some(format!("{own}\n\nThe input must fit this {syntax} grammar:\n{definition}").trim_start().to_owned()))
}
