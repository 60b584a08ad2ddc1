-- +goose Up
-- A session that was merged into another one: whoever still knows it by its old
-- id is led on.
CREATE TABLE aliases (
    id        TEXT PRIMARY KEY,
    namespace TEXT NOT NULL,
    target    TEXT NOT NULL
);
CREATE INDEX aliases_target ON aliases (target);
