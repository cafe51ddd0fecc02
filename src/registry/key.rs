//! Keys made at run time: what is kept of them, and how they change. Planning a change is pure; `Registry` carries it out.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::change::Plan;
use super::secret::Made;
use super::snapshot::{Revocation, Snapshot};
use super::{Grants, Known, Moment, Refused, Subject};
use crate::domain::{Digest, KeyName, TierName, from_hex, hex};
use crate::store::{Row, Statement, StoreError, Value};

/// Who did something, and when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Stamp {
    /// Who.
    pub by: String,
    /// When.
    pub at: Moment,
}

/// A key that was made at run time. Of its secret only the hash is known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredKey {
    /// Its name.
    pub name: KeyName,
    /// How its secret begins.
    pub prefix: String,
    /// The hash of its secret.
    #[serde(skip)]
    pub digest: Digest,
    /// Whose it is, and what it may do.
    #[serde(flatten)]
    pub grants: Grants,
    /// The hash of the secret that it had before.
    #[serde(skip)]
    pub old_digest: Option<Digest>,
    /// From then on the secret that it had before is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_secret_until: Option<Moment>,
    /// Who made it.
    pub created: Stamp,
    /// Who last gave it another secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Stamp>,
    /// Who revoked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Stamp>,
}

pub(super) const SELECT: &str = "SELECT name, prefix, sha256, grants, old_sha256, old_until_millis, created_by, \
     created_millis, rotated_by, rotated_millis, revoked_by, revoked_millis FROM keys ORDER BY name";

impl StoredKey {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: KeyName::parse(&row.text(0)?).map_err(|_| StoreError::Shape(0))?,
            prefix: row.text(1)?,
            digest: from_hex(&row.text(2)?).ok_or(StoreError::Shape(2))?,
            grants: serde_json::from_str(&row.text(3)?).map_err(|_| StoreError::Shape(3))?,
            old_digest: row.text_or_none(4)?.map(|text| from_hex(&text).ok_or(StoreError::Shape(4))).transpose()?,
            old_secret_until: row.int_or_none(5)?.map(Moment::from_millis),
            created: stamp(row, 6)?.ok_or(StoreError::Shape(6))?,
            rotated: stamp(row, 8)?,
            revoked: stamp(row, 10)?,
        })
    }

    /// How it stands in the audit log: without any hash.
    fn told(&self) -> Json {
        serde_json::to_value(self).unwrap_or_else(|_| json!({"name": self.name}))
    }

    pub(super) fn insert(&self) -> Statement {
        let sql = "INSERT INTO keys (name, prefix, sha256, grants, old_sha256, old_until_millis, created_by, \
                   created_millis, rotated_by, rotated_millis, revoked_by, revoked_millis) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let grants = serde_json::to_string(&self.grants).unwrap_or_default();
        let by = |stamp: &Option<Stamp>| stamp.as_ref().map(|stamp| stamp.by.clone());
        let at = |stamp: &Option<Stamp>| stamp.as_ref().map(|stamp| stamp.at.millis());
        let values = vec![
            self.name.as_str().into(),
            self.prefix.as_str().into(),
            hex(&self.digest).into(),
            grants.into(),
            self.old_digest.as_ref().map(hex).into(),
            self.old_secret_until.map(Moment::millis).into(),
            self.created.by.as_str().into(),
            self.created.at.millis().into(),
            by(&self.rotated).into(),
            at(&self.rotated).into(),
            by(&self.revoked).into(),
            at(&self.revoked).into(),
        ];
        Statement::one(sql, values)
    }
}

/// A name and a moment in two columns, both NULL if it was never done.
pub(super) fn stamp(row: &Row, column: usize) -> Result<Option<Stamp>, StoreError> {
    let at = row.int_or_none(column + 1)?.map(Moment::from_millis);
    Ok(row.text_or_none(column)?.zip(at).map(|(by, at)| Stamp { by, at }))
}

/// A new key.
pub(super) fn create(
    now: &Snapshot,
    known: &Known,
    name: &KeyName,
    grants: &Grants,
    made: &Made,
    stamp: &Stamp,
) -> Result<Plan, Refused> {
    is_free(now, known, name)?;
    is_usable(known, name, grants, stamp.at)?;
    let key = StoredKey {
        name: name.clone(),
        prefix: made.prefix.clone(),
        digest: made.digest,
        grants: grants.clone(),
        old_digest: None,
        old_secret_until: None,
        created: stamp.clone(),
        rotated: None,
        revoked: None,
    };
    Ok(Plan::of("key.create", name.as_str()).after(key.told()).doing(key.insert()))
}

