-- +goose Up
-- How a person knows a browser that is told, and what it does not want to be told.
ALTER TABLE push_subscriptions ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE push_subscriptions ADD COLUMN muted TEXT NOT NULL DEFAULT '';
