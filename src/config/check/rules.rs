//! Rules: each on its own, then all together: which of them can never match.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Checker, Declared};
use crate::config::located::Located;
use crate::config::raw::{RawRule, ReviewWord};
use crate::domain::RuleName;
use crate::route::{Action, Conditional, Destination, Expiry, Rule, Split, When, logic};

/// A rule as checked, before it is known to be the last or not.
struct Checked {
    rule: Option<Rule>,
    when: Option<When>,
    /// Whether `when` says all that is written there: what could not be read is missing from it.
    whole: bool,
    until_millis: Option<u64>,
    name: String,
    place: Range<usize>,
}

/// What counts once a rule has expired.
struct Fallback {
    expires: Option<Expiry>,
    until_millis: Option<u64>,
}

impl Checker<'_, '_> {
    /// The rules with conditions, and the last; `None` if there are errors among them.
    pub(super) fn rules(&mut self, raw: &[Located<RawRule>], declared: &Declared) -> Option<(Vec<Conditional>, Rule)> {
        if raw.is_empty() {
            if !self.was_taken_out(&(0..0), "rules") {
                let hint = "add [[rules]] with `name`, `route`, `why` and `owner`, and no `when`";
                self.findings.missing("there are no rules").hint(hint);
            }
            return None;
        }
        self.duplicates(raw);
        let mut checked: Vec<Checked> = raw.iter().map(|rule| self.rule(rule, declared)).collect();
        self.unreachable(&checked);
        let last = checked.pop()?;
        if last.when.is_some() {
            let message = format!("the last rule, `{}`, has a `when`", last.name);
            let hint = "end with a rule that takes every other request: one without `when`";
            self.findings.error(last.place.clone(), message).hint(hint);
        }
        if last.until_millis.is_some() {
            let message = format!("the last rule, `{}`, cannot be skipped when it expires", last.name);
            self.findings.error(last.place, message).hint("let its `fallback` be a tier");
        }
        let conditional: Option<Vec<Conditional>> = checked.into_iter().map(conditional).collect();
        Some((conditional?, last.rule?))
    }

    fn duplicates(&mut self, raw: &[Located<RawRule>]) {
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for name in raw.iter().filter_map(|rule| rule.name.as_ref()) {
            if seen.insert(name.as_str(), ()).is_some() {
                self.findings.error(name.span(), format!("two rules are called `{}`", name.value()));
            }
        }
    }

