-- +goose Up

-- What the hub knows of itself: hub_id and change, the last change number given out.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO meta (key, value) VALUES ('change', '0');

CREATE TABLE sessions (
    id                     TEXT PRIMARY KEY,
    namespace              TEXT    NOT NULL,
    tag                    TEXT    NOT NULL,
    seq                    BIGINT  NOT NULL DEFAULT 0,
    created_at             BIGINT  NOT NULL,
    updated_at             BIGINT  NOT NULL,
    pinned                 BOOLEAN NOT NULL DEFAULT FALSE,
    global_pinned          BOOLEAN NOT NULL DEFAULT FALSE,
    active                 BOOLEAN NOT NULL DEFAULT FALSE,
    active_at              BIGINT  NOT NULL,
    metadata               TEXT,
    metadata_version       BIGINT  NOT NULL DEFAULT 1,
    agent_state            TEXT,
    agent_state_version    BIGINT  NOT NULL DEFAULT 1,
    todos                  TEXT,
    todos_updated_at       BIGINT  NOT NULL DEFAULT 0,
    team_state             TEXT,
    team_state_updated_at  BIGINT  NOT NULL DEFAULT 0,
    model                  TEXT,
    model_reasoning_effort TEXT,
    effort                 TEXT,
    service_tier           TEXT,
    permission_mode        TEXT,
    collaboration_mode     TEXT,
    copilot_agent_mode     TEXT,
    change                 BIGINT  NOT NULL
);
CREATE UNIQUE INDEX sessions_tag ON sessions (namespace, tag);
CREATE INDEX sessions_change ON sessions (namespace, change);

CREATE TABLE machines (
    id                   TEXT PRIMARY KEY,
    namespace            TEXT    NOT NULL,
    seq                  BIGINT  NOT NULL DEFAULT 0,
    created_at           BIGINT  NOT NULL,
    updated_at           BIGINT  NOT NULL,
    active               BOOLEAN NOT NULL DEFAULT FALSE,
    active_at            BIGINT  NOT NULL,
    metadata             TEXT,
    metadata_version     BIGINT  NOT NULL DEFAULT 1,
    runner_state         TEXT,
    runner_state_version BIGINT  NOT NULL DEFAULT 1,
    change               BIGINT  NOT NULL
);
CREATE INDEX machines_change ON machines (namespace, change);

CREATE TABLE messages (
    id             TEXT PRIMARY KEY,
    session_id     TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    seq            BIGINT NOT NULL,
    local_id       TEXT,
    client_key     TEXT,
    content        TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    invoked_at     BIGINT,
    scheduled_at   BIGINT,
    delivery_state TEXT   NOT NULL DEFAULT 'queued',
    change         BIGINT NOT NULL
);
CREATE UNIQUE INDEX messages_seq ON messages (session_id, seq);
CREATE INDEX messages_position ON messages (session_id, COALESCE(invoked_at, created_at), seq);
CREATE INDEX messages_change ON messages (session_id, change);
CREATE UNIQUE INDEX messages_local_id ON messages (session_id, local_id) WHERE local_id IS NOT NULL;
CREATE UNIQUE INDEX messages_client_key ON messages (session_id, client_key) WHERE client_key IS NOT NULL;
CREATE INDEX messages_queued ON messages (session_id, seq) WHERE local_id IS NOT NULL AND invoked_at IS NULL;
CREATE INDEX messages_scheduled ON messages (scheduled_at) WHERE scheduled_at IS NOT NULL AND invoked_at IS NULL;

-- The epoch tells windowing clients that cursors they hold may have missed
-- rows. It moves often, so it is not a column of the large session row.
CREATE TABLE message_epochs (
    session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    epoch      BIGINT NOT NULL
);

-- What was deleted, so that a client that comes back can be told.
CREATE TABLE tombstones (
    kind       TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    session_id TEXT,
    local_id   TEXT,
    namespace  TEXT   NOT NULL,
    change     BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX tombstones_change ON tombstones (namespace, change);

-- +goose Down
DROP TABLE tombstones;
DROP TABLE message_epochs;
DROP TABLE messages;
DROP TABLE machines;
DROP TABLE sessions;
DROP TABLE meta;
