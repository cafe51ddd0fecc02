//! Holds a parsed file against the schema and takes out what does not fit: every unknown key, every value of a wrong
//! type, every word that is on no list, each told with its place. What is left can be deserialised, so that one mistake
//! does not hide the next.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::problem::{Findings, likely, quoted};
use super::secrets;

/// What was taken out.
#[derive(Default)]
pub(super) struct TakenOut {
    /// The start of the table it was in, and its key.
    keys: HashSet<(usize, String)>,
    /// The starts of all tables and lists that it was somewhere in.
    touched: HashSet<usize>,
}

impl TakenOut {
    /// Whether this key was there, so that its absence is no mistake of its own.
    pub(super) fn had(&self, table: &Range<usize>, key: &str) -> bool {
        self.keys.contains(&(table.start, key.to_owned()))
    }

    /// Whether anything was taken out of this table or list, however deep inside.
    pub(super) fn touched(&self, place: &Range<usize>) -> bool {
        self.touched.contains(&place.start)
    }
}

/// Keys that a later version brings, by the list they belong to.
const LATER: &[(&str, &[&str])] = &[("rules", &["shadow", "max_output"])];

/// Takes out of `file` what does not fit `schema`.
pub(super) fn fit(file: &mut Spanned<DeTable<'_>>, schema: &Value, findings: &mut Findings<'_>) -> TakenOut {
    let mut fitting =
        Fitting { schema, findings, taken_out: TakenOut::default(), open: Vec::new(), secrets_expected: false };
    let span = file.span();
    fitting.table(file.get_mut(), span.start, schema, "");
    fitting.taken_out
}

struct Fitting<'s, 'f, 't> {
    schema: &'s Value,
    findings: &'f mut Findings<'t>,
    taken_out: TakenOut,
    /// The starts of the tables and lists around the place that is looked at.
    open: Vec<usize>,
    secrets_expected: bool,
}

impl<'s> Fitting<'s, '_, '_> {
    fn table(&mut self, table: &mut DeTable<'_>, start: usize, schema: &'s Value, path: &str) {
        let mut unfit = Vec::new();
        self.open.push(start);
        for (key, value) in table.iter_mut() {
            let name = key.get_ref().as_ref();
            let inner = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let fits = match property(schema, name) {
                Some(expected) => self.value(value, expected, &inner),
                None => {
                    self.unknown_key(key.span(), name, schema, path);
                    false
                }
            };
            if !fits {
                unfit.push(name.to_owned());
            }
        }
        for name in unfit {
            table.remove(name.as_str());
            self.taken_out.touched.extend(&self.open);
            self.taken_out.keys.insert((start, name));
        }
        self.open.pop();
    }

    fn unknown_key(&mut self, span: Range<usize>, name: &str, schema: &Value, path: &str) {
        let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        let known = || schema["properties"].as_object().into_iter().flat_map(|known| known.keys().map(String::as_str));
        let hint = match likely(name, known()) {
            _ if is_later(path, name) => "not in this version".to_owned(),
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known keys: {}", quoted(known())),
        };
        self.findings.error(span, format!("unknown key `{name}`{place}")).hint(hint);
    }

