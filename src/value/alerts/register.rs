//! The state of alerts, kept. An alert is moved on by whoever's statement changes its row, and the message about it is
//! written in the same transaction: of many replicas, one says it, once.

use std::collections::HashMap;

use serde::Serialize;

use super::message::{self, Word};
use super::{Condition, Finding, Kind};
use crate::store::{Row, Statement, StoreError};
use crate::value::book::Book;

/// How long alerts that are over, and messages that were sent, are kept to look at: 90 days.
const MEMORY_MILLIS: i64 = 90 * 24 * 3_600 * 1_000;

const SELECT: &str = "SELECT id, name, kind, subject, firing, episode, since_millis, cleared_millis, seen_millis, \
                      until_millis, summary FROM alerts ORDER BY firing DESC, since_millis DESC, id";
const BEGIN: &str = "INSERT INTO alerts (id, name, kind, subject, firing, episode, since_millis, seen_millis, \
                     until_millis, summary) VALUES ($1, $2, $3, $4, 1, 1, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
const FIRE: &str = "UPDATE alerts SET firing = 1, episode = $1, since_millis = $2, cleared_millis = NULL, \
                    seen_millis = $3, until_millis = $4, summary = $5 WHERE id = $6 AND firing = 0 AND episode = $7";
const CLEAR: &str = "UPDATE alerts SET firing = 0, cleared_millis = $1, summary = $2 \
                     WHERE id = $3 AND firing = 1 AND episode = $4";
const SEEN: &str = "UPDATE alerts SET seen_millis = $1, summary = $2 WHERE id = $3 AND firing = 1";
const POST: &str = "INSERT INTO messages (id, alert, place, body, created_millis, attempts, next_millis, claimed_until) \
                    VALUES ($1, $2, $3, $4, $5, 0, $6, 0)";
const FORGET_ALERTS: &str = "DELETE FROM alerts WHERE firing = 0 AND cleared_millis < $1";
const FORGET_MESSAGES: &str =
    "DELETE FROM messages WHERE created_millis < $1 AND (sent_millis IS NOT NULL OR given_up_millis IS NOT NULL)";

/// An alert and its state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Alert {
    /// What tells it from every other.
    pub id: String,
    /// The name that it has in the configuration.
    pub name: String,
    /// What it is about.
    pub kind: Kind,
    /// Whom it is about.
    pub subject: String,
    /// Whether it fires now.
    pub firing: bool,
    /// How often it has fired.
    pub episode: i64,
    /// Since when it has fired, or when it fired last.
    pub since_millis: i64,
    /// When it was over.
    pub cleared_millis: Option<i64>,
    /// When somebody last looked.
    pub seen_millis: i64,
    /// When it ends by itself.
    pub until_millis: Option<i64>,
    /// The figures, in a sentence.
    pub summary: String,
}

/// What a look changed, by this process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Alerts that fire now and did not before.
    pub fired: Vec<Finding>,
    /// Alerts that are over.
    pub cleared: Vec<Finding>,
    /// All that fire after it, by what they are about and by their name in the configuration.
    pub firing: Vec<(Kind, String)>,
}

/// How findings are taken in.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The moment, in milliseconds since 1970 UTC.
    pub now_millis: i64,
    /// After how long an alert that nobody looks at any more is over: it was taken out of the configuration.
    pub stale_millis: i64,
    /// Whether messages are to be sent.
    pub posts: bool,
}

/// The alerts' register, which is kept in the book.
#[derive(Clone, Debug)]
pub struct Register {
    book: Book,
}

impl Register {
    /// The register in this book.
    pub fn new(book: Book) -> Self {
        Self { book }
    }

