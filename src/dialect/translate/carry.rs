//! What becomes of fields that the other dialect does not have: refused by name, or left out and told.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::without_places;
use crate::domain::{Dialect, Failure, FailureKind};

/// Keeps account of one translation.
#[derive(Debug)]
pub struct Carry<'a> {
    from: Dialect,
    to: Dialect,
    omit: &'a [String],
    left_out: BTreeSet<String>,
}

impl<'a> Carry<'a> {
    /// A translation from one dialect into another, whose operator allows these to be left out.
    pub fn new(from: Dialect, to: Dialect, omit: &'a [String]) -> Self {
        Self { from, to, omit, left_out: BTreeSet::new() }
    }

    /// The dialect that is translated from.
    pub fn from(&self) -> Dialect {
        self.from
    }

    /// The dialect that is translated into.
    pub fn to(&self) -> Dialect {
        self.to
    }

    /// The dialect that is translated from, whose names the caller knows fields by.
    pub fn caller(&self) -> Dialect {
        self.from
    }

    /// A hint that the other dialect has no place for is left out, and told.
    pub fn hint(&mut self, name: &str) {
        if !self.left_out.contains(name) {
            self.left_out.insert(name.to_owned());
        }
    }

    /// A field that changes the answer and that the other dialect cannot say is refused, unless the operator allows it to
    /// be left out.
    ///
    /// # Errors
    /// `Untranslatable`, naming the field (such as `messages[3].content[0].type`).
    pub fn refuse(&mut self, name: &str, what: &str) -> Result<(), Failure> {
        let without_places = without_places(name);
        if self.omit.iter().any(|allowed| *allowed == name || *allowed == without_places) {
            self.hint(&without_places);
            return Ok(());
        }
        let (from, to) = (self.from.as_str(), self.to.as_str());
        let message = format!(
            "`{name}` ({what}) cannot be carried over from {from} to {to}, which the model's endpoint speaks: leave it \
             out, ask for a model whose endpoint speaks {from}, or have `{without_places}` added to that endpoint's `omit`"
        );
        Err(Failure::new(FailureKind::Untranslatable, message).with_param(name.to_owned()))
    }

    /// What no operator can allow to be left out, because nothing would be left that makes sense: the conversation itself.
    pub fn impossible(&self, name: &str, what: &str) -> Failure {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        let message = format!(
            "`{name}` ({what}) cannot be carried over from {from} to {to}, which the model's endpoint speaks: send the \
             whole conversation instead, or ask for a model whose endpoint speaks {from}"
        );
        Failure::new(FailureKind::Untranslatable, message).with_param(name.to_owned())
    }

    /// What is left of an object when everything that is known has been taken out of it: each such field is refused.
    ///
    /// # Errors
    /// As [`refuse`](Self::refuse), for the first that is not `null`.
    pub fn refuse_rest(&mut self, rest: &Map<String, Value>, place: &str) -> Result<(), Failure> {
        for (name, value) in rest {
            if !value.is_null() {
                let name = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                self.refuse(&name, "a field that this proxy does not know how to say there")?;
            }
        }
        Ok(())
    }

    /// A value that is not what the caller's own dialect defines.
    pub fn malformed(&self, name: &str, expected: &str) -> Failure {
        Failure::new(FailureKind::Malformed, format!("`{name}` must be {expected}")).with_param(name.to_owned())
    }

    /// The names of what was left out, sorted.
    pub fn left_out(self) -> Vec<String> {
        self.left_out.into_iter().collect()
    }
}
