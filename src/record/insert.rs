//! An entry, written into its tables.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, ToSql, params};
use serde::Serialize;

use super::entry::{Attempt, Charge, Entry};
use crate::domain::{Check, Dialect, Fault, Pico, UsageSource, Verdict};

/// Entries whose id is there already are left alone, so a group may be written again after a commit that ended unclearly.
const INSERT_ENTRY: &str = "INSERT INTO entries (
    id, at_millis, door, dialect, key, engineer, team, feature, app, requested_model,
    rule, tier, endpoint, model, tags, risk, kind, content, tokens_low, tokens_expected,
    tokens_high, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, image,
    usage_source, service_tier, price_version, cost_pico, baseline_pico, status, ending, failure, fault, streamed,
    attempts, total_us, first_byte_us, overhead_us, request_bytes, response_bytes, rules_version, facts, evidence, decision,
    branch, pull_request, reserved_pico, provider_cost_pico, web_searches, straight_pico)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,  ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,  ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
            ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,  ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,  ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING";

const INSERT_ATTEMPT: &str = "INSERT INTO attempts (
    entry, place, endpoint, tier, model, started_us, duration_us, status, outcome, provider_request_id, verdict,
    failed_check)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const INSERT_DISCARDED: &str = "INSERT INTO discarded (
    entry, place, entry_millis, of_endpoint, of_tier, of_model, reason, input, cache_read, cache_write_5m, cache_write_1h,
    output, reasoning, audio_input, audio_output, image, web_searches, usage_source, service_tier, price_version,
    cost_pico, provider_cost_pico)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const INSERT_HELD: &str = "INSERT OR REPLACE INTO held (mark, endpoint, key, open, at_millis) VALUES (?, ?, ?, ?, ?)";

/// Why an answer was discarded whose caller hung up while it was judged.
pub const ABANDONED: &str = "abandoned";

/// Text that is needed while a row is bound; kept from row to row, so that writing allocates nothing.
#[derive(Default)]
pub struct Scratch {
    facts: Vec<u8>,
    evidence: Vec<u8>,
    decision: Vec<u8>,
}

/// Writes one entry and its attempts. Whether it was new.
///
/// # Errors
/// What SQLite says. The entry is then either not there at all, or there without attempts until the transaction ends.
pub fn insert(connection: &Connection, entry: &Entry, scratch: &mut Scratch) -> rusqlite::Result<bool> {
    if !insert_entry(connection, entry, scratch)? {
        return Ok(false);
    }
    let seq = connection.last_insert_rowid();
    for (place, attempt) in (1_i64..).zip(&entry.attempts) {
        insert_attempt(connection, seq, place, attempt)?;
        if let Some(charge) = &attempt.charge {
            insert_discarded(connection, (seq, place, entry.at_millis), attempt, charge)?;
        }
    }
    insert_held(connection, entry)?;
    Ok(true)
}

fn insert_entry(connection: &Connection, entry: &Entry, scratch: &mut Scratch) -> rusqlite::Result<bool> {
    let facts = entry.facts.as_deref();
    let decision = entry.decision.as_deref();
    let usage = entry.usage.as_ref();
    let words = facts.map(|facts| (facts.tags.to_string(), facts.content.to_string()));
    let evidence = (!entry.evidence.is_empty()).then_some(&entry.evidence);
    let mut statement = connection.prepare_cached(INSERT_ENTRY)?;
    let changed = statement.execute(params![
        entry.id.as_bytes(),
        Whole(entry.at_millis),
        entry.door,
        entry.dialect.map(Dialect::as_str),
        entry.key.as_ref().map(|key| key.as_str()),
        entry.engineer.as_ref().map(|label| label.as_str()),
        entry.team.as_ref().map(|label| label.as_str()),
        entry.feature.as_ref().map(|label| label.as_str()),
        entry.app.as_str(),
        facts.map(|facts| facts.requested_model.as_str()),
        decision.and_then(|decision| decision.rule.as_ref()).map(|rule| rule.as_str()),
        entry.tier.as_ref().or(decision.and_then(|decision| decision.tier.as_ref())).map(|tier| tier.as_str()),
        entry.endpoint.as_ref().map(|endpoint| endpoint.as_str()),
        entry.model.as_deref(),
        words.as_ref().map(|(tags, _)| tags.as_str()),
        facts.map(|facts| facts.risk.as_str()),
        facts.map(|facts| facts.kind.as_str()),
        words.as_ref().map(|(_, content)| content.as_str()),
        facts.map(|facts| Whole(facts.tokens.low)),
        facts.map(|facts| Whole(facts.tokens.expected)),
        facts.map(|facts| Whole(facts.tokens.high)),
        usage.map(|usage| Whole(usage.input)),
        usage.map(|usage| Whole(usage.cache_read)),
        usage.map(|usage| Whole(usage.cache_write_5m)),
        usage.map(|usage| Whole(usage.cache_write_1h)),
        usage.map(|usage| Whole(usage.output)),
        usage.map(|usage| Whole(usage.reasoning)),
        usage.map(|usage| Whole(usage.audio_input)),
        usage.map(|usage| Whole(usage.audio_output)),
        usage.map(|usage| Whole(usage.image)),
        entry.usage_source.map(who_counted),
        entry.service_tier.as_deref(),
        entry.price_version.as_deref(),
        entry.cost.map(Pico::saturating_i64),
        entry.baseline.map(Pico::saturating_i64),
        entry.status,
        entry.ending.as_str(),
        entry.failure,
        entry.fault.map(Fault::as_str),
        entry.streamed,
        Whole(entry.attempts.len() as u64),
        Whole(entry.total_us),
        entry.first_byte_us.map(Whole),
        Whole(entry.overhead_us),
        Whole(entry.request_bytes),
        Whole(entry.response_bytes),
        entry.rules_version.as_str(),
        json(facts, &mut scratch.facts),
        json(evidence, &mut scratch.evidence),
        json(decision, &mut scratch.decision),
        entry.branch.as_ref().map(|label| label.as_str()),
        entry.pull_request.as_ref().map(|label| label.as_str()),
        entry.reserved.map(Pico::saturating_i64),
        entry.provider_cost.map(Pico::saturating_i64),
        usage.map(|usage| Whole(usage.web_searches)),
        entry.straight.map(Pico::saturating_i64),
    ])?;
    Ok(changed == 1)
}

