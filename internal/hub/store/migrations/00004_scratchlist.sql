-- +goose Up
-- What people note beside a session.
CREATE TABLE scratchlist (
    session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    entry_id    TEXT NOT NULL,
    text        TEXT NOT NULL,
    attachments TEXT NOT NULL, -- JSON
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (session_key, entry_id)
);

-- When a session's notes changed last, deletions too.
CREATE TABLE scratchlist_changes (
    session_key INTEGER PRIMARY KEY REFERENCES sessions (key) ON DELETE CASCADE,
    updated_at  INTEGER NOT NULL,
    change      INTEGER NOT NULL
);
CREATE INDEX scratchlist_changes_change ON scratchlist_changes (change);
