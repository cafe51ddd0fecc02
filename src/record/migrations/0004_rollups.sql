-- What entries add up to, by hour and by day, so that a report over months reads thousands of lines and not millions. They
-- are brought up to date beside the requests, from the entry after the last that is in them; nothing is computed here, so
-- this takes no longer for a large ledger than for an empty one.
CREATE TABLE rollup_hours (
    start                INTEGER NOT NULL,  -- its beginning, in milliseconds since 1970 UTC
    cell                 BLOB NOT NULL CHECK (length(cell) = 16),  -- a digest of what its entries have in common
    key                  TEXT,
    engineer             TEXT,
    team                 TEXT,
    feature              TEXT,
    branch               TEXT,
    pull_request         TEXT,
    app                  TEXT,
    rule                 TEXT,
    tier                 TEXT,
    endpoint             TEXT,
    model                TEXT,
    escalated            TEXT,  -- yes: another tier answered than the rule's; no; NULL: nothing was decided
    requests             INTEGER NOT NULL,
    refused              INTEGER NOT NULL,
    failed               INTEGER NOT NULL,
    attempts             INTEGER NOT NULL,
    unpriced             INTEGER NOT NULL,
    estimated            INTEGER NOT NULL,
    priced               INTEGER NOT NULL,  -- requests whose cost is known, and so on: where it is 0 the amount is not known
    baselined            INTEGER NOT NULL,
    saved                INTEGER NOT NULL,
    reserving            INTEGER NOT NULL,
    compared             INTEGER NOT NULL,
    tokens_in            ANY NOT NULL,  -- sums: whole numbers; as digits where 64 bits do not hold them
    tokens_cached        ANY NOT NULL,
    tokens_written       ANY NOT NULL,
    tokens_out           ANY NOT NULL,
    tokens_reasoning     ANY NOT NULL,
    cost_pico            ANY NOT NULL,
    baseline_pico        ANY NOT NULL,
    savings_pico         ANY NOT NULL,
    reserved_pico        ANY NOT NULL,
    provider_cost_pico   ANY NOT NULL,
    compared_cost_pico   ANY NOT NULL,  -- our cost of the requests whose cost the provider tells
    latency              BLOB NOT NULL,  -- pairs of bucket and count, each seven bits a byte
    PRIMARY KEY (start, cell)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_days (
    start                INTEGER NOT NULL,  -- its beginning, in milliseconds since 1970 UTC
    cell                 BLOB NOT NULL CHECK (length(cell) = 16),  -- a digest of what its entries have in common
    key                  TEXT,
    engineer             TEXT,
    team                 TEXT,
    feature              TEXT,
    branch               TEXT,
    pull_request         TEXT,
    app                  TEXT,
    rule                 TEXT,
    tier                 TEXT,
    endpoint             TEXT,
    model                TEXT,
    escalated            TEXT,  -- yes: another tier answered than the rule's; no; NULL: nothing was decided
    requests             INTEGER NOT NULL,
    refused              INTEGER NOT NULL,
    failed               INTEGER NOT NULL,
    attempts             INTEGER NOT NULL,
    unpriced             INTEGER NOT NULL,
    estimated            INTEGER NOT NULL,
    priced               INTEGER NOT NULL,  -- requests whose cost is known, and so on: where it is 0 the amount is not known
    baselined            INTEGER NOT NULL,
    saved                INTEGER NOT NULL,
    reserving            INTEGER NOT NULL,
    compared             INTEGER NOT NULL,
    tokens_in            ANY NOT NULL,  -- sums: whole numbers; as digits where 64 bits do not hold them
    tokens_cached        ANY NOT NULL,
    tokens_written       ANY NOT NULL,
    tokens_out           ANY NOT NULL,
    tokens_reasoning     ANY NOT NULL,
    cost_pico            ANY NOT NULL,
    baseline_pico        ANY NOT NULL,
    savings_pico         ANY NOT NULL,
    reserved_pico        ANY NOT NULL,
    provider_cost_pico   ANY NOT NULL,
    compared_cost_pico   ANY NOT NULL,  -- our cost of the requests whose cost the provider tells
    latency              BLOB NOT NULL,  -- pairs of bucket and count, each seven bits a byte
    PRIMARY KEY (start, cell)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_meta (
    name   TEXT PRIMARY KEY,  -- replica; rolled, shipped: the last entry that is in the rollups, in PostgreSQL
    value  ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Entries that PostgreSQL would not take. They stay here.
CREATE TABLE set_aside (
    seq        INTEGER PRIMARY KEY,
    reason     TEXT NOT NULL,
    at_millis  INTEGER NOT NULL
) STRICT;
