//! An object of a request on its way through a reader: fields are taken out one by one, and what is left at the end has
//! been accounted for by nobody.

use serde_json::{Map, Value};

use super::Carry;
use crate::domain::Failure;

/// The fields of one object, and where it stands in the body.
#[derive(Debug)]
pub struct Fields {
    map: Map<String, Value>,
    place: String,
}

impl Fields {
    /// The fields of the object at `place` (empty: the body itself).
    ///
    /// # Errors
    /// `Malformed` if it is no object.
    pub fn of(value: Value, place: impl Into<String>, carry: &Carry<'_>) -> Result<Self, Failure> {
        let place = place.into();
        match value {
            Value::Object(map) => Ok(Self { map, place }),
            _ => Err(carry.malformed(if place.is_empty() { "body" } else { &place }, "an object")),
        }
    }

    /// The name of one of the fields, with its place in the body.
    pub fn name(&self, field: &str) -> String {
        if self.place.is_empty() { field.to_owned() } else { format!("{}.{field}", self.place) }
    }

    /// Takes a field's value; `null` is absent.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }

    /// Looks at a field without taking it; `null` is absent.
    pub fn peek(&self, field: &str) -> Option<&Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// Takes a text.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn text(&mut self, field: &str, carry: &Carry<'_>) -> Result<Option<String>, Failure> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(carry.malformed(&self.name(field), "a string")),
        }
    }

    /// Takes a text that must be there.
    ///
    /// # Errors
    /// `Malformed` if it is not, or is something else.
    pub fn needed_text(&mut self, field: &str, carry: &Carry<'_>) -> Result<String, Failure> {
        self.text(field, carry)?.ok_or_else(|| carry.malformed(&self.name(field), "a string"))
    }

    /// Takes a truth value.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn truth(&mut self, field: &str, carry: &Carry<'_>) -> Result<Option<bool>, Failure> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(truth)),
            Some(_) => Err(carry.malformed(&self.name(field), "true or false")),
        }
    }

    /// Takes a whole number from 0 on.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn count(&mut self, field: &str, carry: &Carry<'_>) -> Result<Option<u64>, Failure> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| carry.malformed(&self.name(field), "a whole number from 0 on"))
            }
        }
    }

    /// Takes any number, spelt as it came.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn number(&mut self, field: &str, carry: &Carry<'_>) -> Result<Option<Value>, Failure> {
        match self.take(field) {
            None => Ok(None),
            Some(number @ Value::Number(_)) => Ok(Some(number)),
            Some(_) => Err(carry.malformed(&self.name(field), "a number")),
        }
    }

    /// Takes an array.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn array(&mut self, field: &str, carry: &Carry<'_>) -> Result<Option<Vec<Value>>, Failure> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(carry.malformed(&self.name(field), "an array")),
        }
    }

    /// Takes an object.
    ///
    /// # Errors
    /// `Malformed` if it is something else.
    pub fn object(&mut self, field: &str, carry: &Carry<'_>) -> Result<Option<Fields>, Failure> {
        let place = self.name(field);
        self.take(field).map(|value| Fields::of(value, place, carry)).transpose()
    }

    /// Takes fields that are only hints to the provider; those that are there are told as left out.
    pub fn hints(&mut self, fields: &[&str], carry: &mut Carry<'_>) {
        for field in fields {
            if self.take(field).is_some() {
                carry.hint(&without_places(&self.name(field)));
            }
        }
    }

    /// Takes a field that changes the answer and cannot be carried over, whatever the other dialect is.
    ///
    /// # Errors
    /// `Untranslatable` if it is there and the operator does not allow leaving it out.
    pub fn refuse(&mut self, field: &str, what: &str, carry: &mut Carry<'_>) -> Result<(), Failure> {
        match self.take(field) {
            None => Ok(()),
            Some(_) => carry.refuse(&self.name(field), what),
        }
    }

    /// Ends the reading: what nobody took is refused.
    ///
    /// # Errors
    /// `Untranslatable`, naming the first.
    pub fn end(self, carry: &mut Carry<'_>) -> Result<(), Failure> {
        carry.refuse_rest(&self.map, &self.place)
    }
}

/// A name without the numbers of the items in it: `messages[3].content` becomes `messages.content`.
pub fn without_places(name: &str) -> String {
    let mut inside = false;
    name.chars()
        .filter(|letter| {
            let kept = !inside && *letter != '[';
            inside = (inside || *letter == '[') && *letter != ']';
            kept
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Dialect, FailureKind};

    #[test]
    fn what_nobody_takes_is_refused_by_its_name_unless_the_operator_lets_it_go() {
        let omit = ["messages.novelty".to_owned()];
        let read = |omit: &[String]| {
            let mut carry = Carry::new(Dialect::OpenaiChat, Dialect::AnthropicMessages, omit);
            let value = json!({"role": "user", "novelty": 1, "absent": null, "cache_control": {}});
            let mut fields = Fields::of(value, "messages[3]", &carry)?;
            assert_eq!(fields.needed_text("role", &carry)?, "user");
            fields.hints(&["cache_control"], &mut carry);
            fields.end(&mut carry).map(|()| carry.left_out())
        };
        let refused = read(&[]).expect_err("refused");
        assert_eq!(refused.kind, FailureKind::Untranslatable);
        assert_eq!(refused.param.as_deref(), Some("messages[3].novelty"));
        assert!(refused.message.contains("`messages.novelty` added"), "{}", refused.message);
        assert_eq!(read(&omit).expect("allowed"), ["messages.cache_control", "messages.novelty"]);
    }
}
