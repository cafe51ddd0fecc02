//! Messages, sent until the receiver takes them.
//!
//! A sender claims a message before it sends it, and no other sends it while the claim lasts; the claim outlasts the
//! longest that sending takes. A message whose sender died between sending and noting it is sent again once the claim
//! has run out, with the same id: nobody can know whether it arrived, and an alert that is told twice is better than one
//! that is not told.

use std::collections::HashSet;
use std::future::Future;

use crate::store::{Row, Store, StoreError, Value};

/// How long a claim lasts: three times what sending may take.
const CLAIM_MILLIS: i64 = 30_000;

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE_MILLIS`].
const FIRST_PAUSE_MILLIS: i64 = 1_000;

/// The longest pause.
const LONGEST_PAUSE_MILLIS: i64 = 15 * 60_000;

/// How long it is tried: what is older is of no use to anybody.
const PATIENCE_MILLIS: i64 = 24 * 3_600_000;

/// The longest reason for a failure that is kept.
const LONGEST_PROBLEM: usize = 200;

const WAITING: &str = "SELECT id, alert, body, created_millis, attempts, next_millis, claimed_until FROM messages \
                       WHERE sent_millis IS NULL AND given_up_millis IS NULL ORDER BY created_millis, place, id";
const CLAIM: &str = "UPDATE messages SET claim = $1, claimed_until = $2, attempts = attempts + 1 WHERE id = $3 \
                     AND sent_millis IS NULL AND given_up_millis IS NULL AND claimed_until <= $4 AND next_millis <= $4";
const SENT: &str = "UPDATE messages SET sent_millis = $1, claim = NULL, problem = NULL WHERE id = $2 AND claim = $3";
const GIVE_UP: &str = "UPDATE messages SET given_up_millis = $1, problem = $2 WHERE id = $3 AND sent_millis IS NULL \
                       AND given_up_millis IS NULL AND claimed_until <= $1";
const LATER: &str = "UPDATE messages SET next_millis = $1, given_up_millis = $2, problem = $3, claim = NULL, \
                     claimed_until = 0 WHERE id = $4 AND claim = $5";

/// What became of the messages that were due.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delivered {
    /// Taken by the receiver.
    pub sent: u64,
    /// Not taken; tried again later.
    pub failed: u64,
    /// Not taken for a whole day, or not sent for so long, and given up.
    pub given_up: u64,
    /// When the next is due, in milliseconds since 1970 UTC; `None`: none waits.
    pub next_millis: Option<i64>,
}

struct Message {
    id: String,
    alert: String,
    body: String,
    created_millis: i64,
    attempts: i64,
    next_millis: i64,
    claimed_until: i64,
}

/// Sends what is due, the oldest first, and of each alert in order: that one is over is not told before that it fires.
/// `send` is given a message's id and its body.
///
/// # Errors
/// What the database says.
pub async fn deliver<F, S>(store: &Store, now_millis: impl Fn() -> i64, send: F) -> Result<Delivered, StoreError>
where
    F: Fn(String, String) -> S,
    S: Future<Output = Result<(), String>>,
{
    let rows = store.query(WAITING, Vec::new()).await?;
    let messages = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut delivered = Delivered::default();
    let mut held_back = HashSet::new();
    for message in messages {
        if held_back.contains(&message.alert) {
            continue;
        }
        let now = now_millis();
        let due = message.next_millis.max(message.claimed_until);
        let is_old = now - message.created_millis >= PATIENCE_MILLIS;
        if is_old && due <= now {
            // Nobody could be told in time: there was no receiver, or no process.
            let problem = "it was not sent within a day";
            let parameters = vec![now.into(), problem.into(), message.id.into()];
            delivered.given_up += store.execute(GIVE_UP, parameters).await?;
            tracing::warn!(alert = message.alert, problem, "an alert was not told");
            continue;
        }
        let next = if due > now {
            Some(due)
        } else {
            attempt(store, &message, now, &now_millis, &send, &mut delivered).await?
        };
        if let Some(next) = next {
            held_back.insert(message.alert);
            delivered.next_millis = Some(delivered.next_millis.map_or(next, |known| known.min(next)));
        }
    }
    Ok(delivered)
}

/// Tries to send one message; when it is to be tried again.
async fn attempt<F, S>(
    store: &Store,
    message: &Message,
    now: i64,
    now_millis: &impl Fn() -> i64,
    send: &F,
    delivered: &mut Delivered,
) -> Result<Option<i64>, StoreError>
where
    F: Fn(String, String) -> S,
    S: Future<Output = Result<(), String>>,
{
    let claim = uuid::Uuid::now_v7().to_string();
    let until = now + CLAIM_MILLIS;
    let parameters = vec![claim.clone().into(), until.into(), message.id.clone().into(), now.into()];
    if store.execute(CLAIM, parameters).await? == 0 {
        return Ok(Some(until));
    }
    let sent = send(message.id.clone(), message.body.clone()).await;
    let now = now_millis();
    let Err(problem) = sent else {
        delivered.sent += 1;
        store.execute(SENT, vec![now.into(), message.id.clone().into(), claim.into()]).await?;
        return Ok(None);
    };
    let is_over = now - message.created_millis >= PATIENCE_MILLIS;
    let next = now + pause_millis(message.attempts);
    tracing::warn!(alert = message.alert, attempts = message.attempts + 1, problem, is_over, "an alert was not taken");
    let problem: String = problem.chars().take(LONGEST_PROBLEM).collect();
    let given_up = if is_over { Value::Int(now) } else { Value::Null };
    let parameters = vec![next.into(), given_up, problem.into(), message.id.clone().into(), claim.into()];
    store.execute(LATER, parameters).await?;
    if is_over {
        delivered.given_up += 1;
        return Ok(None);
    }
    delivered.failed += 1;
    Ok(Some(next))
}

/// The pause after so many earlier failures.
fn pause_millis(failures: i64) -> i64 {
    (FIRST_PAUSE_MILLIS << failures.clamp(0, 20)).min(LONGEST_PAUSE_MILLIS)
}

fn read(row: &Row) -> Result<Message, StoreError> {
    Ok(Message {
        id: row.text(0)?,
        alert: row.text(1)?,
        body: row.text(2)?,
        created_millis: row.int(3)?,
        attempts: row.int(4)?,
        next_millis: row.int(5)?,
        claimed_until: row.int(6)?,
    })
}
