-- What verifications found, and what was paid for answers that went to nobody. Columns are added without touching a row, and
-- the table is new: nothing is locked for longer than that takes.
ALTER TABLE attempts ADD COLUMN verdict TEXT;
ALTER TABLE attempts ADD COLUMN failed_check TEXT;
ALTER TABLE entries ADD COLUMN straight_pico BIGINT;

CREATE TABLE discarded (
    entry_day            DATE NOT NULL,
    entry_millis         BIGINT NOT NULL,
    entry                UUID NOT NULL,
    place                BIGINT NOT NULL,
    of_endpoint          TEXT NOT NULL,
    of_tier              TEXT,
    of_model             TEXT NOT NULL,
    reason               TEXT NOT NULL,
    input                BIGINT NOT NULL,
    cache_read           BIGINT NOT NULL,
    cache_write_5m       BIGINT NOT NULL,
    cache_write_1h       BIGINT NOT NULL,
    output               BIGINT NOT NULL,
    reasoning            BIGINT NOT NULL,
    audio_input          BIGINT NOT NULL,
    audio_output         BIGINT NOT NULL,
    image                BIGINT NOT NULL,
    web_searches         BIGINT NOT NULL,
    usage_source         TEXT NOT NULL,
    service_tier         TEXT,
    price_version        TEXT NOT NULL,
    cost_pico            BIGINT,
    provider_cost_pico   BIGINT,
    first_cost_pico      BIGINT,
    first_price_version  TEXT,
    PRIMARY KEY (entry_day, entry, place)
);

CREATE INDEX discarded_at ON discarded (entry_millis);

ALTER TABLE rollup_hours ADD COLUMN discarded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollup_hours ADD COLUMN verified BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollup_hours ADD COLUMN discarded_pico NUMERIC NOT NULL DEFAULT 0;
ALTER TABLE rollup_hours ADD COLUMN straight_pico NUMERIC NOT NULL DEFAULT 0;
ALTER TABLE rollup_hours ADD COLUMN verified_cost_pico NUMERIC NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN discarded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN verified BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN discarded_pico NUMERIC NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN straight_pico NUMERIC NOT NULL DEFAULT 0;
ALTER TABLE rollup_days ADD COLUMN verified_cost_pico NUMERIC NOT NULL DEFAULT 0;
