//! The tools of a request: functions, freeform tools, and namespaces of both, which other dialects do not have.

use serde_json::{Value, json};

use crate::dialect::translate::fields::Fields;
use crate::dialect::translate::neutral::{Tool, ToolChoice, freeform_schema};
use crate::dialect::translate::{Carry, grammar};
use crate::domain::{Failure, Mark};

/// The namespace of what stands in none.
const DEFAULT_NAMESPACE: &str = "functions";

/// The longest name of a tool that every dialect takes.
const LONGEST_NAME: usize = 64;

/// The name that a tool of a namespace has where there are no namespaces.
pub(super) fn flat_name(namespace: Option<&str>, name: &str) -> String {
    let Some(namespace) = namespace.filter(|namespace| !matches!(*namespace, "" | DEFAULT_NAMESPACE)) else {
        return name.to_owned();
    };
    let between = if namespace.ends_with('_') { "" } else { "__" };
    let whole = format!("{namespace}{between}{name}");
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let plain: String = whole.chars().map(|letter| if allowed(letter) { letter } else { '_' }).collect();
    if plain.len() <= LONGEST_NAME {
        return plain;
    }
    // What is cut off still tells two names apart.
    let mark = format!("_{:016x}", Mark::of(&whole).as_u64());
    format!("{}{mark}", &plain[..LONGEST_NAME - mark.len()])
}

/// What a call of a tool is in this dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// With arguments in JSON.
    Function,
    /// With a text.
    Freeform,
    /// The client's search among tools that it has not told of yet.
    Search,
}

/// A tool that the client runs, as its calls name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// Its name in other dialects.
    pub flat: String,
    /// Its own name.
    pub name: String,
    /// The namespace in which it stands.
    pub namespace: Option<String>,
    /// What its calls are.
    pub sort: Sort,
}

impl Definition {
    /// A function that stands in no namespace.
    pub(super) fn function(name: &str) -> Self {
        Self { flat: name.to_owned(), name: name.to_owned(), namespace: None, sort: Sort::Function }
    }

    /// A freeform tool that stands in no namespace.
    pub(super) fn freeform(name: &str) -> Self {
        Self { sort: Sort::Freeform, ..Self::function(name) }
    }
}

/// What the client's search among tools is called where it is a function like any other.
pub(super) const SEARCH: &str = "tool_search";

/// All tools that a request defines: in `tools`, in an item of their own, or found by an earlier search.
pub(super) fn defined(body: &Value) -> Vec<Value> {
    let items = body["input"].as_array().into_iter().flatten();
    let of_items =
        items.filter(|item| matches!(item["type"].as_str(), Some("additional_tools" | "tool_search_output")));
    let lists = std::iter::once(&body["tools"]).chain(of_items.map(|item| &item["tools"]));
    lists.filter_map(Value::as_array).flatten().cloned().collect()
}

/// The tools that the client runs.
pub(super) fn definitions(tools: &[Value]) -> Vec<Definition> {
    let mut found = Vec::new();
    collect(tools, None, &mut found);
    found
}

fn collect(tools: &[Value], namespace: Option<&str>, found: &mut Vec<Definition>) {
    for tool in tools {
        let name = tool["name"].as_str().unwrap_or_default();
        let sort = match tool["type"].as_str() {
            Some("function") => Sort::Function,
            Some("custom") => Sort::Freeform,
            Some("tool_search") if tool["execution"] == "client" => Sort::Search,
            Some("namespace") if namespace.is_none() => {
                collect(tool["tools"].as_array().map_or(&[], Vec::as_slice), Some(name), found);
                continue;
            }
            _ => continue,
        };
        let name = if sort == Sort::Search { SEARCH } else { name };
        let (flat, namespace) = (flat_name(namespace, name), namespace.map(str::to_owned));
        found.push(Definition { flat, name: name.to_owned(), namespace, sort });
    }
}

/// The names of a request's freeform tools, as other dialects know them.
pub(in crate::dialect::translate) fn freeform(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let tools = definitions(&defined(&body)).into_iter();
    tools.filter(|tool| tool.sort == Sort::Freeform).map(|tool| tool.flat).collect()
}

/// Reads the tools that stand at `place`; those that are there already stay.
pub(super) fn read_tools(
    values: Vec<Value>,
    place: &str,
    tools: &mut Vec<Tool>,
    carry: &mut Carry<'_>,
) -> Result<(), Failure> {
    for (number, value) in values.into_iter().enumerate() {
        let mut fields = Fields::of(value, format!("{place}[{number}]"), carry)?;
        let kind = fields.needed_text("type", carry)?;
        let is_clients = fields.peek("execution").and_then(Value::as_str) == Some("client");
        match kind.as_str() {
            "namespace" => read_namespace(fields, tools, carry)?,
            "function" | "custom" => add(read_tool(&kind, fields, None, carry)?, tools),
            "tool_search" if is_clients => add(read_search(fields, carry)?, tools),
            // What else there is of it goes with it. The name is the same wherever tools stand.
            _ => carry.refuse(&format!("tools[{number}].{kind}"), "a tool that runs at the provider")?,
        }
    }
    Ok(())
}

