-- +goose Up
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE sessions (
    key                    INTEGER PRIMARY KEY,
    id                     TEXT NOT NULL UNIQUE,
    namespace              TEXT NOT NULL,
    tag                    TEXT NOT NULL,
    seq                    INTEGER NOT NULL DEFAULT 0,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL,
    active                 INTEGER NOT NULL DEFAULT 0,
    active_at              INTEGER NOT NULL,
    metadata               TEXT,
    metadata_version       INTEGER NOT NULL DEFAULT 1,
    agent_state            TEXT,
    agent_state_version    INTEGER NOT NULL DEFAULT 1,
    todos                  TEXT,
    todos_updated_at       INTEGER NOT NULL DEFAULT 0,
    team_state             TEXT,
    team_state_updated_at  INTEGER NOT NULL DEFAULT 0,
    model                  TEXT,
    model_reasoning_effort TEXT,
    effort                 TEXT,
    service_tier           TEXT,
    pin                    TEXT NOT NULL DEFAULT 'none',
    epoch                  INTEGER NOT NULL DEFAULT 0,
    change                 INTEGER NOT NULL
);
CREATE UNIQUE INDEX sessions_tag ON sessions (namespace, tag);
CREATE INDEX sessions_change ON sessions (change);

CREATE TABLE machines (
    id                   TEXT PRIMARY KEY,
    namespace            TEXT NOT NULL,
    seq                  INTEGER NOT NULL DEFAULT 0,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    active               INTEGER NOT NULL DEFAULT 0,
    active_at            INTEGER NOT NULL,
    metadata             TEXT,
    metadata_version     INTEGER NOT NULL DEFAULT 1,
    runner_state         TEXT,
    runner_state_version INTEGER NOT NULL DEFAULT 1,
    change               INTEGER NOT NULL
);
CREATE INDEX machines_change ON machines (change);

-- position is coalesce(invoked_at, created_at): where the row stands in the conversation.
CREATE TABLE messages (
    key            INTEGER PRIMARY KEY,
    session_key    INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    id             TEXT NOT NULL,
    local_id       TEXT,
    client_key     TEXT,
    content        TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    invoked_at     INTEGER,
    scheduled_at   INTEGER,
    delivery_state TEXT NOT NULL DEFAULT 'queued',
    change         INTEGER NOT NULL
);
CREATE UNIQUE INDEX messages_seq ON messages (session_key, seq);
CREATE INDEX messages_position ON messages (session_key, position, seq);
CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE UNIQUE INDEX messages_local_id ON messages (session_key, local_id) WHERE local_id IS NOT NULL;
CREATE UNIQUE INDEX messages_client_key ON messages (session_key, client_key) WHERE client_key IS NOT NULL;
CREATE INDEX messages_pending ON messages (session_key, seq) WHERE local_id IS NOT NULL AND invoked_at IS NULL;
CREATE INDEX messages_scheduled ON messages (scheduled_at) WHERE scheduled_at IS NOT NULL AND invoked_at IS NULL;
CREATE INDEX messages_change ON messages (change);

-- What was deleted, so that a client that comes back learns of it.
CREATE TABLE tombstones (
    change     INTEGER NOT NULL,
    kind       TEXT NOT NULL, -- session, message
    namespace  TEXT NOT NULL,
    session_id TEXT NOT NULL,
    message_id TEXT NOT NULL DEFAULT '',
    local_id   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX tombstones_change ON tombstones (change);
