-- What is known of experiments while they run. A run is an experiment's name and the moment from which it draws arms.
-- Times are milliseconds since 1970 UTC.
CREATE TABLE experiment_ends (
    experiment   TEXT NOT NULL,
    from_millis  BIGINT NOT NULL,
    over         TEXT NOT NULL,     -- spend, guard or stopped
    detail       TEXT NOT NULL,
    ended_millis BIGINT NOT NULL,
    PRIMARY KEY (experiment, from_millis)
);

-- What each replica's own ledger adds up to, and how far it was added up; written together.
CREATE TABLE experiment_sums (
    experiment  TEXT NOT NULL,
    from_millis BIGINT NOT NULL,
    arm         TEXT NOT NULL,
    replica     TEXT NOT NULL,
    requests    BIGINT NOT NULL,
    failures    BIGINT NOT NULL,
    escalations BIGINT NOT NULL,
    unpriced    BIGINT NOT NULL,    -- requests whose cost, or whose cost on the control, is not known
    cost_pico   BIGINT NOT NULL,
    extra_pico  BIGINT NOT NULL,    -- cost less what control would have cost for the same usage
    PRIMARY KEY (experiment, from_millis, arm, replica)
);

CREATE TABLE experiment_marks (
    replica TEXT PRIMARY KEY,
    seq     BIGINT NOT NULL
);

-- How often a guard has looked: each look may err, so each has a part of what may be erred in all.
CREATE TABLE experiment_looks (
    experiment  TEXT NOT NULL,
    from_millis BIGINT NOT NULL,
    looks       BIGINT NOT NULL,
    PRIMARY KEY (experiment, from_millis)
);