    /// Every alert that fires or has fired, the ones that fire first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        self.book.store().await?.query(SELECT, Vec::new()).await?.iter().map(read).collect()
    }

    /// Takes in what was found.
    ///
    /// # Errors
    /// What the database says. What was moved on before that stays so, with its message.
    pub async fn take_in(&self, findings: &[Finding], look: Look) -> Result<Changes, StoreError> {
        let alerts = self.alerts().await?;
        let known: HashMap<&str, &Alert> = alerts.iter().map(|alert| (alert.id.as_str(), alert)).collect();
        let mut changes = Changes::default();
        for finding in findings {
            let alert = known.get(finding.id.as_str()).copied();
            match (&finding.condition, alert.filter(|alert| alert.firing)) {
                (Condition::Bad, None) if !has_ended(finding.until_millis, look) => {
                    let has_moved = self.moved_on(fire(finding, alert, look)).await?;
                    changes.fired.extend(has_moved.then(|| finding.clone()));
                }
                (Condition::Good(why), Some(alert)) => self.clear(finding, alert, why, look, &mut changes).await?,
                (_, Some(alert)) if !has_ended(alert.until_millis, look) => {
                    let seen = vec![look.now_millis.into(), finding.summary.clone().into(), alert.id.clone().into()];
                    self.book.store().await?.execute(SEEN, seen).await?;
                }
                _ => {}
            }
        }
        let found = |alert: &Alert| findings.iter().any(|finding| finding.id == alert.id);
        for alert in alerts.iter().filter(|alert| alert.firing) {
            let why = if has_ended(alert.until_millis, look) {
                "its window has ended"
            } else if !found(alert) && look.now_millis - alert.seen_millis > look.stale_millis {
                "it is not watched any more"
            } else {
                continue;
            };
            self.clear(&finding_of(alert), alert, why, look, &mut changes).await?;
        }
        self.forget(look.now_millis).await?;
        let after = self.alerts().await?;
        changes.firing = after.into_iter().filter(|alert| alert.firing).map(|alert| (alert.kind, alert.name)).collect();
        Ok(changes)
    }

    async fn clear(
        &self,
        finding: &Finding,
        alert: &Alert,
        why: &str,
        look: Look,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let parameters =
            vec![look.now_millis.into(), finding.summary.clone().into(), alert.id.clone().into(), alert.episode.into()];
        let mut statements = vec![Statement::one(CLEAR, parameters)];
        if look.posts {
            statements.push(post(Word::Cleared, finding, Some(why), alert.episode, look.now_millis));
        }
        if self.moved_on(statements).await? {
            changes.cleared.push(finding.clone());
        }
        Ok(())
    }

    /// Whether this process moved the alert on; `false`: another one did, at the same time.
    async fn moved_on(&self, statements: Vec<Statement>) -> Result<bool, StoreError> {
        match self.book.store().await?.transact(statements).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn forget(&self, now_millis: i64) -> Result<(), StoreError> {
        let oldest = now_millis - MEMORY_MILLIS;
        let forget = |sql| Statement::new(sql, vec![oldest.into()]);
        self.book.store().await?.transact(vec![forget(FORGET_ALERTS), forget(FORGET_MESSAGES)]).await.map(drop)
    }
}

fn fire(finding: &Finding, alert: Option<&Alert>, look: Look) -> Vec<Statement> {
    let now = look.now_millis;
    let (episode, statement) = match alert {
        None => {
            let parameters = vec![
                finding.id.clone().into(),
                finding.name.clone().into(),
                finding.kind.as_str().into(),
                finding.subject.clone().into(),
                now.into(),
                now.into(),
                finding.until_millis.into(),
                finding.summary.clone().into(),
            ];
            (1, Statement::one(BEGIN, parameters))
        }
        Some(alert) => {
            let parameters = vec![
                (alert.episode + 1).into(),
                now.into(),
                now.into(),
                finding.until_millis.into(),
                finding.summary.clone().into(),
                finding.id.clone().into(),
                alert.episode.into(),
            ];
            (alert.episode + 1, Statement::one(FIRE, parameters))
        }
    };
    let message = look.posts.then(|| post(Word::Firing, finding, None, episode, now));
    [statement].into_iter().chain(message).collect()
}

fn post(word: Word, finding: &Finding, why: Option<&str>, episode: i64, now_millis: i64) -> Statement {
    let id = format!("{}#{episode}:{}", finding.id, word.as_str());
    let body = message::body(word, finding, why, &id, now_millis);
    let parameters = vec![
        id.into(),
        finding.id.clone().into(),
        (episode * 2 + word.place()).into(),
        body.into(),
        now_millis.into(),
        now_millis.into(),
    ];
    Statement::new(POST, parameters)
}

fn has_ended(until_millis: Option<i64>, look: Look) -> bool {
    until_millis.is_some_and(|until| look.now_millis >= until)
}

/// What is known of an alert that nobody finds any more.
fn finding_of(alert: &Alert) -> Finding {
    Finding {
        id: alert.id.clone(),
        name: alert.name.clone(),
        kind: alert.kind,
        subject: alert.subject.clone(),
        condition: Condition::Between,
        summary: alert.summary.clone(),
        until_millis: alert.until_millis,
    }
}

fn read(row: &Row) -> Result<Alert, StoreError> {
    Ok(Alert {
        id: row.text(0)?,
        name: row.text(1)?,
        kind: Kind::parse(&row.text(2)?).ok_or(StoreError::Shape(2))?,
        subject: row.text(3)?,
        firing: row.int(4)? != 0,
        episode: row.int(5)?,
        since_millis: row.int(6)?,
        cleared_millis: row.int_or_none(7)?,
        seen_millis: row.int(8)?,
        until_millis: row.int_or_none(9)?,
        summary: row.text(10)?,
    })
}
