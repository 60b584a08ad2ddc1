-- +goose Up
-- Access tokens beside the hub's own. Of a token itself only the SHA-256 is kept.
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    sum        BLOB NOT NULL UNIQUE,
    namespace  TEXT NOT NULL,
    read_only  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER -- NULL: never
);
