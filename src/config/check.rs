//! From the file as written to what is valid, collecting every problem on the way. Each concern has a file of its own;
//! this one puts them together.

mod admin;
mod alerts;
mod assess;
mod budgets;
mod conversations;
mod endpoints;
mod experiments;
mod issuers;
mod keys;
mod ledger;
mod limits;
mod outcomes;
mod prices;
mod rules;
mod scope;
mod secrets;
mod server;
mod shared;
mod tests;
mod tiers;
mod verify;
mod when;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) use prices::Prices;

use super::located::Located;
use super::problem::{Findings, likely, quoted};
use super::raw::{DurationText, Named, RawFile};
use super::shape::TakenOut;
use super::{Config, LogSettings, Strictness, raw, text};
use crate::domain::{Catalogue, EndpointName, RulesVersion};
use crate::forward::Endpoint;
use crate::observe::LogFormat;
use crate::route::{Rules, Target, Tier};

/// A day, in seconds.
const DAY: u64 = 86_400;

/// What lies around the file.
pub struct Surroundings<'a> {
    /// The folder that relative paths start from.
    pub folder: &'a Path,
    /// The moment of the check.
    pub now: SystemTime,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// How strictly what is outside the file is taken.
    pub strictness: Strictness,
    /// The price catalogue that counts whatever the file names.
    pub catalogue: Option<Arc<Catalogue>>,
}

impl Surroundings<'_> {
    pub(super) fn now_millis(&self) -> u64 {
        let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }
}

pub(super) struct Checker<'t, 's> {
    pub(super) findings: Findings<'t>,
    pub(super) taken_out: TakenOut,
    pub(super) surroundings: &'s Surroundings<'s>,
    pub(super) prices: Prices,
    /// The company's own tags, also those whose declaration has a problem of its own.
    pub(super) own_tags: Vec<String>,
}

/// One endpoint, as routing and as forwarding see it.
pub(super) struct CheckedEndpoint {
    pub(super) target: Arc<Target>,
    pub(super) endpoint: Arc<Endpoint>,
}

/// What rules, keys and tests may refer to.
#[derive(Default)]
pub(super) struct Declared {
    pub(super) endpoints: HashMap<String, CheckedEndpoint>,
    pub(super) tiers: HashMap<String, Arc<Tier>>,
    /// Names that are declared, also those whose declaration has a problem of its own.
    pub(super) endpoint_names: Vec<String>,
    pub(super) tier_names: Vec<String>,
}

impl Checker<'_, '_> {
    /// The configuration, or `None` if there are errors; they are in the findings.
    pub(super) fn config(&mut self, raw: &RawFile, version: RulesVersion) -> Option<Config> {
        self.prices = self.prices(&raw.prices);
        let keys = self.keys(&raw.keys, raw);
        let issuers = self.issuers(&raw.issuers, raw);
        let admin_tokens = self.admin_tokens(&raw.admin);
        let has =
            server::Logins { keys: !keys.is_empty() || !issuers.is_empty(), admin_tokens: !admin_tokens.is_empty() };
        let (listen, bounds) = self.server(&raw.server, has);
        let cors = self.cors(&raw.server);
        let ping_interval = self.ping_interval(&raw.server);
        let background_hold = self.background_hold(&raw.server);
        let mut declared = self.endpoints(&raw.endpoints);
        self.tiers(&raw.tiers, &mut declared);
        let routed = self.routed(&raw.routing, &declared);
        let baseline = self.baseline(&raw.routing, &declared);
        let assessor = self.assess(&raw.assess);
        self.own_tags = raw.assess.tags.keys().map(|name| name.value().clone()).collect();
        let rules = self.rules(&raw.rules, &declared);
        let verify = self.verify(&raw.verify, &raw.rules, &declared);
        let ledger = self.ledger(&raw.ledger);
        let limits = self.limits(&raw.limits, &declared);
        let shared = self.shared(&raw.shared, &ledger.path, &raw.ledger);
        let (sessions, policy) = self.conversations(&raw.conversations);
        let log = self.log(&raw.log);
        let budgets = self.budgets(raw);
        self.unbounded(raw, &declared);
        let outcomes = self.outcomes(raw);
        let alerts = self.alerts(&raw.alerts);
        let depth = crate::dialect::Limits { max_depth: bounds.max_depth };
        let tests = self.tests(raw, &tests::Known { declared: &declared, keys: &keys, routed: &routed, limits: depth });
        let (conditional, last) = rules?;
        let mut endpoints: Vec<&CheckedEndpoint> = declared.endpoints.values().collect();
        endpoints.sort_by_key(|endpoint| endpoint.target.name.clone());
        let mut tiers: Vec<Arc<Tier>> = declared.tiers.values().cloned().collect();
        tiers.sort_by_key(|tier| tier.name().clone());
        let targets = endpoints.iter().map(|endpoint| endpoint.target.clone()).collect();
        Some(Config {
            version,
            price_version: prices::version(self.prices.catalogue(), &endpoints),
            catalogue: self.prices.catalogue().clone(),
            catalogue_path: raw.prices.catalogue.as_ref().map(|path| self.surroundings.path(path)),
            listen,
            bounds,
            ping_interval,
            background_hold,
            cors,
            keys: crate::admit::Keys::new(keys),
            issuers,
            limits,
            admin_tokens: crate::registry::AdminTokens::new(admin_tokens),
            rules: Rules::new(routed, targets, tiers, conditional, last).with_policy(policy),
            verify,
            endpoints: endpoints.iter().map(|one| (one.target.name.clone(), one.endpoint.clone())).collect(),
            baseline,
            lacks_ledger_address: raw.ledger.url.is_some() && ledger.ship.is_none(),
            ledger,
            shared,
            sessions,
            assessor,
            budgets: budgets.into(),
            outcomes,
            alerts,
            feedback: crate::feedback::Settings { keep_reasons: raw.feedback.keep_reasons.unwrap_or(false) },
            log,
            tests,
            warnings: Vec::new(),
        })
    }

