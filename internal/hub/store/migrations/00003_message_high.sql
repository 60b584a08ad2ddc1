-- +goose Up
-- high is the greatest position among the session's rows up to this one by seq:
-- whoever has read all rows above a seq goes on by position from there.
ALTER TABLE messages ADD COLUMN high INTEGER NOT NULL DEFAULT 0;
UPDATE messages SET high = (SELECT max(o.position) FROM messages o WHERE o.session_key = messages.session_key AND o.seq <= messages.seq);
