-- +goose Up

-- How many entries of ended sessions the directory has had for the user: their version (ID-7).
ALTER TABLE users ADD COLUMN ended_sessions_version bigint NOT NULL DEFAULT 0;

-- The sessions of a user that ended a short while ago.
CREATE INDEX sessions_ended ON sessions (organization_id, user_id, ended_at) WHERE ended_at IS NOT NULL;
