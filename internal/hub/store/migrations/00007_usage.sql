-- +goose Up
-- What agents used, one row for each request to a model. The key makes reading
-- the same message again harmless.
CREATE TABLE usage_events (
    namespace   TEXT NOT NULL,
    key         TEXT NOT NULL,
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    message_key INTEGER NOT NULL, -- the order in which they were said
    at          INTEGER NOT NULL,
    agent       TEXT NOT NULL,
    model       TEXT NOT NULL,
    input       INTEGER NOT NULL, -- includes what was cached
    output      INTEGER NOT NULL,
    cache_read  INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    requests    INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;
CREATE INDEX usage_events_at ON usage_events (namespace, at);
CREATE INDEX usage_events_session ON usage_events (session_key, message_key);

-- The latest totals of agents that report running totals.
CREATE TABLE usage_totals (
    namespace   TEXT NOT NULL,
    stream      TEXT NOT NULL,
    input       INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    cache_read  INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    PRIMARY KEY (namespace, stream)
) WITHOUT ROWID;
