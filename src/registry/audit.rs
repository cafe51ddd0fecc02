//! The audit log: who changed what, when, and how it was before and after.

use serde::Serialize;
use serde_json::Value as Json;

use super::Moment;
use crate::store::{Row, StoreError};

/// One change.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AuditLine {
    /// Its number; the next one has a higher.
    pub id: i64,
    /// When.
    pub at: Moment,
    /// Who: `ops@api` with that admin token, `ana@cli` at the command line, `file` where routes.toml was changed.
    pub who: String,
    /// What: `key.create`, `key.revoke`, `token.create`, `budget.override`, `rules` …
    pub what: String,
    /// To what: a name.
    pub subject: String,
    /// How it was.
    pub before: Option<Json>,
    /// How it is then.
    pub after: Option<Json>,
}

/// The newest first.
pub(super) const SELECT: &str = "SELECT id, at_millis, who, what, subject, before_json, after_json FROM audit \
     WHERE at_millis >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";

/// The last time that rules were changed.
pub(super) const LAST_RULES: &str = "SELECT id, at_millis, who, what, subject, before_json, after_json FROM audit \
     WHERE what = $1 ORDER BY id DESC LIMIT 1";

impl AuditLine {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let json = |column| -> Result<Option<Json>, StoreError> {
            let text = row.text_or_none(column)?;
            text.map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Shape(column))).transpose()
        };
        Ok(Self {
            id: row.int(0)?,
            at: Moment::from_millis(row.int(1)?),
            who: row.text(2)?,
            what: row.text(3)?,
            subject: row.text(4)?,
            before: json(5)?,
            after: json(6)?,
        })
    }
}
