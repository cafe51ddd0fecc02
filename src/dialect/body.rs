//! What reading and changing a request's body takes in every dialect: its known fields as they stand, failures that
//! quote nothing of it, and splices.

use std::borrow::Cow;
use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Limits;
use super::json::depth;
use crate::domain::{CacheLife, Failure, FailureKind, Span};

/// The fields of a body that a dialect acts on, as they stand in it.
pub(super) struct Fields<'a> {
    names: &'static [&'static str],
    values: Vec<Option<&'a RawValue>>,
}

impl<'a> Fields<'a> {
    /// The fields of these names; all others are skipped.
    ///
    /// # Errors
    /// `Malformed` for a body that is no JSON object of valid UTF-8, nests too deep, or has one of the fields twice or in
    /// another case.
    pub(super) fn read(body: &'a [u8], names: &'static [&'static str], limits: &Limits) -> Result<Fields<'a>, Failure> {
        let text = std::str::from_utf8(body)
            .map_err(|error| malformed(format!("the body is not valid UTF-8 at byte {}", error.valid_up_to())))?;
        let deepest = depth(body);
        if deepest > limits.max_depth {
            let most = limits.max_depth;
            return Err(malformed(format!("the body nests {deepest} levels deep; this proxy takes {most} at most")));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Names(names).deserialize(&mut json).and_then(|fields| json.end().map(|()| fields));
        read.map_err(|error| malformed(format!("the body is not a valid JSON request: {}", reason(&error))))
    }

    /// The value, `null` too.
    pub(super) fn value(&self, name: &str) -> Option<&'a RawValue> {
        self.names.iter().position(|known| *known == name).and_then(|place| self.values[place])
    }

    /// The value unless it is absent or `null`.
    pub(super) fn set(&self, name: &str) -> Option<&'a RawValue> {
        self.value(name).filter(|value| value.get() != "null")
    }

    /// Whether a service tier is named that may be dearer than the usual one.
    pub(super) fn names_dear_tier(&self) -> bool {
        let tier = self.set("service_tier").and_then(read::<std::borrow::Cow<'_, str>>);
        tier.is_some_and(|tier| !matches!(&*tier, "auto" | "default" | "standard" | "flex" | "batch"))
    }

    /// For how long OpenAI is asked to keep the prompt, where the field is one of those read.
    pub(super) fn asks_to_keep(&self) -> Option<CacheLife> {
        let retention = self.set("prompt_cache_retention").and_then(read::<Cow<'_, str>>)?;
        (retention == "24h").then_some(CacheLife::Day)
    }

    /// The value read as the type that is expected; `null` is absent.
    pub(super) fn typed<T: Deserialize<'a>>(&self, name: &'static str, expected: &str) -> Result<Option<T>, Failure> {
        self.set(name).map(|value| read(value).ok_or_else(|| wrong_type(name, expected))).transpose()
    }
}

/// Reads an object's fields of these names.
struct Names(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields { names: self.0, values: vec![None; self.0.len()] };
        while let Some(Key(key)) = map.next_key()? {
            // Parsers differ in whether a second or a differently cased `model` counts; we must not route on one
            // reading while the upstream acts on another.
            let Some(place) = self.0.iter().position(|name| name.eq_ignore_ascii_case(&key)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let name = self.0[place];
            if name != key {
                let words = format_args!("the field `{name}` is written in lower case here");
                return Err(serde::de::Error::custom(words));
            }
            if fields.values[place].is_some() {
                return Err(serde::de::Error::custom(format_args!("the field `{name}` stands twice")));
            }
            fields.values[place] = Some(map.next_value()?);
        }
        Ok(fields)
    }
}

/// A key, borrowed unless it has escapes (serde copies a plain `Cow`).
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A body that is not what its dialect defines.
pub(super) fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}

/// A field that is not of the type that is expected.
pub(super) fn wrong_type(param: &'static str, expected: &str) -> Failure {
    malformed(format!("`{param}` must be {expected}")).with_param(param)
}

/// A value read as the type that is expected, `None` if it is another.
pub(super) fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// What a parser found wrong, without what it quotes of the body: an error holds no prompt text.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    if !words.starts_with("invalid type") && !words.starts_with("invalid value") {
        return words;
    }
    // "invalid type: string "…", expected a map at line 1 column 5": what was expected comes last, in serde's own words.
    let expected = words.rfind(", expected ").map_or("another type", |at| &words[at + ", expected ".len()..]);
    format!("expected {expected}")
}

/// The body with these spans, none of which overlap, replaced; the body itself if there are none.
pub(super) fn splice(body: &Bytes, mut edits: Vec<(Span, String)>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|(span, _)| span.start);
    let grown: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut spliced = BytesMut::with_capacity(body.len() + grown);
    let mut from = 0;
    for (span, text) in &edits {
        spliced.extend_from_slice(&body[from..span.start as usize]);
        spliced.extend_from_slice(text.as_bytes());
        from = span.end as usize;
    }
    spliced.extend_from_slice(&body[from..]);
    spliced.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fields_come_once_and_in_lower_case() {
        let check = |body: &str, expected: Result<&str, &str>| {
            let read = Fields::read(body.as_bytes(), &["model", "input"], &Limits { max_depth: 3 });
            let told = read.as_ref().map(|fields| fields.value("model").map_or("", RawValue::get));
            match (told, expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{body}"),
                (Err(failure), Err(words)) => assert!(failure.message.contains(words), "{body}: {}", failure.message),
                (told, _) => panic!("{body}: {told:?}"),
            }
        };
        check(r#"{"model" : "a" ,"Other":1,"other":2}"#, Ok("\"a\""));
        check(r#"{"model":null}"#, Ok("null"));
        check("{}", Ok(""));
        check(r#"{"model":1,"model":1}"#, Err("`model` stands twice"));
        check(r#"{"mod\u0065l":1,"model":1}"#, Err("`model` stands twice"));
        check(r#"{"Input":1}"#, Err("`input` is written in lower case"));
        check(r#"{"a":[[[1]]]}"#, Err("nests 4 levels deep"));
        check("{} x", Err("not a valid JSON request"));
        check(r#""words of a prompt, expected or not""#, Err("expected a JSON object"));
        let failure = Fields::read(b"{\"\xff", &["model"], &Limits { max_depth: 3 }).err().expect("no UTF-8");
        assert!(failure.message.contains("byte 2"), "{}", failure.message);
    }

    #[test]
    fn spans_are_replaced_in_whatever_order_they_come() {
        let body = Bytes::from_static(b"0123456789");
        let span = |start, end| Span { start, end };
        let edits = vec![(span(8, 9), String::new()), (span(0, 1), "zero".to_owned()), (span(4, 4), "|".to_owned())];
        assert_eq!(splice(&body, edits), "zero123|45679");
        assert_eq!(splice(&body, Vec::new()).as_ptr(), body.as_ptr());
    }
}
