//! Tokens for the admin port: those of routes.toml, and those made at run time.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value as Json, json};
use subtle::ConstantTimeEq;

use super::change::Plan;
use super::key::{Stamp, stamp};
use super::secret::Made;
use super::snapshot::{Revocation, Snapshot};
use super::{Known, Moment, Refused, Role, Subject};
use crate::domain::{Digest, KeyName, from_hex, hex};
use crate::store::{Row, Statement, StoreError};

/// A token for the admin port, of which the hash is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminToken {
    /// Its name.
    pub name: KeyName,
    /// The hash of its secret.
    pub digest: Digest,
    /// What it may do.
    pub role: Role,
    /// From then on it is refused; `None`: never.
    pub expires: Option<Moment>,
}

/// The tokens of routes.toml.
#[derive(Clone, Debug, Default)]
pub struct AdminTokens {
    by_digest: HashMap<Digest, AdminToken>,
}

impl AdminTokens {
    /// These tokens. Two with the same secret are refused by `check` before they get here; of such the last counts.
    pub fn new(tokens: impl IntoIterator<Item = AdminToken>) -> Self {
        Self { by_digest: tokens.into_iter().map(|token| (token.digest, token)).collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// Every token, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &AdminToken> {
        self.by_digest.values()
    }

    /// The token with this digest. The table is searched by a hash of the secret, and the match compared in constant
    /// time.
    pub fn find(&self, digest: &Digest) -> Option<&AdminToken> {
        self.by_digest.get(digest).filter(|token| bool::from(token.digest.ct_eq(digest)))
    }
}

/// A token that was made at run time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredToken {
    /// Its name.
    pub name: KeyName,
    /// How its secret begins.
    pub prefix: String,
    /// The hash of its secret.
    #[serde(skip)]
    pub digest: Digest,
    /// What it may do.
    pub role: Role,
    /// From then on it is refused; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// Who made it.
    pub created: Stamp,
    /// Who revoked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Stamp>,
}

pub(super) const SELECT: &str = "SELECT name, prefix, sha256, role, expires_millis, created_by, created_millis, \
     revoked_by, revoked_millis FROM admin_tokens ORDER BY name";

impl StoredToken {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: KeyName::parse(&row.text(0)?).map_err(|_| StoreError::Shape(0))?,
            prefix: row.text(1)?,
            digest: from_hex(&row.text(2)?).ok_or(StoreError::Shape(2))?,
            role: Role::parse(&row.text(3)?).ok_or(StoreError::Shape(3))?,
            expires: row.int_or_none(4)?.map(Moment::from_millis),
            created: stamp(row, 5)?.ok_or(StoreError::Shape(5))?,
            revoked: stamp(row, 7)?,
        })
    }

    fn told(&self) -> Json {
        serde_json::to_value(self).unwrap_or_else(|_| json!({"name": self.name}))
    }

    pub(super) fn insert(&self) -> Statement {
        let sql = "INSERT INTO admin_tokens (name, prefix, sha256, role, expires_millis, created_by, created_millis, \
                   revoked_by, revoked_millis) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values = vec![
            self.name.as_str().into(),
            self.prefix.as_str().into(),
            hex(&self.digest).into(),
            self.role.as_str().into(),
            self.expires.map(Moment::millis).into(),
            self.created.by.as_str().into(),
            self.created.at.millis().into(),
            self.revoked.as_ref().map(|stamp| stamp.by.clone()).into(),
            self.revoked.as_ref().map(|stamp| stamp.at.millis()).into(),
        ];
        Statement::one(sql, values)
    }
}

/// A new token.
pub(super) fn create(
    now: &Snapshot,
    known: &Known,
    name: &KeyName,
    role: Role,
    expires: Option<Moment>,
    made: &Made,
    stamp: &Stamp,
) -> Result<Plan, Refused> {
    let is_revoked = now.revocation(Subject::Token, name).is_some();
    if known.file_tokens.contains(name) || is_revoked || now.token(name).is_some() {
        return Err(Refused::Taken(format!("there is or was an admin token `{name}`: choose another name")));
    }
    if expires.is_some_and(|expires| expires <= stamp.at) {
        return Err(Refused::Nonsense(format!("`expires` of the token `{name}` has passed already")));
    }
    let token = StoredToken {
        name: name.clone(),
        prefix: made.prefix.clone(),
        digest: made.digest,
        role,
        expires,
        created: stamp.clone(),
        revoked: None,
    };
    Ok(Plan::of("token.create", name.as_str()).after(token.told()).doing(token.insert()))
}

/// The end of a token, of one in routes.toml too.
pub(super) fn revoke(now: &Snapshot, known: &Known, name: &KeyName, stamp: &Stamp) -> Result<Plan, Refused> {
    let in_file = known.file_tokens.contains(name);
    let token = match now.token(name) {
        Some(token) if token.revoked.is_none() => token,
        _ if in_file => return Revocation::plan(now, Subject::Token, name, stamp),
        Some(_) => return Err(Refused::Over(format!("the admin token `{name}` was revoked already"))),
        None => return Err(Refused::Unknown(format!("there is no admin token `{name}`"))),
    };
    let revoked = StoredToken { revoked: Some(stamp.clone()), ..token.clone() };
    let sql = "UPDATE admin_tokens SET revoked_by = $1, revoked_millis = $2 WHERE name = $3 AND revoked_millis IS NULL";
    let values = vec![stamp.by.as_str().into(), stamp.at.millis().into(), name.as_str().into()];
    let plan = Plan::of("token.revoke", name.as_str()).before(token.told()).after(revoked.told());
    let plan = plan.doing(Statement::one(sql, values));
    Ok(if in_file { plan.doing(Revocation::insert(Subject::Token, name, stamp)) } else { plan })
}
