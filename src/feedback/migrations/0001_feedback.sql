-- What callers say of answers: the last word on each request. What the ledger says of the request stands beside it, so
-- that shares can be told by rule, tier and endpoint without the ledger. Times are milliseconds since 1970 UTC.
CREATE TABLE feedback (
    request_id  TEXT PRIMARY KEY,
    rating      TEXT NOT NULL,      -- good or bad
    reason      TEXT,               -- in the words of whoever told; NULL unless routes.toml keeps reasons
    told_by     TEXT NOT NULL,      -- caller, or the name of an admin token
    told_millis BIGINT NOT NULL,    -- when the last word was said
    at_millis   BIGINT NOT NULL,    -- when the request arrived
    key         TEXT,
    engineer    TEXT,
    team        TEXT,
    feature     TEXT,
    app         TEXT,
    rule        TEXT,
    tier        TEXT,
    endpoint    TEXT,
    model       TEXT
);

CREATE INDEX feedback_by_time ON feedback (at_millis);