    /// Whether the value (after taking out what does not fit inside it) fits.
    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, schema: &'s Value, path: &str) -> bool {
        let span = value.span();
        if let DeValue::String(text) = value.get_ref()
            && !self.secrets_expected
            && secrets::is_one(text, path)
        {
            self.findings
                .error(span, format!("`{path}` holds what looks like a secret"))
                .hint("secrets stay out of this file: `api_key = { env = \"NAME\" }` or `{ file = \"path\" }`");
            return false;
        }
        let Some(schema) = self.branch(schema, value.get_ref()) else {
            let wanted = self.wanted(schema);
            let found = type_word(value.get_ref());
            let hint = date_hint(&wanted, value.get_ref());
            let problem = self.findings.error(span, format!("`{path}` is {found}, expected {wanted}"));
            hint.into_iter().for_each(|hint| problem.hint(hint));
            return false;
        };
        match value.get_mut() {
            DeValue::Table(inner) => {
                let outer = self.secrets_expected;
                self.secrets_expected = outer || (is_test(path) && expects_secret(inner));
                self.table(inner, span.start, schema, path);
                self.secrets_expected = outer;
                true
            }
            DeValue::Array(items) => {
                let items_before = std::mem::replace(items, DeArray::new());
                self.open.push(span.start);
                *items = self.items(items_before, schema, path);
                self.open.pop();
                true
            }
            DeValue::String(text) => self.word(text, span, schema, path),
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix());
                self.integer(parsed.ok(), number.as_str(), span, schema, path)
            }
            _ => true,
        }
    }

    fn items<'i>(&mut self, items: DeArray<'i>, schema: &'s Value, path: &str) -> DeArray<'i> {
        let Some(each) = schema.get("items") else { return items };
        let fitting = items.into_iter().enumerate().filter_map(|(place, mut item)| {
            let fits = self.value(&mut item, each, &format!("{path}[{place}]"));
            if !fits {
                self.taken_out.touched.extend(&self.open);
            }
            fits.then_some(item)
        });
        fitting.collect()
    }

    fn word(&mut self, text: &str, span: Range<usize>, schema: &Value, path: &str) -> bool {
        let Some(words) = words(schema) else { return true };
        if words.contains(&text) {
            return true;
        }
        let hint = match likely(text, words.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("one of {}", quoted(words)),
        };
        self.findings.error(span, format!("`{path}` cannot be `{text}`")).hint(hint);
        false
    }

    fn integer(&mut self, number: Option<i64>, written: &str, span: Range<usize>, schema: &Value, path: &str) -> bool {
        let bits = schema["format"].as_str().unwrap_or_default();
        let most = if bits == "uint32" { i64::from(u32::MAX) } else { i64::MAX };
        let least = if bits.starts_with("uint") { 0 } else { i64::MIN };
        let fits = number.is_some_and(|number| (least..=most).contains(&number));
        if !fits {
            let bounds = if least == 0 { format!("0 to {most}") } else { "a whole number of 64 bits".to_owned() };
            self.findings.error(span, format!("`{path}` cannot be `{written}`, expected {bounds}"));
        }
        fits
    }

    /// The schema, or that of its alternatives, which the value's type fits.
    fn branch(&self, schema: &'s Value, value: &DeValue<'_>) -> Option<&'s Value> {
        let schema = self.resolved(schema);
        if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) {
            return alternatives.iter().find_map(|alternative| self.branch(alternative, value));
        }
        accepts(schema, value).then_some(schema)
    }

    fn resolved(&self, schema: &'s Value) -> &'s Value {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        if let Some(meant) = reference.and_then(|pointer| self.schema.pointer(pointer)) {
            return self.resolved(meant);
        }
        match schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([only]) => self.resolved(only),
            _ => schema,
        }
    }

    /// The types that a schema takes, in words.
    fn wanted(&self, schema: &'s Value) -> String {
        let mut words = Vec::new();
        self.gather_wanted(schema, &mut words);
        words.dedup();
        words.join(" or ")
    }

    fn gather_wanted(&self, schema: &'s Value, into: &mut Vec<String>) {
        let schema = self.resolved(schema);
        if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) {
            alternatives.iter().for_each(|alternative| self.gather_wanted(alternative, into));
        }
        if let Some(words) = words(schema) {
            into.push(format!("one of {}", quoted(words)));
            return;
        }
        into.extend(types(schema).into_iter().filter_map(|kind| match kind {
            "string" => Some(match schema["format"].as_str() {
                Some("date") => "a date such as 2027-03-31".to_owned(),
                Some("date-time") => "a date with a time such as 2027-03-31T09:00:00Z".to_owned(),
                _ => "a string".to_owned(),
            }),
            "boolean" => Some("`true` or `false`".to_owned()),
            "integer" => Some("a whole number".to_owned()),
            "number" => Some("a number".to_owned()),
            "array" => Some("a list".to_owned()),
            "object" => Some("a table".to_owned()),
            _ => None,
        }));
    }
}

fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let named = schema.get("properties").and_then(|properties| properties.get(name));
    let closed = || match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => None,
        Some(others) => Some(others),
        None => Some(&Value::Bool(true)),
    };
    named.or_else(closed)
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// The closed list of words that a schema names, if it does.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return Some(list.iter().filter_map(Value::as_str).collect());
    }
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word]);
    }
    let described = schema.get("oneOf").and_then(Value::as_array)?;
    Some(described.iter().filter_map(words).flatten().collect())
}

fn accepts(schema: &Value, value: &DeValue<'_>) -> bool {
    if words(schema).is_some() {
        return value.is_str();
    }
    let kinds = types(schema);
    if kinds.is_empty() {
        return true;
    }
    let dated = matches!(schema["format"].as_str(), Some("date" | "date-time"));
    kinds.into_iter().any(|kind| match kind {
        "string" if dated => value.is_datetime(),
        "string" => value.is_str(),
        "boolean" => value.is_bool(),
        "integer" => value.is_integer(),
        "number" => value.is_integer() || value.is_float(),
        "array" => value.is_array(),
        "object" => value.is_table(),
        _ => false,
    })
}

fn type_word(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn date_hint(wanted: &str, value: &DeValue<'_>) -> Option<&'static str> {
    (wanted.starts_with("a date") && value.is_str()).then_some("dates are written without quotes")
}

fn is_later(path: &str, name: &str) -> bool {
    let list = path.rsplit('.').find(|part| !matches!(*part, "not")).map(|part| part.split('[').next().unwrap_or(part));
    let list = list.map(|part| if matches!(part, "any" | "all") { "when" } else { part });
    LATER.iter().any(|(place, later)| list == Some(*place) && path.starts_with("rules") && later.contains(&name))
}

fn is_test(path: &str) -> bool {
    path.strip_prefix("tests[").is_some_and(|rest| rest.ends_with(']') && !rest.contains('.'))
}

/// Whether a test says that its prompt holds a secret; a made-up one is then what it needs.
fn expects_secret(test: &DeTable<'_>) -> bool {
    let expected = test.get("expect").and_then(|expect| expect.get_ref().get("content"));
    let flags = expected.and_then(|content| content.get_ref().as_array());
    flags.is_some_and(|flags| flags.iter().any(|flag| flag.get_ref().as_str() == Some("has_secret")))
}
