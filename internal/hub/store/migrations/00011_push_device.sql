-- +goose Up
-- Which device a browser is on, if it says so: one device is told once.
ALTER TABLE push_subscriptions ADD COLUMN device_id TEXT NOT NULL DEFAULT '';
