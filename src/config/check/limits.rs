//! How often, how much and how many at once.

use std::collections::HashSet;

use super::{Checker, Declared};
use crate::admit::{Allowance, Limit, LimitList};
use crate::config::located::Located;
use crate::config::raw::RawLimit;
use crate::domain::{Dimension, LimitName};

impl Checker<'_, '_> {
    pub(super) fn limits(&mut self, raw: &[Located<RawLimit>], declared: &Declared) -> LimitList {
        let mut names: HashSet<&str> = HashSet::new();
        let mut limits = Vec::with_capacity(raw.len());
        for written in raw {
            let Some(name) = self.required(written.name.as_ref(), &written.span(), "name", "a limit") else { continue };
            if !names.insert(name.as_str()) {
                let message = format!("two limits are called `{}`", name.value());
                self.findings.error(name.span(), message).hint("each is counted and told by its name: give it another");
            }
            limits.extend(self.limit(name, written, declared));
        }
        LimitList::new(limits)
    }

    fn limit(&mut self, name: &Located<String>, raw: &Located<RawLimit>, declared: &Declared) -> Option<Limit> {
        let subject = format!("limit `{}`", name.value());
        let scope = self.scope(raw.whom.as_ref(), &subject);
        let allowance = self.allowance(&raw.requests_per_minute, &raw.tokens_per_minute, &raw.concurrent);
        let parsed = LimitName::parse(name);
        if let Err(error) = &parsed {
            self.findings.error(name.span(), format!("`{}` is no name for a limit: {error}", name.value()));
        }
        let (scope, parsed) = (scope?, parsed.ok()?);
        if let (Dimension::Endpoint, Some(endpoint)) = (scope.dimension, &scope.value) {
            let known = declared.endpoint_names();
            if !known.contains(&&**endpoint) {
                let place = raw.whom.as_ref().map_or(raw.span(), Located::span);
                self.undefined(place, &format!("{subject} is for endpoint"), endpoint, &known, "endpoints");
                return None;
            }
        }
        let limit = Limit::new(parsed, scope, allowance);
        if let Err(error) = &limit {
            // A figure that was written and is none has been told already.
            let is_told =
                [&raw.requests_per_minute, &raw.tokens_per_minute, &raw.concurrent].iter().any(|one| one.is_some());
            if !is_told || *error == crate::admit::LimitError::Reserved {
                self.findings
                    .error(name.span(), format!("{subject} {error}"))
                    .hint("`requests_per_minute`, `tokens_per_minute`, `concurrent`, and a name of its own");
            }
        }
        limit.ok()
    }

    fn allowance(
        &mut self,
        requests_per_minute: &Option<Located<u32>>,
        tokens_per_minute: &Option<Located<u32>>,
        concurrent: &Option<Located<u32>>,
    ) -> Allowance {
        Allowance {
            requests_per_minute: self.rate(requests_per_minute.as_ref(), "requests_per_minute"),
            tokens_per_minute: self.rate(tokens_per_minute.as_ref(), "tokens_per_minute"),
            concurrent: self.rate(concurrent.as_ref(), "concurrent"),
        }
    }
}
