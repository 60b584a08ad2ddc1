-- +goose Up
ALTER TABLE sessions ADD COLUMN background_tasks TEXT NOT NULL DEFAULT '';
