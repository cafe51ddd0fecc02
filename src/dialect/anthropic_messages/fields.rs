//! The fields of a request that we act on, as they stand in the body.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::{Failure, FailureKind};

const NAMES: [&str; 8] =
    ["model", "messages", "system", "stream", "tools", "max_tokens", "output_config", "output_format"];

/// The values of the fields we act on.
#[derive(Default)]
pub(super) struct Fields<'a> {
    values: [Option<&'a RawValue>; NAMES.len()],
}

impl<'a> Fields<'a> {
    /// The fields of a body.
    pub(super) fn of(body: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body)
    }

    /// The value of a field, `null` too.
    pub(super) fn value(&self, name: &str) -> Option<&'a RawValue> {
        NAMES.iter().position(|known| *known == name).and_then(|place| self.values[place])
    }

    /// The value unless it is absent or `null`.
    pub(super) fn set(&self, name: &str) -> Option<&'a RawValue> {
        self.value(name).filter(|value| value.get() != "null")
    }

    /// A field read as the type that is expected; `null` is absent.
    pub(super) fn typed<T: Deserialize<'a>>(&self, name: &'static str, expected: &str) -> Result<Option<T>, Failure> {
        self.set(name).map(|value| read(value).ok_or_else(|| wrong_type(name, expected))).transpose()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(Key(key)) = map.next_key()? {
                    // Parsers differ in whether a second or a differently cased `model` counts; we must not route on
                    // one reading while the upstream acts on another.
                    let Some(place) = NAMES.iter().position(|name| name.eq_ignore_ascii_case(&key)) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let name = NAMES[place];
                    if name != key {
                        return Err(serde::de::Error::custom(format_args!(
                            "the field `{name}` is written in lower case here"
                        )));
                    }
                    if fields.values[place].is_some() {
                        return Err(serde::de::Error::custom(format_args!("the field `{name}` stands twice")));
                    }
                    fields.values[place] = Some(map.next_value()?);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed unless it has escapes (serde copies a plain `Cow`).
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value read as the type that is expected, `None` if it is another.
pub(super) fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// A body that is not what the dialect defines.
pub(super) fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}

/// A field that is not what the dialect defines.
pub(super) fn wrong_type(param: &'static str, expected: &str) -> Failure {
    malformed(format!("`{param}` must be {expected}")).with_param(param)
}

/// What the parser found wrong, without what it quotes of the body: an error holds no prompt text.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    if !words.starts_with("invalid type") && !words.starts_with("invalid value") {
        return words;
    }
    // "invalid type: string "…", expected a map at line 1 column 5": what was expected comes last, in serde's own words.
    let expected = words.rfind(", expected ").map_or("another type", |at| &words[at + ", expected ".len()..]);
    format!("expected {expected}")
}