    fn rule(&mut self, raw: &Located<RawRule>, declared: &Declared) -> Checked {
        let table = raw.span();
        let written = self.required(raw.name.as_ref(), &table, "name", "a rule");
        let name = written.and_then(|written| match RuleName::parse(written) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("`{}` is no name for a rule: {error}", written.value());
                self.findings.error(written.span(), message);
                None
            }
        });
        let called = written.map_or_else(|| "?".to_owned(), |name| name.to_string());
        let subject = format!("rule `{called}`");
        let (when, whole) = match &raw.when {
            Some(when) => self.rule_when(when, &subject),
            None => (None, !self.was_taken_out(&table, "when")),
        };
        let action = self.action(raw, &subject, declared);
        let why = self.words_of(raw.why.as_ref(), &table, "why", &subject);
        let owner = self.words_of(raw.owner.as_ref(), &table, "owner", &subject);
        let fallback = self.expiry(raw, &subject, declared);
        let review_by_millis = self.review_date(raw, &subject);
        let human_review = raw.review == Some(ReviewWord::Human);
        let place = written.map_or(table, Located::span);
        let until_millis = fallback.as_ref().and_then(|fallback| fallback.until_millis);
        let complete = name.zip(action).zip(why.zip(owner)).zip(fallback);
        let rule = complete.map(|(((name, action), (why, owner)), fallback)| Rule {
            name,
            action,
            why,
            owner,
            review_by_millis,
            expires: fallback.expires,
            human_review,
        });
        Checked { rule, when, whole, until_millis, name: called, place }
    }

    fn rule_when(&mut self, raw: &Located<crate::config::raw::RawWhen>, subject: &str) -> (Option<When>, bool) {
        let errors = self.findings.errors();
        let when = self.when(raw);
        let whole = self.findings.errors() == errors && !self.taken_out.touched(&raw.span());
        if whole && when.0.is_empty() {
            let message = format!("`when` of {subject} is empty");
            self.findings.error(raw.span(), message).hint("a rule for every request has no `when`");
        }
        if let Some(reason) = logic::contradiction(&when).filter(|_| whole) {
            self.findings.error(raw.span(), format!("{subject} can never match: {reason}"));
        }
        (Some(when), whole)
    }

    fn words_of(
        &mut self,
        written: Option<&Located<String>>,
        table: &Range<usize>,
        key: &str,
        subject: &str,
    ) -> Option<Arc<str>> {
        let written = self.required(written, table, key, subject)?;
        if written.trim().is_empty() {
            self.findings.error(written.span(), format!("`{key}` of {subject} is empty"));
            return None;
        }
        Some(written.as_str().into())
    }

    fn action(&mut self, raw: &Located<RawRule>, subject: &str, declared: &Declared) -> Option<Action> {
        match (&raw.route, &raw.split, &raw.deny) {
            (Some(route), None, None) => self.destination(route, subject, declared).map(Action::Route),
            (None, Some(split), None) => {
                let mut arms = Vec::with_capacity(split.len());
                for (to, weight) in split.value() {
                    arms.push(self.destination(to, subject, declared).map(|to| (to, *weight)));
                }
                let whole: Option<Vec<_>> = arms.into_iter().collect();
                let made = Split::new(whole?);
                if made.is_none() {
                    self.findings.error(split.span(), format!("the shares of `split` in {subject} sum to 0"));
                }
                made.map(Action::Split)
            }
            (None, None, Some(deny)) => Some(Action::Deny(deny.as_str().into())),
            (None, None, None) => {
                if !["route", "split", "deny"].iter().any(|key| self.was_taken_out(&raw.span(), key)) {
                    let message = format!("{subject} does nothing");
                    self.findings.error(raw.span(), message).hint("add `route`, `split` or `deny`");
                }
                None
            }
            _ => {
                let message = format!("{subject} does more than one of `route`, `split` and `deny`");
                self.findings.error(raw.span(), message);
                None
            }
        }
    }

    fn destination(&mut self, written: &Located<String>, subject: &str, declared: &Declared) -> Option<Destination> {
        let known = declared.destination_names();
        if !known.contains(&written.as_str()) {
            self.undefined(written.span(), &format!("{subject} routes to"), written, &known, "tiers");
        }
        let tier = declared.tiers.get(written.as_str()).map(|tier| Destination::Tier(tier.clone()));
        let endpoint = || declared.endpoints.get(written.as_str());
        tier.or_else(|| endpoint().map(|checked| Destination::Endpoint(checked.target.clone())))
    }

    /// What counts once the rule has expired; `None` if that is not said as it must be.
    fn expiry(&mut self, raw: &RawRule, subject: &str, declared: &Declared) -> Option<Fallback> {
        let never = Fallback { expires: None, until_millis: None };
        let (written, fallback) = match (&raw.expires, &raw.fallback) {
            (None, None) => return Some(never),
            (Some(written), Some(fallback)) => (written, fallback),
            (Some(written), None) => {
                let message = format!("{subject} expires and says nothing of what then counts");
                let hint = "add `fallback`: a tier, or `skip` to act as if the rule were not there";
                self.findings.error(written.span(), message).hint(hint);
                return None;
            }
            (None, Some(fallback)) => {
                self.findings.error(fallback.span(), format!("{subject} has a `fallback` but never expires"));
                return None;
            }
        };
        let at_millis = self.moment(written, "expires")?;
        let over = at_millis <= self.surroundings.now_millis();
        let (then, fallback) = if fallback.as_str() == "skip" {
            ("it is skipped".to_owned(), Some(Fallback { expires: None, until_millis: Some(at_millis) }))
        } else {
            if !declared.tier_names.contains(fallback.value()) {
                let subject = format!("{subject} falls back to tier");
                self.undefined(fallback.span(), &subject, fallback, &declared.tier_names(), "tiers");
            }
            let expiry = declared.tiers.get(fallback.as_str()).map(|tier| Expiry { at_millis, fallback: tier.clone() });
            let then = format!("it goes to tier `{}`", fallback.value());
            (then, expiry.map(|expiry| Fallback { expires: Some(expiry), until_millis: None }))
        };
        if over {
            let message = format!("{subject} expired on {}: {then}", written.value());
            self.findings.warning(written.span(), message).hint("renew the rule or remove it");
        }
        fallback
    }

    fn review_date(&mut self, raw: &RawRule, subject: &str) -> Option<u64> {
        let written = raw.review_by.as_ref()?;
        let by = self.moment(written, "review_by")?;
        if by <= self.surroundings.now_millis() {
            let owner = raw.owner.as_ref().map_or(String::new(), |owner| format!(" by {}", owner.value()));
            let message = format!("{subject} should have been looked at{owner} by {}", written.value());
            self.findings.warning(written.span(), message).hint("look at it and set a new `review_by`");
        }
        Some(by)
    }

    /// Rules that an earlier one leaves nothing for.
    fn unreachable(&mut self, rules: &[Checked]) {
        let always = When::default();
        for (place, rule) in rules.iter().enumerate() {
            let when = rule.when.as_ref().unwrap_or(&always);
            // A rule that is skipped once it has expired does not stand in the way for ever, and one that could not be
            // read whole seems wider than its author meant.
            let counts = |earlier: &&Checked| earlier.until_millis.is_none() && earlier.whole;
            let mut earlier = rules[..place].iter().filter(counts);
            let shadow = earlier.find(|earlier| match &earlier.when {
                None => true,
                // What is no conversation goes past rules that name no door, unless they deny it.
                Some(wide) if when.names_a_door() && !wide.names_a_door() && !earlier.denies() => false,
                Some(wide) => logic::implies(when, wide),
            });
            if let Some(shadow) = shadow {
                let reason = match shadow.when {
                    None => format!("rule `{}` before it has no `when` and takes every request", shadow.name),
                    Some(_) => format!("rule `{}` before it takes every request that this one asks for", shadow.name),
                };
                let message = format!("rule `{}` can never match: {reason}", rule.name);
                self.findings
                    .error(rule.place.clone(), message)
                    .hint("the first rule that matches decides; move or remove one");
            }
        }
    }
}

impl Checked {
    fn denies(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| matches!(rule.action, Action::Deny(_)))
    }
}

fn conditional(checked: Checked) -> Option<Conditional> {
    Some(Conditional { when: checked.when?, until_millis: checked.until_millis, rule: checked.rule? })
}
