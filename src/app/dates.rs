//! Dates that pass while the process runs: rules that should have been looked at, and rules that expire. What a file says
//! of its own dates is told when it is read; from then on the clock goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::domain::{RuleName, RulesVersion};
use crate::proxy::Proxy;
use crate::route::Rules;

/// How often it is looked: a date passes at midnight, and nobody waits for the minute.
const EVERY: Duration = Duration::from_secs(60);

/// Tells of dates that pass, for as long as the process runs.
pub(super) async fn watch(proxy: Arc<Proxy>) {
    let mut told = Told::default();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let config = proxy.config.snapshot();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        told.passed(&config.version, &config.rules, now).iter().for_each(|passed| tracing::warn!("{passed}"));
    }
}

/// What was told of the rules in use.
#[derive(Debug, Default)]
struct Told {
    version: Option<RulesVersion>,
    rules: BTreeSet<(RuleName, bool)>,
}

impl Told {
    /// What has passed since it was last asked. Of a file that is new it is nothing: whoever read it has told.
    fn passed(&mut self, version: &RulesVersion, rules: &Rules, at_millis: u64) -> Vec<String> {
        let mut passed = Vec::new();
        let is_new = self.version.as_ref() != Some(version);
        if is_new {
            self.version = Some(version.clone());
            self.rules.clear();
        }
        for rule in rules.overdue(at_millis) {
            if self.rules.insert((rule.name.clone(), false)) && !is_new {
                let by = rule.review_by_millis.map_or_else(String::new, day);
                passed.push(format!("rule `{}` should have been looked at by {} by {by}", rule.name, rule.owner));
            }
        }
        for rule in rules.expired(at_millis) {
            if self.rules.insert((rule.name.clone(), true)) && !is_new {
                let then = match &rule.expires {
                    Some(expiry) => format!("its requests go to tier `{}`", expiry.fallback.name()),
                    None => "it is skipped".to_owned(),
                };
                passed.push(format!("rule `{}` of {} has expired: {then}", rule.name, rule.owner));
            }
        }
        passed
    }
}

fn day(millis: u64) -> String {
    let moment = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    moment.map_or_else(String::new, |moment| moment.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Strictness, Surroundings, parse};

    const RULES: &str = r#"
        [endpoints.one]
        url = "http://127.0.0.1:9/v1"
        model = "m"
        price = { input = 0.02, output = 0.04 }

        [tiers.cheap]
        endpoints = ["one"]

        [[rules]]
        name = "trial"
        when = { stream = true }
        route = "one"
        why = "w"
        owner = "search"
        review_by = 2026-12-01
        expires = 2026-12-02
        fallback = "cheap"

        [[rules]]
        name = "season"
        when = { tools = true }
        route = "one"
        why = "w"
        owner = "shop"
        expires = 2026-12-02
        fallback = "skip"

        [[rules]]
        name = "all"
        route = "cheap"
        why = "w"
        owner = "o"
    "#;

    fn millis(text: &str) -> u64 {
        text.parse::<Timestamp>().expect("a moment").as_millisecond() as u64
    }

    fn read(text: &str, now: &str) -> Config {
        let around = Surroundings {
            folder: Path::new("."),
            now: UNIX_EPOCH + Duration::from_millis(millis(now)),
            env: &|_| None,
            strictness: Strictness::Check,
            catalogue: None,
        };
        parse(text, "routes.toml", &around).expect("a good file")
    }

    #[test]
    fn each_date_is_told_once_when_it_has_passed() {
        let config = read(RULES, "2026-11-30T00:00:00Z");
        let mut told = Told::default();
        let mut passed = |at: &str| told.passed(&config.version, &config.rules, millis(at));
        assert_eq!(passed("2026-11-30T00:00:00Z"), [""; 0]);
        assert_eq!(passed("2026-11-30T23:59:59Z"), [""; 0]);
        assert_eq!(passed("2026-12-01T00:00:00Z"), ["rule `trial` should have been looked at by search by 2026-12-01"]);
        assert_eq!(passed("2026-12-01T12:00:00Z"), [""; 0]);
        assert_eq!(
            passed("2026-12-02T00:00:00Z"),
            [
                "rule `trial` of search has expired: its requests go to tier `cheap`",
                "rule `season` of shop has expired: it is skipped"
            ]
        );
    }

    #[test]
    fn what_a_new_file_says_is_told_by_whoever_read_it() {
        let (before, after) =
            (read(RULES, "2026-11-30T00:00:00Z"), read(&RULES.replace("search", "find"), "2026-12-05T00:00:00Z"));
        assert_eq!(after.warnings.len(), 3, "{:?}", after.warnings);
        let mut told = Told::default();
        assert_eq!(told.passed(&before.version, &before.rules, millis("2026-11-30T00:00:00Z")), [""; 0]);
        assert_eq!(told.passed(&after.version, &after.rules, millis("2026-12-05T00:00:00Z")), [""; 0]);
        assert_eq!(told.passed(&before.version, &before.rules, millis("2026-12-05T00:00:00Z")), [""; 0]);
    }
}
