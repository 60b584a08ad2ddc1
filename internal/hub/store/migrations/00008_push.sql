-- +goose Up
-- Browsers that want to be told.
CREATE TABLE push_subscriptions (
    namespace  TEXT NOT NULL,
    endpoint   TEXT NOT NULL,
    p256dh     TEXT NOT NULL,
    auth       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, endpoint)
);

-- Native apps that want to be told. One token never stands for two of them.
CREATE TABLE devices (
    namespace  TEXT NOT NULL,
    device_id  TEXT NOT NULL,
    platform   TEXT NOT NULL,
    token      TEXT NOT NULL UNIQUE,
    push_key   TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, device_id, platform)
);
