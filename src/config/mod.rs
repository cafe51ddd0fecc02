//! `routes.toml`: read, check, swap. This room knows every room below and hands each its settings; no room knows it.
//!
//! A file that does not hold together is refused whole, with everything that is wrong with it. What comes out of here
//! needs no further checking: [`Config`] can only be had from a file that was accepted.

mod catalogue;
mod check;
mod load;
mod located;
pub mod problem;
mod raw;
mod reload;
pub mod rule_tests;
mod schema;
mod secrets;
mod shape;
mod text;
mod trial;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use catalogue::{MOST_BYTES, UnusableCatalogue, catalogue_from, catalogue_of};
pub use check::Surroundings;
pub use load::{Strictness, load, load_with, parse};
pub use problem::{Problem, Problems, Severity};
pub use reload::{Live, ReloadEvent, Watcher, watch};
pub use schema::schema;
pub use text::percentage;
pub use trial::{Assess, Trial};

use crate::assess::Assessor;
use crate::domain::{Catalogue, EndpointName, RulesVersion};
use crate::observe::LogFormat;
use crate::store::postgres::{self, AddressError};
use crate::{
    admit, budget, feedback, forward, listen, read, record, registry, route, sessions, shared, store, value, verify,
};
use rule_tests::RuleTest;

/// Everything that `routes.toml` says, checked.
#[derive(Debug)]
pub struct Config {
    /// Which text of the file this is.
    pub version: RulesVersion,
    /// Which prices count: the catalogue's version and a digest of the prices set in the file.
    pub price_version: Arc<str>,
    /// The price catalogue.
    pub catalogue: Arc<Catalogue>,
    /// The file that it was read from; `None`: it is the one that is built in.
    pub catalogue_path: Option<PathBuf>,
    /// How the doors are opened.
    pub listen: listen::Settings,
    /// What a request's body may be.
    pub bounds: read::Bounds,
    /// How long an upstream may be silent in a stream before the caller is told that it is waited for.
    pub ping_interval: Duration,
    /// For how long what was reserved for an answer made in the background waits for its usage.
    pub background_hold: Duration,
    /// The origins whose pages may ask from a browser.
    pub cors: Vec<hyper::header::HeaderValue>,
    /// Who may ask.
    pub keys: admit::Keys,
    /// Whose tokens may be shown instead of a key.
    pub issuers: Arc<[Arc<admit::Issuer>]>,
    /// How often, how much and how many at once.
    pub limits: admit::LimitList,
    /// Who may see and change what the admin port has.
    pub admin_tokens: registry::AdminTokens,
    /// Judges prompts, as careful as the file says and by its words.
    pub assessor: Arc<Assessor>,
    /// Where requests go.
    pub rules: route::Rules,
    /// What answers are held against.
    pub verify: verify::Settings,
    /// Every endpoint.
    pub endpoints: HashMap<EndpointName, Arc<forward::Endpoint>>,
    /// The endpoint that tells what a request would have cost without routing; `None`: no baseline is set.
    pub baseline: Option<EndpointName>,
    /// How the record of each request is kept.
    pub ledger: record::Settings,
    /// Whether the ledger is in a database whose address stands elsewhere and was not there when the file was checked.
    pub lacks_ledger_address: bool,
    /// What several replicas share; `None`: this process is the only one.
    pub shared: Option<shared::Settings>,
    /// How conversations are remembered.
    pub sessions: sessions::Settings,
    /// How much may be spent, by whom, in which time.
    pub budgets: Arc<[budget::Budget]>,
    /// Where it is told what shipped.
    pub outcomes: value::Settings,
    /// What of feedback is kept.
    pub feedback: feedback::Settings,
    /// Who is told when something is wrong with the money.
    pub alerts: value::alerts::Settings,
    /// What is told on standard error.
    pub log: LogSettings,
    /// Requests, and what the rules must do with them.
    pub tests: Vec<RuleTest>,
    /// What is doubtful about the file, though it was accepted.
    pub warnings: Vec<Problem>,
}

/// The file of the store, beside the ledger's.
pub const STORE: &str = "registry.db";

impl Config {
    /// Where keys, tokens, the audit log and what else people change at run time are kept: with the entries.
    ///
    /// # Errors
    /// If it is in a database whose address is not known here, or the platform's certificates cannot be read.
    pub fn store(&self) -> Result<store::Place, AddressError> {
        match &self.ledger.ship {
            Some(ship) => Ok(store::Place::Postgres(postgres::pool(ship.address.expose())?)),
            None if self.lacks_ledger_address => Err(AddressError::Unreadable("it is not set".to_owned())),
            None => Ok(store::Place::File(self.ledger.path.with_file_name(STORE))),
        }
    }

    /// What is made at run time must fit this.
    pub fn known(&self) -> registry::Known {
        registry::Known {
            // An issuer's callers are counted where keys are, so its name is one of theirs.
            file_keys: self
                .keys
                .iter()
                .map(|key| key.name.clone())
                .chain(self.issuers.iter().map(|issuer| issuer.key_name.clone()))
                .collect(),
            file_tokens: self.admin_tokens.iter().map(|token| token.name.clone()).collect(),
            tiers: self.rules.tiers().iter().map(|tier| tier.name().clone()).collect(),
        }
    }
}

/// What is told on standard error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// In which form.
    pub format: LogFormat,
    /// What is told: a level, or a filter.
    pub level: String,
}
