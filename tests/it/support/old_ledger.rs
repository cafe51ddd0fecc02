//! A ledger as an earlier version left it: the first three migrations, and many entries.

use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

const MIGRATIONS: [(&str, &str); 3] = [
    ("entries", include_str!("../../../src/record/migrations/0001_entries.sql")),
    ("held", include_str!("../../../src/record/migrations/0002_held.sql")),
    ("money", include_str!("../../../src/record/migrations/0003_money.sql")),
];

/// 2026-08-01 00:00:00 UTC, when the first of the entries arrived.
pub const FIRST_MILLIS: i64 = 1_785_542_400_000;

/// Makes the file with so many entries, spread over 90 days.
pub fn make(path: &Path, entries: u64) {
    let ledger = Connection::open(path).expect("a file");
    let table = "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, \
                 at_millis INTEGER NOT NULL) STRICT; PRAGMA journal_mode = wal; PRAGMA synchronous = off;";
    ledger.execute_batch(table).expect("a table");
    for (version, (name, sql)) in (1..).zip(MIGRATIONS) {
        ledger.execute_batch(sql).expect("tables");
        let checksum: String = Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        ledger.execute("INSERT INTO migrations VALUES (?, ?, ?, 0)", (version, name, checksum)).expect("noted");
        ledger.pragma_update(None, "user_version", version).expect("noted");
    }
    ledger.execute_batch(&filling(entries)).expect("entries");
}

/// Entries of 200 engineers in 20 teams at work on 400 branches, as SQL: a million take seconds.
fn filling(entries: u64) -> String {
    let facts = "x".repeat(500);
    format!(
        r#"BEGIN;
        WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {entries})
        INSERT INTO entries (id, at_millis, door, dialect, key, engineer, team, feature, app, requested_model, rule, tier,
            endpoint, model, tags, risk, kind, content, tokens_low, tokens_expected, tokens_high, input, cache_read,
            cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, image, usage_source,
            service_tier, price_version, cost_pico, baseline_pico, status, ending, streamed, attempts, total_us,
            first_byte_us, overhead_us, request_bytes, response_bytes, rules_version, facts, decision)
        SELECT randomblob(16), {FIRST_MILLIS} + i * 7776000000 / {entries}, '/v1/chat/completions', 'openai-chat',
            'key-' || (i * 7919 % 20), 'engineer-' || (i * 7919 % 200), 'team-' || (i * 7919 % 20),
            'feature-' || (i * 104729 % 40), 'codex', 'auto', 'rule-' || (i % 3), CASE i % 3 WHEN 0 THEN 'large' ELSE 'cheap' END,
            'endpoint-' || (i % 3), 'model-' || (i % 3), 'money', 'medium', 'bugfix', '', 1900, 2000, 2100, 1200, 800,
            0, 0, 300, 50, 0, 0, 0, 'provider', 'default', 'genai-prices', CASE WHEN i % 50 = 0 THEN NULL ELSE i % 9000 END,
            10000, 200, 'complete', i % 2, 1, abs(random() % 20000000), 300000, 180, 8192, 2048, '0123456789ab',
            '{{"text":"{facts}"}}', '{{"tier":"cheap"}}'
        FROM n;
        INSERT INTO attempts SELECT seq, 1, endpoint, tier, model, 200, total_us, 200, 'ok', NULL FROM entries;
        COMMIT;"#
    )
}
