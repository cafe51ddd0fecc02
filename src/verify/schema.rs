//! Does a value fit a JSON Schema? In a bounded number of steps, whatever the schema.
//!
//! Schemas come from callers, and a short one can be made to double the work of a validator with each of its levels
//! (decision 026), so every step is counted here and none is taken beyond the last. What a gate may claim is that a
//! value does *not* fit; whatever is not known here, or not finished in time, is [`Fit::Unjudged`] and fails nothing.
//! References outside the schema are never followed.

use std::collections::{HashMap, HashSet};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Number, Value};

/// Steps that one judgement may take: some tens of milliseconds at worst.
const MOST_STEPS: usize = 200_000;

/// Levels of schemas inside each other, references included.
const MOST_LEVELS: usize = 200;

/// The longest pattern that is compiled, and the most memory that it may take.
const MOST_PATTERN_BYTES: usize = 1 << 10;
const MOST_REGEX_BYTES: usize = 1 << 18;

/// Steps that stand for a pattern that is compiled.
const PATTERN_STEPS: usize = 2_000;

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// It fits, as far as the schema's words are known here.
    Yes,
    /// It does not.
    No,
    /// It cannot be said: the schema is unusable, refers to what is elsewhere, or takes too long.
    Unjudged,
}

/// Holds a value against a schema.
pub fn fits(schema: &Value, value: &Value) -> Fit {
    let mut judge = Judge { root: schema, steps: MOST_STEPS, levels: 0, patterns: HashMap::new() };
    match judge.fits(schema, value) {
        Ok(true) => Fit::Yes,
        Ok(false) => Fit::No,
        Err(Unjudged) => Fit::Unjudged,
    }
}

/// The schema is unusable, or the steps are used up.
struct Unjudged;

type Judged = Result<bool, Unjudged>;

struct Judge<'s> {
    root: &'s Value,
    steps: usize,
    levels: usize,
    patterns: HashMap<&'s str, Regex>,
}

impl<'s> Judge<'s> {
    fn take(&mut self, steps: usize) -> Result<(), Unjudged> {
        self.steps = self.steps.checked_sub(steps).ok_or(Unjudged)?;
        Ok(())
    }

    fn fits(&mut self, schema: &'s Value, value: &Value) -> Judged {
        self.take(1)?;
        let schema = match schema {
            Value::Bool(all) => return Ok(*all),
            Value::Object(schema) => schema,
            _ => return Err(Unjudged),
        };
        if self.levels == MOST_LEVELS {
            return Err(Unjudged);
        }
        self.levels += 1;
        let fits = self.fits_object(schema, value);
        self.levels -= 1;
        fits
    }

    fn fits_object(&mut self, schema: &'s Map<String, Value>, value: &Value) -> Judged {
        if schema.contains_key("$dynamicRef") || schema.contains_key("$recursiveRef") {
            return Err(Unjudged);
        }
        if schema.get("nullable") == Some(&Value::Bool(true)) && value.is_null() {
            return Ok(true);
        }
        if !self.has_type(schema, value)? || !self.is_listed(schema, value)? {
            return Ok(false);
        }
        let own = match value {
            Value::String(text) => self.text(schema, text)?,
            Value::Number(number) => numeric(schema, number),
            Value::Object(fields) => self.object(schema, fields)?,
            Value::Array(items) => self.array(schema, items)?,
            Value::Null | Value::Bool(_) => true,
        };
        Ok(own && self.together(schema, value)?)
    }