/// A name may be used once: the ledger and the audit log know a key by it for ever.
fn is_free(now: &Snapshot, known: &Known, name: &KeyName) -> Result<(), Refused> {
    if known.file_keys.contains(name) {
        return Err(Refused::Taken(format!("routes.toml has a key `{name}`: choose another name")));
    }
    if now.revocation(Subject::Key, name).is_some() {
        return Err(Refused::Taken(format!("the key `{name}` of routes.toml was revoked: choose another name")));
    }
    match now.key(name) {
        Some(key) if key.revoked.is_some() => Err(Refused::Taken(format!(
            "there was a key `{name}` and it was revoked: choose another name, so that what was spent stays apart"
        ))),
        Some(_) => Err(Refused::Taken(format!("there is a key `{name}`: choose another name, or rotate that one"))),
        None => Ok(()),
    }
}

fn is_usable(known: &Known, name: &KeyName, grants: &Grants, now: Moment) -> Result<(), Refused> {
    let is_unknown = |tier: &&TierName| !known.tiers.contains(tier);
    if let Some(tier) = grants.tiers.iter().flatten().find(is_unknown) {
        let tiers: Vec<&str> = known.tiers.iter().map(TierName::as_str).collect();
        let message = format!("there is no tier `{tier}`: routes.toml has {}", tiers.join(", "));
        return Err(Refused::Nonsense(message));
    }
    let empty = [
        ("tiers", grants.tiers.as_ref().is_some_and(Vec::is_empty)),
        ("models", grants.models.as_ref().is_some_and(Vec::is_empty)),
        ("doors", grants.doors.as_ref().is_some_and(Vec::is_empty)),
    ];
    if let Some((what, _)) = empty.iter().find(|(_, is_empty)| *is_empty) {
        let message = format!("the key `{name}` could use nothing: leave `{what}` out to allow all of them");
        return Err(Refused::Nonsense(message));
    }
    if grants.expires.is_some_and(|expires| expires <= now) {
        return Err(Refused::Nonsense(format!("`expires` of the key `{name}` has passed already")));
    }
    Ok(())
}

/// Another secret. The old one is good for the grace that is given, and not at all without one.
pub(super) fn rotate(
    now: &Snapshot,
    known: &Known,
    name: &KeyName,
    made: &Made,
    grace: Duration,
    stamp: &Stamp,
) -> Result<Plan, Refused> {
    let key = living(now, known, name, "rotated")?;
    let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    let until = Moment::from_millis(stamp.at.millis().saturating_add(grace));
    let rotated = StoredKey {
        prefix: made.prefix.clone(),
        digest: made.digest,
        old_digest: Some(key.digest),
        old_secret_until: Some(until),
        rotated: Some(stamp.clone()),
        ..key.clone()
    };
    let sql = "UPDATE keys SET sha256 = $1, prefix = $2, old_sha256 = $3, old_until_millis = $4, rotated_by = $5, \
               rotated_millis = $6 WHERE name = $7";
    let values = vec![
        hex(&rotated.digest).into(),
        rotated.prefix.as_str().into(),
        hex(&key.digest).into(),
        until.millis().into(),
        stamp.by.as_str().into(),
        stamp.at.millis().into(),
        name.as_str().into(),
    ];
    let plan = Plan::of("key.rotate", name.as_str()).before(key.told()).after(rotated.told());
    Ok(plan.doing(Statement::one(sql, values)))
}

/// The end of a key, of one in routes.toml too.
pub(super) fn revoke(now: &Snapshot, known: &Known, name: &KeyName, stamp: &Stamp) -> Result<Plan, Refused> {
    let in_file = known.file_keys.contains(name);
    if in_file && now.key(name).is_none_or(|key| key.revoked.is_some()) {
        return Revocation::plan(now, Subject::Key, name, stamp);
    }
    let key = living(now, known, name, "revoked")?;
    let revoked = StoredKey { revoked: Some(stamp.clone()), ..key.clone() };
    let sql = "UPDATE keys SET revoked_by = $1, revoked_millis = $2 WHERE name = $3 AND revoked_millis IS NULL";
    let values: Vec<Value> = vec![stamp.by.as_str().into(), stamp.at.millis().into(), name.as_str().into()];
    let plan = Plan::of("key.revoke", name.as_str()).before(key.told()).after(revoked.told());
    let plan = plan.doing(Statement::one(sql, values));
    // A file that names the same key must not let it in again by the other way.
    Ok(if in_file { plan.doing(Revocation::insert(Subject::Key, name, stamp)) } else { plan })
}

fn living<'s>(now: &'s Snapshot, known: &Known, name: &KeyName, done: &str) -> Result<&'s StoredKey, Refused> {
    match now.key(name) {
        Some(StoredKey { revoked: Some(stamp), .. }) => {
            Err(Refused::Over(format!("the key `{name}` was revoked by {} on {}", stamp.by, stamp.at)))
        }
        Some(key) => Ok(key),
        None if known.file_keys.contains(name) => {
            let message = format!("the key `{name}` stands in routes.toml and cannot be {done} here: change the file");
            Err(Refused::Taken(message))
        }
        None => Err(Refused::Unknown(format!("there is no key `{name}`: see `weighbridge keys list`"))),
    }
}
