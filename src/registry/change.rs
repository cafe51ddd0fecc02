//! A change, before it is carried out: what it does to the tables, and what the audit log says of it.

use serde_json::Value as Json;

use super::key::Stamp;
use crate::store::{Statement, Value};

/// What is to be done, and how it is told.
#[derive(Clone, Debug)]
pub struct Plan {
    what: &'static str,
    subject: String,
    before: Option<Json>,
    after: Option<Json>,
    statements: Vec<Statement>,
}

impl Plan {
    /// Something of this kind (`key.create`) done to this subject.
    pub fn of(what: &'static str, subject: impl Into<String>) -> Self {
        Self { what, subject: subject.into(), before: None, after: None, statements: Vec::new() }
    }

    /// How the subject was.
    #[must_use]
    pub fn before(mut self, before: impl Into<Option<Json>>) -> Self {
        self.before = before.into();
        self
    }

    /// How the subject is then.
    #[must_use]
    pub fn after(mut self, after: impl Into<Option<Json>>) -> Self {
        self.after = after.into();
        self
    }

    /// A statement that does it.
    #[must_use]
    pub fn doing(mut self, statement: Statement) -> Self {
        self.statements.push(statement);
        self
    }

    /// All of it, if nothing has changed since `version`: the new version, the change, and its line in the audit log.
    pub(super) fn statements(self, version: i64, stamp: &Stamp) -> Vec<Statement> {
        let bump = "UPDATE registry_state SET version = version + 1 WHERE id = $1 AND version = $2";
        let audit = "INSERT INTO audit (id, at_millis, who, what, subject, before_json, after_json) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let text = |json: Option<Json>| json.map(|json| json.to_string());
        let line: Vec<Value> = vec![
            (version + 1).into(),
            stamp.at.millis().into(),
            stamp.by.as_str().into(),
            self.what.into(),
            self.subject.into(),
            text(self.before).into(),
            text(self.after).into(),
        ];
        let mut statements = vec![Statement::one(bump, vec![1.into(), version.into()])];
        statements.extend(self.statements);
        statements.push(Statement::one(audit, line));
        statements
    }
}
