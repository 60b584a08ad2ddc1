-- +goose Up
-- People of other platforms, such as Telegram, and the namespace they belong to.
CREATE TABLE users (
    platform         TEXT NOT NULL,
    platform_user_id TEXT NOT NULL,
    namespace        TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    PRIMARY KEY (platform, platform_user_id)
);
