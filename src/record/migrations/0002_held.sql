-- Which endpoint holds what later requests go on from: the responses that a provider keeps under an id. Read when the
-- process starts; the request path never asks it.
CREATE TABLE held (
    mark INTEGER PRIMARY KEY,  -- the first 63 bits of the SHA-256 of the id
    endpoint TEXT NOT NULL,
    key TEXT,                  -- the caller it was given to; NULL where there are no keys
    open INTEGER NOT NULL,     -- 1: the answer was still being made, and its usage has not been told
    at_millis INTEGER NOT NULL -- milliseconds since 1970 UTC
) STRICT;

CREATE INDEX held_by_time ON held (at_millis);
