//! Who limits and budgets are for.

use super::Checker;
use crate::config::located::Located;
use crate::config::raw::RawScope;
use crate::domain::{Dimension, Label, Scope};

impl Checker<'_, '_> {
    /// Who is meant; `subject` is the limit or budget. Nothing written: everybody together.
    pub(super) fn scope(&mut self, written: Option<&Located<RawScope>>, subject: &str) -> Option<Scope> {
        let Some(raw) = written else { return Some(Scope::ALL) };
        let named = [
            (Dimension::Key, &raw.key),
            (Dimension::Engineer, &raw.engineer),
            (Dimension::Team, &raw.team),
            (Dimension::Feature, &raw.feature),
            (Dimension::Endpoint, &raw.endpoint),
        ];
        let mut named = named.into_iter().filter_map(|(dimension, value)| Some((dimension, value.as_ref()?)));
        let Some((dimension, value)) = named.next() else { return Some(Scope::ALL) };
        if let Some((other, place)) = named.next() {
            let message = format!("`for` of {subject} names both `{}` and `{}`", dimension.as_str(), other.as_str());
            self.findings.error(place.span(), message).hint("one of them; a second entry can be for the other");
            return None;
        }
        if value.as_str() == "*" {
            return Some(Scope { dimension, value: None });
        }
        if Label::parse(value).is_none() || value.contains('*') {
            let message = format!("`for` of {subject} cannot be `{}`", value.value());
            self.findings.error(value.span(), message).hint("one name, or \"*\" to give each its own");
            return None;
        }
        Some(Scope { dimension, value: Some(value.as_str().into()) })
    }
}
