//! Everything that is in force, as it was at one moment: what the request path looks into instead of a database.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::change::Plan;
use super::key::{self, Stamp, StoredKey};
use super::overrides::{self, BudgetOverride};
use super::token::{self, StoredToken};
use super::{Moment, Refused};
use crate::domain::KeyName;
use crate::store::{Row, Statement, Store, StoreError};

/// Of what a name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A caller's key.
    Key,
    /// A token for the admin port.
    Token,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Subject::Key => "key",
            Subject::Token => "token",
        }
    }
}

/// A key or a token of routes.toml that is refused although the file has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Revocation {
    /// Of what.
    pub of: Subject,
    /// Its name.
    pub name: KeyName,
    /// Who did it.
    pub revoked: Stamp,
}

/// Everything that is in force.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Goes up with every change.
    pub version: i64,
    /// Every key that was ever made at run time, by name.
    pub keys: Vec<StoredKey>,
    /// Every token for the admin port that was ever made at run time, by name.
    pub tokens: Vec<StoredToken>,
    /// What of routes.toml is refused.
    pub revocations: Vec<Revocation>,
    /// Limits that differ from those of the file for a time.
    pub overrides: Vec<BudgetOverride>,
}

const VERSION: &str = "SELECT version FROM registry_state WHERE id = $1";
const REVOCATIONS: &str = "SELECT kind, name, revoked_by, revoked_millis FROM revocations ORDER BY kind, name";

/// The number of the last change.
pub(super) async fn version(store: &Store) -> Result<i64, StoreError> {
    store.query(VERSION, vec![1.into()]).await?.first().ok_or(StoreError::Shape(0))?.int(0)
}

impl Snapshot {
    /// Reads everything. What changes meanwhile makes a version above the one that is noted, so it is read next time.
    pub(super) async fn read(store: &Store) -> Result<Self, StoreError> {
        async fn all<T>(
            store: &Store,
            sql: &'static str,
            read: fn(&Row) -> Result<T, StoreError>,
        ) -> Result<Vec<T>, StoreError> {
            store.query(sql, Vec::new()).await?.iter().map(read).collect()
        }
        Ok(Self {
            version: version(store).await?,
            keys: all(store, key::SELECT, StoredKey::read).await?,
            tokens: all(store, token::SELECT, StoredToken::read).await?,
            revocations: all(store, REVOCATIONS, Revocation::read).await?,
            overrides: all(store, overrides::SELECT, BudgetOverride::read).await?,
        })
    }

    /// The key of this name, revoked or not.
    pub fn key(&self, name: &KeyName) -> Option<&StoredKey> {
        self.keys.iter().find(|key| key.name == *name)
    }

    /// The admin token of this name, revoked or not.
    pub fn token(&self, name: &KeyName) -> Option<&StoredToken> {
        self.tokens.iter().find(|token| token.name == *name)
    }

    /// What routes.toml has, as it is told: its names, and who revoked them.
    pub fn in_file(&self, of: Subject, names: &[KeyName]) -> Vec<Json> {
        let mut names: Vec<&KeyName> = names.iter().collect();
        names.sort();
        let told = |name: &KeyName| match self.revocation(of, name) {
            Some(revocation) => json!({"name": name, "revoked": revocation.revoked}),
            None => json!({ "name": name }),
        };
        names.into_iter().map(told).collect()
    }

    /// Why what routes.toml has is refused, if it is.
    pub fn revocation(&self, of: Subject, name: &KeyName) -> Option<&Revocation> {
        self.revocations.iter().find(|revocation| revocation.of == of && revocation.name == *name)
    }
}

impl Revocation {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let of = match row.text(0)?.as_str() {
            "key" => Subject::Key,
            "token" => Subject::Token,
            _ => return Err(StoreError::Shape(0)),
        };
        let name = KeyName::parse(&row.text(1)?).map_err(|_| StoreError::Shape(1))?;
        let revoked = Stamp { by: row.text(2)?, at: Moment::from_millis(row.int(3)?) };
        Ok(Self { of, name, revoked })
    }

    /// Refuses what the file has.
    pub(super) fn plan(now: &Snapshot, of: Subject, name: &KeyName, stamp: &Stamp) -> Result<Plan, Refused> {
        if let Some(known) = now.revocation(of, name) {
            let (by, at) = (&known.revoked.by, known.revoked.at);
            return Err(Refused::Over(format!(
                "the {} `{name}` of routes.toml was revoked by {by} on {at}",
                of.as_str()
            )));
        }
        let what = match of {
            Subject::Key => "key.revoke",
            Subject::Token => "token.revoke",
        };
        let (before, after) = (json!({"file": true}), json!({"file": true, "revoked": stamp}));
        Ok(Plan::of(what, name.as_str()).before(before).after(after).doing(Self::insert(of, name, stamp)))
    }

    pub(super) fn insert(of: Subject, name: &KeyName, stamp: &Stamp) -> Statement {
        let sql = "INSERT INTO revocations (kind, name, revoked_by, revoked_millis) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (kind, name) DO NOTHING";
        let values = vec![of.as_str().into(), name.as_str().into(), stamp.by.as_str().into(), stamp.at.millis().into()];
        Statement::new(sql, values)
    }
}
