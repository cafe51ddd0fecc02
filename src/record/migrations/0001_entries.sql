-- One line for each request that ended. Times are milliseconds since 1970 UTC or microseconds from arrival, money is
-- whole pico-dollars (10^-12 USD), and NULL means "not known" or "there was none", never 0.
CREATE TABLE entries (
    seq              INTEGER PRIMARY KEY,        -- the order in which entries were written
    id               BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    at_millis        INTEGER NOT NULL,
    day              TEXT GENERATED ALWAYS AS (date(at_millis / 1000, 'unixepoch')) VIRTUAL,
    door             TEXT NOT NULL,
    dialect          TEXT,
    key              TEXT,
    engineer         TEXT,
    team             TEXT,
    feature          TEXT,
    app              TEXT NOT NULL,
    requested_model  TEXT,
    rule             TEXT,
    tier             TEXT,
    endpoint         TEXT,
    model            TEXT,
    tags             TEXT,                       -- words with commas between them
    risk             TEXT,
    kind             TEXT,
    content          TEXT,                       -- words with commas between them
    tokens_low       INTEGER,                    -- the prompt, as assessed
    tokens_expected  INTEGER,
    tokens_high      INTEGER,
    input            INTEGER,                    -- usage: disjoint buckets, all NULL if nothing was used
    cache_read       INTEGER,
    cache_write_5m   INTEGER,
    cache_write_1h   INTEGER,
    output           INTEGER,
    reasoning        INTEGER,
    audio_input      INTEGER,
    audio_output     INTEGER,
    image            INTEGER,
    usage_source     TEXT,                       -- provider, estimated
    service_tier     TEXT,
    price_version    TEXT,
    cost_pico        INTEGER,                    -- NULL with usage: unpriced
    baseline_pico    INTEGER,
    status           INTEGER NOT NULL,
    ending           TEXT NOT NULL,
    failure          TEXT,
    fault            TEXT,
    streamed         INTEGER NOT NULL CHECK (streamed IN (0, 1)),
    attempts         INTEGER NOT NULL,
    total_us         INTEGER NOT NULL,
    first_byte_us    INTEGER,
    overhead_us      INTEGER NOT NULL,
    request_bytes    INTEGER NOT NULL,
    response_bytes   INTEGER NOT NULL,
    rules_version    TEXT NOT NULL,
    facts            TEXT,                       -- JSON: what the rules saw
    evidence         TEXT,                       -- JSON: why the assessment says what it says
    decision         TEXT                        -- JSON: where it went and why
) STRICT;

CREATE INDEX entries_at ON entries (at_millis);

-- One line for each try at an endpoint.
CREATE TABLE attempts (
    entry                INTEGER NOT NULL REFERENCES entries (seq),
    place                INTEGER NOT NULL,       -- 1 is the first try
    endpoint             TEXT NOT NULL,
    tier                 TEXT,
    model                TEXT NOT NULL,
    started_us           INTEGER NOT NULL,       -- from the request's arrival
    duration_us          INTEGER NOT NULL,
    status               INTEGER,
    outcome              TEXT NOT NULL,
    provider_request_id  TEXT,
    PRIMARY KEY (entry, place)
) STRICT, WITHOUT ROWID;

-- For people with sqlite3: readable times and dollars. Dollars are rounded here; sum cost_pico for exact figures.
CREATE VIEW spend AS
SELECT lower(hex(id)) AS id,
       strftime('%Y-%m-%dT%H:%M:%fZ', at_millis / 1000.0, 'unixepoch') AS at,
       day, engineer, team, feature, app, key, requested_model, rule, tier, endpoint, model, tags, risk, kind,
       input + cache_read + cache_write_5m + cache_write_1h + audio_input + image AS tokens_in,
       cache_read AS tokens_cached,
       output + reasoning + audio_output AS tokens_out,
       cost_pico / 1e12 AS cost_usd,
       baseline_pico / 1e12 AS baseline_usd,
       (baseline_pico - cost_pico) / 1e12 AS saved_usd,
       input IS NOT NULL AND cost_pico IS NULL AS unpriced,
       usage_source, status, ending, failure, fault, attempts,
       total_us / 1e3 AS total_ms, first_byte_us / 1e3 AS first_byte_ms, overhead_us / 1e3 AS overhead_ms
FROM entries;