    fn log(&mut self, raw: &raw::RawLog) -> LogSettings {
        let level = raw.level.as_ref().map_or("info", |level| level.as_str());
        if let (Some(written), Err(error)) = (&raw.level, level.parse::<tracing_subscriber::EnvFilter>()) {
            self.findings.error(written.span(), format!("`log.level` cannot be `{level}`: {error}"));
        }
        let format = match raw.format {
            None | Some(raw::LogFormatWord::Auto) => LogFormat::Auto,
            Some(raw::LogFormatWord::Human) => LogFormat::Human,
            Some(raw::LogFormatWord::Json) => LogFormat::Json,
        };
        LogSettings { format, level: level.to_owned() }
    }

    /// Whether a key of this table was there but was taken out, so that its absence is no problem of its own.
    pub(super) fn was_taken_out(&self, table: &Range<usize>, key: &str) -> bool {
        self.taken_out.had(table, key)
    }

    /// A value that must be there.
    pub(super) fn required<'v, T>(
        &mut self,
        value: Option<&'v Located<T>>,
        table: &Range<usize>,
        key: &str,
        what: &str,
    ) -> Option<&'v Located<T>> {
        if value.is_none() && !self.was_taken_out(table, key) {
            self.findings.error(table.clone(), format!("{what} has no `{key}`"));
        }
        value
    }

    /// A length of time between `least` and a week, or the default.
    pub(super) fn duration(
        &mut self,
        written: Option<&Located<DurationText>>,
        key: &str,
        least: Duration,
        default: Duration,
    ) -> Duration {
        self.duration_within(written, key, least..=Duration::from_secs(7 * DAY), default)
    }

    /// A length of time within bounds, or the default.
    pub(super) fn duration_within(
        &mut self,
        written: Option<&Located<DurationText>>,
        key: &str,
        bounds: std::ops::RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let Some(written) = written else { return default };
        match text::duration(&written.0) {
            Some(length) if bounds.contains(&length) => return length,
            Some(_) => {
                let message = format!("`{key}` cannot be `{}`", written.0);
                let days = bounds.end().as_secs() / DAY;
                self.findings.error(written.span(), message).hint(format!("from {:?} to {days} days", bounds.start()));
            }
            None => {
                let message = format!("`{key}` cannot be `{}`, expected a length of time", written.0);
                self.findings.error(written.span(), message).hint("such as `250ms`, `30s`, `5m` or `2h`");
            }
        }
        default
    }

    /// Says that a name refers to nothing.
    pub(super) fn undefined(&mut self, span: Range<usize>, subject: &str, name: &str, known: &[&str], section: &str) {
        let meant = likely(name, known.iter().copied()).map(|meant| format!("did you mean `{meant}`? "));
        let hint = match known.is_empty() {
            true => format!("declare it under [{section}.{name}]"),
            false => format!("{}declared are {}", meant.unwrap_or_default(), quoted(known.iter().copied())),
        };
        self.findings.error(span, format!("{subject} `{name}`, which is not defined")).hint(hint);
    }

    /// The names of a section that are names.
    pub(super) fn named<'r, T>(
        &mut self,
        section: &'r Named<T>,
        what: &str,
    ) -> Vec<(&'r Located<String>, &'r Located<T>)> {
        let mut good = Vec::with_capacity(section.len());
        for (name, value) in section {
            match EndpointName::parse(name) {
                Ok(_) => good.push((name, value)),
                Err(error) => {
                    self.findings.error(name.span(), format!("`{}` is no name for {what}: {error}", name.value()));
                }
            }
        }
        good
    }
}

impl Declared {
    pub(super) fn endpoint_names(&self) -> Vec<&str> {
        self.endpoint_names.iter().map(String::as_str).collect()
    }

    pub(super) fn tier_names(&self) -> Vec<&str> {
        self.tier_names.iter().map(String::as_str).collect()
    }

    pub(super) fn destination_names(&self) -> Vec<&str> {
        self.tier_names.iter().chain(&self.endpoint_names).map(String::as_str).collect()
    }
}
