-- What verifications found, and what was paid for answers that went to nobody. Adding columns touches no row, and the table is
-- new, so this takes no longer for a large ledger than for an empty one.
ALTER TABLE attempts ADD COLUMN verdict TEXT;               -- passed, failed, late; NULL: not verified, or not to its end
ALTER TABLE attempts ADD COLUMN failed_check TEXT;          -- what it failed
ALTER TABLE entries ADD COLUMN straight_pico INTEGER;       -- verified: its answer's cost on the tier that it escalates to

-- One line for each answer that was paid for and thrown away. What it used and cost is part of the entry's sums. Names differ
-- from those of entries where both are asked together.
CREATE TABLE discarded (
    entry                INTEGER NOT NULL REFERENCES entries (seq),
    place                INTEGER NOT NULL,       -- of its attempt
    entry_millis         INTEGER NOT NULL,       -- the entry's at_millis
    of_endpoint          TEXT NOT NULL,
    of_tier              TEXT,
    of_model             TEXT NOT NULL,
    reason               TEXT NOT NULL,          -- the check that it failed; abandoned: its caller hung up while it was judged
    input                INTEGER NOT NULL,
    cache_read           INTEGER NOT NULL,
    cache_write_5m       INTEGER NOT NULL,
    cache_write_1h       INTEGER NOT NULL,
    output               INTEGER NOT NULL,
    reasoning            INTEGER NOT NULL,
    audio_input          INTEGER NOT NULL,
    audio_output         INTEGER NOT NULL,
    image                INTEGER NOT NULL,
    web_searches         INTEGER NOT NULL,
    usage_source         TEXT NOT NULL,
    service_tier         TEXT,
    price_version        TEXT NOT NULL,
    cost_pico            INTEGER,                -- NULL: unpriced, and then the entry's cost is, too
    provider_cost_pico   INTEGER,
    first_cost_pico      INTEGER,
    first_price_version  TEXT,
    PRIMARY KEY (entry, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX discarded_at ON discarded (entry_millis);

ALTER TABLE rollup_hours ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0;      -- answers that failed and were thrown away
ALTER TABLE rollup_hours ADD COLUMN verified INTEGER NOT NULL DEFAULT 0;       -- requests whose straight_pico and cost are known
ALTER TABLE rollup_hours ADD COLUMN discarded_pico ANY NOT NULL DEFAULT 0;
ALTER TABLE rollup_hours ADD COLUMN straight_pico ANY NOT NULL DEFAULT 0;
ALTER TABLE rollup_hours ADD COLUMN verified_cost_pico ANY NOT NULL DEFAULT 0; -- what those requests cost
ALTER TABLE rollup_days ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN verified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN discarded_pico ANY NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN straight_pico ANY NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN verified_cost_pico ANY NOT NULL DEFAULT 0;