/// Adds a tool; one that a search has found twice is told once.
fn add(tool: Tool, tools: &mut Vec<Tool>) {
    if !tools.contains(&tool) {
        tools.push(tool);
    }
}

/// The client's search among tools that it has not told of yet.
fn read_search(mut fields: Fields, carry: &mut Carry<'_>) -> Result<Tool, Failure> {
    fields.take("execution");
    let description = fields.text("description", carry)?;
    let parameters = read_schema(&mut fields, carry)?;
    fields.end(carry)?;
    Ok(Tool { name: SEARCH.to_owned(), description, parameters, strict: None })
}

fn read_schema(fields: &mut Fields, carry: &Carry<'_>) -> Result<Value, Failure> {
    match fields.take("parameters") {
        Some(schema @ Value::Object(_)) => Ok(schema),
        Some(_) => Err(carry.malformed(&fields.name("parameters"), "an object")),
        None => Ok(json!({"type": "object", "properties": {}})),
    }
}

fn read_namespace(mut fields: Fields, tools: &mut Vec<Tool>, carry: &mut Carry<'_>) -> Result<(), Failure> {
    let namespace = fields.needed_text("name", carry)?;
    let about = fields.text("description", carry)?.filter(|about| !about.is_empty());
    let place = fields.name("tools");
    let mut group = Vec::new();
    for (number, value) in fields.array("tools", carry)?.unwrap_or_default().into_iter().enumerate() {
        let mut nested = Fields::of(value, format!("{place}[{number}]"), carry)?;
        let kind = nested.needed_text("type", carry)?;
        match kind.as_str() {
            "function" | "custom" => group.push(read_tool(&kind, nested, Some(&namespace), carry)?),
            _ => carry.refuse(&nested.name(&kind), "a tool of a namespace that is no function")?,
        }
    }
    // What is said of them all is said with the first.
    if let (Some(about), Some(tool)) = (about, group.first_mut()) {
        let own = tool.description.take().unwrap_or_default();
        tool.description = Some(format!("Of all tools of {namespace}: {about}\n\n{own}").trim_end().to_owned());
    }
    group.into_iter().for_each(|tool| add(tool, tools));
    fields.end(carry)
}

fn read_tool(kind: &str, mut fields: Fields, namespace: Option<&str>, carry: &mut Carry<'_>) -> Result<Tool, Failure> {
    let name = flat_name(namespace, &fields.needed_text("name", carry)?);
    let description = fields.text("description", carry)?;
    fields.hints(&["defer_loading", "allowed_callers", "async", "output_schema"], carry);
    if kind == "custom" {
        let description = grammar::described(description, &mut fields, carry)?;
        fields.end(carry)?;
        return Ok(Tool { name, description, parameters: freeform_schema(), strict: None });
    }
    let strict = fields.truth("strict", carry)?;
    let parameters = read_schema(&mut fields, carry)?;
    fields.end(carry)?;
    Ok(Tool { name, description, parameters, strict })
}

/// Reads `tool_choice`; a choice among some of the tools leaves only those.
pub(super) fn read_tool_choice(
    value: Value,
    tools: &mut Vec<Tool>,
    carry: &mut Carry<'_>,
) -> Result<Option<ToolChoice>, Failure> {
    let malformed =
        |carry: &Carry<'_>| carry.malformed("tool_choice", "auto, none, required or an object with a `type`");
    if let Value::String(choice) = &value {
        return match choice.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(malformed(carry)),
        };
    }
    let mut fields = Fields::of(value, "tool_choice", carry).map_err(|_| malformed(carry))?;
    let kind = fields.needed_text("type", carry)?;
    match kind.as_str() {
        "function" | "custom" => {
            let namespace = fields.text("namespace", carry)?;
            let name = flat_name(namespace.as_deref(), &fields.needed_text("name", carry)?);
            fields.end(carry)?;
            Ok(Some(ToolChoice::Named(name)))
        }
        "allowed_tools" => {
            let mode = fields.text("mode", carry)?;
            let allowed = allowed_names(fields.array("tools", carry)?.unwrap_or_default(), carry)?;
            fields.end(carry)?;
            tools.retain(|tool| allowed.contains(&tool.name));
            Ok(Some(if mode.as_deref() == Some("required") { ToolChoice::Required } else { ToolChoice::Auto }))
        }
        _ => carry.refuse("tool_choice", "a tool that runs at the provider").map(|()| None),
    }
}

fn allowed_names(values: Vec<Value>, carry: &mut Carry<'_>) -> Result<Vec<String>, Failure> {
    let mut names = Vec::with_capacity(values.len());
    for (number, value) in values.into_iter().enumerate() {
        let mut fields = Fields::of(value, format!("tool_choice.tools[{number}]"), carry)?;
        let kind = fields.needed_text("type", carry)?;
        if !matches!(kind.as_str(), "function" | "custom") {
            carry.refuse(&fields.name(&kind), "a tool that runs at the provider")?;
            continue;
        }
        let namespace = fields.text("namespace", carry)?;
        names.push(flat_name(namespace.as_deref(), &fields.needed_text("name", carry)?));
        fields.end(carry)?;
    }
    Ok(names)
}
