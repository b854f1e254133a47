-- +goose Up

-- Where the client was whose request made the write, and what that request called itself: the audit log asks for both
-- (ID-10).
ALTER TABLE events
    ADD COLUMN address    text NOT NULL DEFAULT '',
    ADD COLUMN request_id text NOT NULL DEFAULT '';
