-- What shipped. Times are milliseconds since 1970 UTC. Engineer, team and feature are what was told; what the
-- configuration makes of author and branch is worked out when outcomes are read.
CREATE TABLE outcomes (
    kind         TEXT NOT NULL,
    id           TEXT NOT NULL,
    source       TEXT NOT NULL,
    at_millis    BIGINT NOT NULL,
    repository   TEXT,
    branch       TEXT,
    pull_request TEXT,
    author       TEXT,
    engineer     TEXT,
    team         TEXT,
    feature      TEXT,
    weight       BIGINT NOT NULL,
    told_millis  BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE INDEX outcomes_by_time ON outcomes (at_millis);

-- Deliveries of webhooks that were taken, so that one that is delivered again is known as such.
CREATE TABLE deliveries (
    id        TEXT PRIMARY KEY,
    at_millis BIGINT NOT NULL
);

-- Alerts and their state. `episode` counts how often one has fired; who moves it on has to know the last.
CREATE TABLE alerts (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    firing         BIGINT NOT NULL,
    episode        BIGINT NOT NULL,
    since_millis   BIGINT NOT NULL,
    cleared_millis BIGINT,
    seen_millis    BIGINT NOT NULL,
    until_millis   BIGINT,
    summary        TEXT NOT NULL
);

CREATE INDEX alerts_firing ON alerts (firing);

-- Messages about alerts, to be sent once each. A sender claims one for a while; a claim that has run out is void.
CREATE TABLE messages (
    id              TEXT PRIMARY KEY,
    alert           TEXT NOT NULL,
    place           BIGINT NOT NULL,
    body            TEXT NOT NULL,
    created_millis  BIGINT NOT NULL,
    attempts        BIGINT NOT NULL,
    next_millis     BIGINT NOT NULL,
    claim           TEXT,
    claimed_until   BIGINT NOT NULL,
    sent_millis     BIGINT,
    given_up_millis BIGINT,
    problem         TEXT
);

CREATE INDEX messages_waiting ON messages (sent_millis, given_up_millis, next_millis);
