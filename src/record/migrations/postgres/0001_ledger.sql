-- The ledger of many replicas. Columns mean what they mean in each replica's SQLite file, whose entries are shipped here.
-- JSON is kept as it came (`json`, not `jsonb`): it is written once and seldom read, and may hold characters that `jsonb`
-- refuses.
CREATE TABLE entries (
    day                  DATE NOT NULL,
    id                   UUID NOT NULL,
    replica              TEXT NOT NULL,
    seq                  BIGINT NOT NULL,
    at_millis            BIGINT NOT NULL,
    door                 TEXT NOT NULL,
    dialect              TEXT,
    key                  TEXT,
    engineer             TEXT,
    team                 TEXT,
    feature              TEXT,
    branch               TEXT,
    pull_request         TEXT,
    app                  TEXT NOT NULL,
    requested_model      TEXT,
    rule                 TEXT,
    tier                 TEXT,
    endpoint             TEXT,
    model                TEXT,
    tags                 TEXT,
    risk                 TEXT,
    kind                 TEXT,
    content              TEXT,
    tokens_low           BIGINT,
    tokens_expected      BIGINT,
    tokens_high          BIGINT,
    input                BIGINT,
    cache_read           BIGINT,
    cache_write_5m       BIGINT,
    cache_write_1h       BIGINT,
    output               BIGINT,
    reasoning            BIGINT,
    audio_input          BIGINT,
    audio_output         BIGINT,
    image                BIGINT,
    web_searches         BIGINT,
    usage_source         TEXT,
    service_tier         TEXT,
    price_version        TEXT,
    cost_pico            BIGINT,
    baseline_pico        BIGINT,
    reserved_pico        BIGINT,
    provider_cost_pico   BIGINT,
    first_cost_pico      BIGINT,
    first_price_version  TEXT,
    status               BIGINT NOT NULL,
    ending               TEXT NOT NULL,
    failure              TEXT,
    fault                TEXT,
    streamed             BOOLEAN NOT NULL,
    attempts             BIGINT NOT NULL,
    total_us             BIGINT NOT NULL,
    first_byte_us        BIGINT,
    overhead_us          BIGINT NOT NULL,
    request_bytes        BIGINT NOT NULL,
    response_bytes       BIGINT NOT NULL,
    rules_version        TEXT NOT NULL,
    facts                JSON,
    evidence             JSON,
    decision             JSON,
    PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);

CREATE TABLE attempts (
    day                  DATE NOT NULL,
    entry                UUID NOT NULL,
    place                BIGINT NOT NULL,
    endpoint             TEXT NOT NULL,
    tier                 TEXT,
    model                TEXT NOT NULL,
    started_us           BIGINT NOT NULL,
    duration_us          BIGINT NOT NULL,
    status               BIGINT,
    outcome              TEXT NOT NULL,
    provider_request_id  TEXT,
    PRIMARY KEY (day, entry, place)
) PARTITION BY RANGE (day);

-- What belongs to no day that has a partition: clocks that were wrong. Nothing is refused for its date.
CREATE TABLE entries_default PARTITION OF entries DEFAULT;
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;

-- Entries come about in the order of their time, so a few bytes for each range of pages find an hour.
CREATE INDEX entries_at ON entries USING brin (at_millis) WITH (pages_per_range = 16);
CREATE INDEX entries_branch ON entries (branch, at_millis) WHERE branch IS NOT NULL;
CREATE INDEX entries_pull_request ON entries (pull_request, at_millis) WHERE pull_request IS NOT NULL;