fn insert_attempt(connection: &Connection, seq: i64, place: i64, attempt: &Attempt) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT_ATTEMPT)?.execute(params![
        seq,
        place,
        attempt.endpoint.as_str(),
        attempt.tier.as_ref().map(|tier| tier.as_str()),
        &*attempt.model,
        Whole(attempt.started_us),
        Whole(attempt.duration_us),
        attempt.status,
        attempt.outcome,
        attempt.provider_request_id.as_deref(),
        attempt.verdict.map(Verdict::as_str),
        attempt.verdict.and_then(Verdict::check).map(Check::as_str),
    ])?;
    Ok(())
}

fn insert_discarded(
    connection: &Connection,
    (seq, place, at_millis): (i64, i64, u64),
    attempt: &Attempt,
    charge: &Charge,
) -> rusqlite::Result<()> {
    let usage = &charge.usage;
    connection.prepare_cached(INSERT_DISCARDED)?.execute(params![
        seq,
        place,
        Whole(at_millis),
        attempt.endpoint.as_str(),
        attempt.tier.as_ref().map(|tier| tier.as_str()),
        &*attempt.model,
        attempt.verdict.and_then(Verdict::check).map_or(ABANDONED, Check::as_str),
        Whole(usage.input),
        Whole(usage.cache_read),
        Whole(usage.cache_write_5m),
        Whole(usage.cache_write_1h),
        Whole(usage.output),
        Whole(usage.reasoning),
        Whole(usage.audio_input),
        Whole(usage.audio_output),
        Whole(usage.image),
        Whole(usage.web_searches),
        who_counted(charge.source),
        charge.service_tier.as_deref(),
        &*charge.price_version,
        charge.cost.map(Pico::saturating_i64),
        charge.provider_cost.map(Pico::saturating_i64),
    ])?;
    Ok(())
}

/// How long providers keep a response, and so how long it is remembered who has it.
const HELD_DAYS: u64 = 30;

/// Forgets who holds what no provider keeps any more.
///
/// # Errors
/// What SQLite says.
pub fn forget_held(connection: &Connection, now: SystemTime) -> rusqlite::Result<usize> {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let oldest = since_1970.saturating_sub(Duration::from_secs(HELD_DAYS * 86_400)).as_millis() as u64;
    connection.execute("DELETE FROM held WHERE at_millis < ?", [Whole(oldest)])
}

/// What the answer's endpoint holds, if it is remembered.
fn insert_held(connection: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    if let Some(mark) = entry.closes {
        connection.prepare_cached("UPDATE held SET open = 0 WHERE mark = ?")?.execute([Whole(mark.as_u64())])?;
    }
    let Some(endpoint) = entry.endpoint.as_ref().filter(|_| !entry.held.is_empty()) else { return Ok(()) };
    let mut statement = connection.prepare_cached(INSERT_HELD)?;
    for mark in &entry.held {
        let key = entry.key.as_ref().map(|key| key.as_str());
        let row = params![Whole(mark.as_u64()), endpoint.as_str(), key, entry.is_open(), Whole(entry.at_millis)];
        statement.execute(row)?;
    }
    Ok(())
}

fn who_counted(source: UsageSource) -> &'static str {
    match source {
        UsageSource::Provider => "provider",
        UsageSource::Estimated => "estimated",
    }
}

/// A count as SQLite keeps it, in 63 bits; at its bound if it does not fit. An upstream may claim any number of tokens.
struct Whole(u64);

impl ToSql for Whole {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::try_from(self.0).unwrap_or(i64::MAX).into())
    }
}

/// The value as JSON in `text`; `None` if there is no value. An entry is worth more than its explanation, so what cannot
/// be written as JSON is left out and said.
fn json<'t, T: Serialize>(value: Option<&T>, text: &'t mut Vec<u8>) -> Option<&'t str> {
    text.clear();
    if let Err(error) = serde_json::to_writer(&mut *text, value?) {
        tracing::error!(%error, "a part of a ledger entry cannot be written as JSON and is left out");
        return None;
    }
    std::str::from_utf8(text).ok()
}
