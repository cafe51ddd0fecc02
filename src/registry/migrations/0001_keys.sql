-- One row, whose number goes up with every change: whoever saw this number has seen everything.
CREATE TABLE registry_state (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO registry_state (id, version) VALUES (1, 0);

CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    grants TEXT NOT NULL,          -- JSON: whose it is, what it may do, until when
    old_sha256 TEXT,               -- the secret before the last rotation
    old_until_millis BIGINT,       -- from then on it is refused
    created_by TEXT NOT NULL,
    created_millis BIGINT NOT NULL,
    rotated_by TEXT,
    rotated_millis BIGINT,
    revoked_by TEXT,
    revoked_millis BIGINT
);

CREATE TABLE admin_tokens (
    name TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    role TEXT NOT NULL,
    expires_millis BIGINT,
    created_by TEXT NOT NULL,
    created_millis BIGINT NOT NULL,
    revoked_by TEXT,
    revoked_millis BIGINT
);

-- Keys and admin tokens of routes.toml that are refused although the file has them.
CREATE TABLE revocations (
    kind TEXT NOT NULL,            -- key, token
    name TEXT NOT NULL,
    revoked_by TEXT NOT NULL,
    revoked_millis BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE budget_overrides (
    id BIGINT PRIMARY KEY,
    budget TEXT NOT NULL,
    limit_pico TEXT NOT NULL,      -- whole pico-dollars
    from_millis BIGINT NOT NULL,
    until_millis BIGINT NOT NULL,
    why TEXT NOT NULL,
    owner TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_millis BIGINT NOT NULL
);

CREATE TABLE audit (
    id BIGINT PRIMARY KEY,         -- the version that the change made
    at_millis BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT
);
CREATE INDEX audit_at ON audit (at_millis);