    fn has_type(&mut self, schema: &'s Map<String, Value>, value: &Value) -> Judged {
        match schema.get("type") {
            None => Ok(true),
            Some(Value::String(word)) => is_a(word, value),
            Some(Value::Array(words)) => {
                for word in words {
                    self.take(1)?;
                    if is_a(word.as_str().ok_or(Unjudged)?, value)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Some(_) => Err(Unjudged),
        }
    }

    fn is_listed(&mut self, schema: &'s Map<String, Value>, value: &Value) -> Judged {
        if let Some(one) = schema.get("const")
            && !self.same(one, value)?
        {
            return Ok(false);
        }
        let Some(list) = schema.get("enum") else { return Ok(true) };
        for one in list.as_array().ok_or(Unjudged)? {
            if self.same(one, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn same(&mut self, one: &Value, other: &Value) -> Judged {
        self.take(1)?;
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => Ok(one == other || one.as_f64() == other.as_f64()),
            (Value::String(one), Value::String(other)) => {
                self.take(one.len() / 64)?;
                Ok(one == other)
            }
            (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
                for (one, other) in one.iter().zip(other) {
                    if !self.same(one, other)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
                for (name, one) in one {
                    let Some(other) = other.get(name) else { return Ok(false) };
                    if !self.same(one, other)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Null | Value::Bool(_), _) => Ok(one == other),
            _ => Ok(false),
        }
    }

    fn text(&mut self, schema: &'s Map<String, Value>, text: &str) -> Judged {
        if schema.contains_key("minLength") || schema.contains_key("maxLength") {
            self.take(text.len() / 64)?;
            if !is_within(schema, "minLength", "maxLength", text.chars().count()) {
                return Ok(false);
            }
        }
        match schema.get("pattern") {
            None => Ok(true),
            Some(pattern) => self.matches(pattern.as_str().ok_or(Unjudged)?, text),
        }
    }

    /// Whether a pattern is found in a text. One that this engine does not know, such as one that looks around, is not
    /// judged: an engine that does can be made to take for ever.
    fn matches(&mut self, pattern: &'s str, text: &str) -> Judged {
        self.take(1 + text.len() / 64)?;
        if !self.patterns.contains_key(pattern) {
            self.take(PATTERN_STEPS)?;
            if pattern.len() > MOST_PATTERN_BYTES {
                return Err(Unjudged);
            }
            let built = RegexBuilder::new(pattern).size_limit(MOST_REGEX_BYTES).nest_limit(50).build();
            self.patterns.insert(pattern, built.map_err(|_| Unjudged)?);
        }
        Ok(self.patterns.get(pattern).is_some_and(|pattern| pattern.is_match(text)))
    }

    fn object(&mut self, schema: &'s Map<String, Value>, fields: &Map<String, Value>) -> Judged {
        if !is_within(schema, "minProperties", "maxProperties", fields.len())
            || !self.has(schema, "required", fields)?
        {
            return Ok(false);
        }
        let properties = map_of(schema, "properties")?;
        let patterns = map_of(schema, "patternProperties")?;
        let rest = schema.get("additionalProperties");
        for (name, value) in fields {
            self.take(1)?;
            let mut is_known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                is_known = true;
                if !self.fits(schema, value)? {
                    return Ok(false);
                }
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if self.matches(pattern, name)? {
                    is_known = true;
                    if !self.fits(schema, value)? {
                        return Ok(false);
                    }
                }
            }
            if let Some(schema) = rest.filter(|_| !is_known)
                && !self.fits(schema, value)?
            {
                return Ok(false);
            }
            if let Some(schema) = schema.get("propertyNames")
                && !self.fits(schema, &Value::String(name.clone()))?
            {
                return Ok(false);
            }
        }
        self.dependencies(schema, fields)
    }

    /// Whether all the names in a list of the schema's are there.
    fn has(&mut self, schema: &'s Map<String, Value>, list: &str, fields: &Map<String, Value>) -> Judged {
        match schema.get(list) {
            // What draft 4 has there says nothing of the fields.
            None | Some(Value::Bool(_)) => Ok(true),
            Some(list) => self.has_all(list, fields),
        }
    }

    fn has_all(&mut self, names: &'s Value, fields: &Map<String, Value>) -> Judged {
        for name in names.as_array().ok_or(Unjudged)? {
            self.take(1)?;
            if !fields.contains_key(name.as_str().ok_or(Unjudged)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn dependencies(&mut self, schema: &'s Map<String, Value>, fields: &Map<String, Value>) -> Judged {
        for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
            for (name, then) in map_of(schema, keyword)?.into_iter().flatten() {
                self.take(1)?;
                if !fields.contains_key(name) {
                    continue;
                }
                let holds = match then {
                    Value::Array(_) => self.has_all(then, fields)?,
                    // A copy for each would be work that nobody counts.
                    schema => self.fits_fields(schema, fields)?,
                };
                if !holds {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn fits_fields(&mut self, schema: &'s Value, fields: &Map<String, Value>) -> Judged {
        self.take(1 + fields.len())?;
        self.fits(schema, &Value::Object(fields.clone()))
    }

    fn array(&mut self, schema: &'s Map<String, Value>, items: &[Value]) -> Judged {
        if !is_within(schema, "minItems", "maxItems", items.len()) {
            return Ok(false);
        }
        let (first, rest) = match (schema.get("prefixItems"), schema.get("items")) {
            (Some(first), rest) => (Some(first.as_array().ok_or(Unjudged)?), rest),
            (None, Some(Value::Array(first))) => (Some(first), schema.get("additionalItems")),
            (None, rest) => (None, rest),
        };
        for (place, item) in items.iter().enumerate() {
            self.take(1)?;
            let schema = first.and_then(|first| first.get(place)).or(rest);
            if let Some(schema) = schema
                && !self.fits(schema, item)?
            {
                return Ok(false);
            }
        }
        Ok(self.contains(schema, items)? && self.are_unique(schema, items)?)
    }

    fn contains(&mut self, schema: &'s Map<String, Value>, items: &[Value]) -> Judged {
        let Some(wanted) = schema.get("contains") else { return Ok(true) };
        let mut found = 0;
        for item in items {
            found += usize::from(self.fits(wanted, item)?);
        }
        let least = schema.get("minContains").and_then(Value::as_u64).unwrap_or(1);
        Ok(found as u64 >= least && is_within(schema, "", "maxContains", found))
    }

    fn are_unique(&mut self, schema: &'s Map<String, Value>, items: &[Value]) -> Judged {
        if schema.get("uniqueItems") != Some(&Value::Bool(true)) {
            return Ok(true);
        }
        let mut seen = HashSet::new();
        for item in items {
            let mut text = String::new();
            canonical(item, &mut text);
            self.take(1 + text.len() / 16)?;
            if !seen.insert(text) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What other schemas say of the same value.
    fn together(&mut self, schema: &'s Map<String, Value>, value: &Value) -> Judged {
        if let Some(reference) = schema.get("$ref") {
            let target = self.target(reference.as_str().ok_or(Unjudged)?)?;
            if !self.fits(target, value)? {
                return Ok(false);
            }
        }
        if let Some(all) = schema.get("allOf") {
            for schema in all.as_array().ok_or(Unjudged)? {
                if !self.fits(schema, value)? {
                    return Ok(false);
                }
            }
        }
        for (keyword, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
            if let Some(some) = schema.get(keyword) {
                let found = self.count(some, value, most)?;
                if found == 0 || found > most {
                    return Ok(false);
                }
            }
        }
        if let Some(not) = schema.get("not")
            && self.fits(not, value)?
        {
            return Ok(false);
        }
        let Some(condition) = schema.get("if") else { return Ok(true) };
        let branch = if self.fits(condition, value)? { "then" } else { "else" };
        schema.get(branch).map_or(Ok(true), |schema| self.fits(schema, value))
    }

    /// How many of these schemas it fits; no further than it takes to know whether they are more than `most`.
    fn count(&mut self, schemas: &'s Value, value: &Value, most: usize) -> Result<usize, Unjudged> {
        let mut found = 0;
        for schema in schemas.as_array().ok_or(Unjudged)? {
            found += usize::from(self.fits(schema, value)?);
            if found > most || (found == 1 && most == usize::MAX) {
                break;
            }
        }
        Ok(found)
    }

    /// What a reference inside the schema stands for.
    fn target(&mut self, reference: &str) -> Result<&'s Value, Unjudged> {
        let pointer = reference.strip_prefix('#').ok_or(Unjudged)?;
        self.take(1 + pointer.len() / 16)?;
        if pointer.is_empty() {
            return Ok(self.root);
        }
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8().map_err(|_| Unjudged)?;
        self.root.pointer(&pointer).ok_or(Unjudged)
    }
}

fn is_a(word: &str, value: &Value) -> Judged {
    Ok(match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => return Err(Unjudged),
    })
}

/// A field of the schema that is an object of schemas or names; `None` if there is none.
fn map_of<'s>(schema: &'s Map<String, Value>, name: &str) -> Result<Option<&'s Map<String, Value>>, Unjudged> {
    schema.get(name).map(|value| value.as_object().ok_or(Unjudged)).transpose()
}

fn is_within(schema: &Map<String, Value>, least: &str, most: &str, count: usize) -> bool {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    bound(least).is_none_or(|least| count as f64 >= least) && bound(most).is_none_or(|most| count as f64 <= most)
}

fn numeric(schema: &Map<String, Value>, number: &Number) -> bool {
    let Some(value) = number.as_f64() else { return true };
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    // In draft 4 these two were true or false, and said whether the bound itself was outside.
    let is_strict = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let above = |least: f64| if is_strict("exclusiveMinimum") { value > least } else { value >= least };
    let below = |most: f64| if is_strict("exclusiveMaximum") { value < most } else { value <= most };
    let whole = |name: &str| schema.get(name).and_then(Value::as_i64).filter(|whole| *whole > 0);
    // Of fractions nobody knows whether they are multiples of each other: they are rounded.
    let is_multiple = match (whole("multipleOf"), number.as_i64()) {
        (Some(of), Some(value)) => value % of == 0,
        _ => true,
    };
    bound("minimum").is_none_or(above)
        && bound("maximum").is_none_or(below)
        && bound("exclusiveMinimum").is_none_or(|least| value > least)
        && bound("exclusiveMaximum").is_none_or(|most| value < most)
        && is_multiple
}

/// Equal values as equal texts.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in fields {
                out.push_str(&Value::from(name.as_str()).to_string());
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Number(number) => match number.as_f64().filter(|number| number.fract() == 0.0) {
            Some(whole) => out.push_str(&format!("{whole:.0}")),
            None => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_and_what_does_not() {
        let check = |schema: Value, value: Value, expected: Fit| {
            assert_eq!(fits(&schema, &value), expected, "{value} in {schema}");
        };
        let yes = |schema: Value, value: Value| check(schema, value, Fit::Yes);
        let no = |schema: Value, value: Value| check(schema, value, Fit::No);
        yes(json!(true), json!(1));
        no(json!(false), json!(1));
        yes(json!({"type": "integer"}), json!(1.0));
        no(json!({"type": "integer"}), json!(1.5));
        no(json!({"type": "integer"}), json!("1"));
        yes(json!({"type": ["string", "null"]}), json!(null));
        yes(json!({"type": "string", "nullable": true}), json!(null));
        yes(json!({"enum": [1, "a", {"b": [2]}]}), json!({"b": [2.0]}));
        no(json!({"enum": [1, "a"]}), json!("b"));
        no(json!({"const": {"a": 1}}), json!({"a": 1, "b": 2}));
        yes(json!({"maxLength": 2}), json!("äö"));
        no(json!({"minLength": 3}), json!("äö"));
        yes(json!({"pattern": "^[a-z]+/\\d{2}$"}), json!("abc/12"));
        no(json!({"pattern": "^a"}), json!("ba"));
        no(json!({"minimum": 3, "maximum": 5}), json!(6));
        no(json!({"exclusiveMinimum": 3}), json!(3));
        no(json!({"minimum": 3, "exclusiveMinimum": true}), json!(3));
        no(json!({"multipleOf": 5}), json!(7));
        let person = json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name"], "additionalProperties": false});
        yes(person.clone(), json!({"name": "Ana"}));
        no(person.clone(), json!({"age": 3}));
        no(person.clone(), json!({"name": "Ana", "age": "three"}));
        no(person, json!({"name": "Ana", "extra": 1}));
        no(json!({"patternProperties": {"^n": {"type": "number"}}}), json!({"n1": "x"}));
        yes(json!({"patternProperties": {"^n": {}}, "additionalProperties": false}), json!({"n1": "x"}));
        no(json!({"propertyNames": {"maxLength": 1}}), json!({"ab": 1}));
        no(json!({"dependentRequired": {"a": ["b"]}}), json!({"a": 1}));
        no(json!({"dependentSchemas": {"a": {"required": ["b"]}}}), json!({"a": 1}));
        no(json!({"items": {"type": "number"}}), json!([1, "2"]));
        no(json!({"prefixItems": [{"type": "string"}], "items": false}), json!(["a", 2]));
        no(json!({"items": [{"type": "string"}], "additionalItems": {"type": "string"}}), json!(["a", 2]));
        no(json!({"uniqueItems": true}), json!([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]));
        yes(json!({"uniqueItems": true}), json!(["1", 1, [1], [[1]]]));
        no(json!({"contains": {"type": "string"}, "maxContains": 1}), json!(["a", "b"]));
        no(json!({"minItems": 1}), json!([]));
        no(json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), json!(1));
        no(json!({"oneOf": [{"type": "number"}, {"minimum": 0}]}), json!(1));
        no(json!({"not": {"type": "string"}}), json!("a"));
        no(json!({"if": {"type": "string"}, "then": {"minLength": 2}, "else": false}), json!("a"));
        no(json!({"$ref": "#/$defs/a%20b~1c", "$defs": {"a b/c": {"type": "string"}}}), json!(1));
        let tree = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
        yes(tree.clone(), json!({"next": {"next": {}}}));
        no(tree, json!({"next": {"next": {"other": 1}}}));
    }

    #[test]
    fn a_schema_that_is_unusable_fails_nothing() {
        for schema in [
            json!(7),
            json!({"type": "strnig"}),
            json!({"type": 3}),
            json!({"properties": []}),
            json!({"required": "name"}),
            json!({"required": [1]}),
            json!({"enum": 1}),
            json!({"pattern": "(?=lookahead)"}),
            json!({"pattern": "("}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$ref": "#/$defs/gone"}),
            json!({"$ref": "#anchor"}),
            json!({"$dynamicRef": "#node"}),
            json!({"anyOf": {}}),
        ] {
            let value = if schema["pattern"].is_string() { json!("a") } else { json!({"name": 1}) };
            assert_eq!(fits(&schema, &value), Fit::Unjudged, "{schema}");
        }
    }

    #[test]
    fn a_schema_that_runs_in_a_circle_or_doubles_with_each_level_ends() {
        assert_eq!(fits(&json!({"$ref": "#"}), &json!(1)), Fit::Unjudged);
        assert_eq!(fits(&json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}), &json!(1)), Fit::Unjudged);
        let mut definitions = Map::new();
        for level in 0..60 {
            let next = json!({"$ref": format!("#/$defs/a{}", level + 1)});
            definitions.insert(format!("a{level}"), json!({"anyOf": [next.clone(), next]}));
        }
        definitions.insert("a60".to_owned(), json!({"type": "string"}));
        let doubling = json!({"$ref": "#/$defs/a0", "$defs": definitions});
        let began = std::time::Instant::now();
        assert_eq!(fits(&doubling, &json!(1)), Fit::Unjudged);
        assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
    }

    #[test]
    fn a_huge_value_and_a_pattern_made_to_hang_take_bounded_time() {
        let began = std::time::Instant::now();
        let many = Value::Array((0..300_000).map(Value::from).collect());
        assert_eq!(fits(&json!({"items": {"type": "integer"}}), &many), Fit::Unjudged);
        let long = json!(format!("{}!", "a".repeat(500_000)));
        assert_eq!(fits(&json!({"pattern": "^(a+)+$"}), &long), Fit::No);
        let huge = json!({"pattern": "(((a{100}){100}){100}){100}"});
        assert_eq!(fits(&huge, &json!("a")), Fit::Unjudged);
        let list = json!({"enum": vec![json!("x".repeat(10_000)); 5_000]});
        let other = json!(format!("{}y", "x".repeat(9_999)));
        assert_eq!(fits(&json!({"items": list}), &json!(vec![other; 200])), Fit::Unjudged);
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
}