-- What entries add up to; lines of the same transaction as the entries, so they are always exact. Hours keep replicas
-- apart, days do not.
CREATE TABLE rollup_hours (
    start                BIGINT NOT NULL,  -- its beginning, in milliseconds since 1970 UTC
    cell                 BYTEA NOT NULL,  -- a digest of what its entries have in common
    replica              TEXT NOT NULL,
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
    requests             BIGINT NOT NULL,
    refused              BIGINT NOT NULL,
    failed               BIGINT NOT NULL,
    attempts             BIGINT NOT NULL,
    unpriced             BIGINT NOT NULL,
    estimated            BIGINT NOT NULL,
    priced               BIGINT NOT NULL,  -- requests whose cost is known, and so on: where it is 0 the amount is not known
    baselined            BIGINT NOT NULL,
    saved                BIGINT NOT NULL,
    reserving            BIGINT NOT NULL,
    compared             BIGINT NOT NULL,
    tokens_in            NUMERIC NOT NULL,
    tokens_cached        NUMERIC NOT NULL,
    tokens_written       NUMERIC NOT NULL,
    tokens_out           NUMERIC NOT NULL,
    tokens_reasoning     NUMERIC NOT NULL,
    cost_pico            NUMERIC NOT NULL,
    baseline_pico        NUMERIC NOT NULL,
    savings_pico         NUMERIC NOT NULL,
    reserved_pico        NUMERIC NOT NULL,
    provider_cost_pico   NUMERIC NOT NULL,
    compared_cost_pico   NUMERIC NOT NULL,  -- our cost of the requests whose cost the provider tells
    latency              BYTEA NOT NULL,  -- pairs of bucket and count, each seven bits a byte
    PRIMARY KEY (start, cell)
);

CREATE TABLE rollup_days (
    start                BIGINT NOT NULL,  -- its beginning, in milliseconds since 1970 UTC
    cell                 BYTEA NOT NULL,  -- a digest of what its entries have in common
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
    requests             BIGINT NOT NULL,
    refused              BIGINT NOT NULL,
    failed               BIGINT NOT NULL,
    attempts             BIGINT NOT NULL,
    unpriced             BIGINT NOT NULL,
    estimated            BIGINT NOT NULL,
    priced               BIGINT NOT NULL,  -- requests whose cost is known, and so on: where it is 0 the amount is not known
    baselined            BIGINT NOT NULL,
    saved                BIGINT NOT NULL,
    reserving            BIGINT NOT NULL,
    compared             BIGINT NOT NULL,
    tokens_in            NUMERIC NOT NULL,
    tokens_cached        NUMERIC NOT NULL,
    tokens_written       NUMERIC NOT NULL,
    tokens_out           NUMERIC NOT NULL,
    tokens_reasoning     NUMERIC NOT NULL,
    cost_pico            NUMERIC NOT NULL,
    baseline_pico        NUMERIC NOT NULL,
    savings_pico         NUMERIC NOT NULL,
    reserved_pico        NUMERIC NOT NULL,
    provider_cost_pico   NUMERIC NOT NULL,
    compared_cost_pico   NUMERIC NOT NULL,  -- our cost of the requests whose cost the provider tells
    latency              BYTEA NOT NULL,  -- pairs of bucket and count, each seven bits a byte
    PRIMARY KEY (start, cell)
);

CREATE TABLE ledger_meta (
    name   TEXT PRIMARY KEY,
    value  BIGINT NOT NULL  -- kept_since: entries before it were dropped, their sums stay
);

-- For people with psql: readable times and dollars. Dollars are rounded here; sum cost_pico for exact figures.
CREATE VIEW spend AS
SELECT id, to_timestamp(at_millis / 1000.0) AS at, day, engineer, team, feature, branch, pull_request, app, key,
       requested_model, rule, tier, endpoint, model, tags, risk, kind,
       input::numeric + cache_read + cache_write_5m + cache_write_1h + audio_input + image AS tokens_in,
       cache_read AS tokens_cached,
       output::numeric + reasoning + audio_output AS tokens_out,
       cost_pico / 1e12 AS cost_usd,
       baseline_pico / 1e12 AS baseline_usd,
       (baseline_pico::numeric - cost_pico) / 1e12 AS saved_usd,
       input IS NOT NULL AND cost_pico IS NULL AS unpriced,
       usage_source, status, ending, failure, fault, attempts,
       total_us / 1e3 AS total_ms, first_byte_us / 1e3 AS first_byte_ms, overhead_us / 1e3 AS overhead_ms
FROM entries;
