-- +goose Up

-- Links sent by mail (ID-12). Tokens are not stored: they are made of the ID by a keyed hash.
CREATE TABLE links (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    user_id         uuid NOT NULL,
    -- Numbered as LinkPurpose.
    purpose         smallint NOT NULL,
    -- Where it is sent, and the user's address when it was made.
    email           text NOT NULL,
    user_email      text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    used_at         timestamptz,
    -- When it was taken back or replaced by a later one.
    revoked_at      timestamptz,
    -- Why the letter was not sent, at the last try.
    failure         text NOT NULL DEFAULT '',
    CONSTRAINT links_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT links_purpose_known CHECK (purpose IN (1, 2, 3)),
    CONSTRAINT links_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
-- One that is open, for each user and purpose.
CREATE UNIQUE INDEX links_open_key ON links (organization_id, user_id, purpose) WHERE used_at IS NULL AND revoked_at IS NULL;
CREATE INDEX links_expires ON links (expires_at);
SELECT kontor_tenant('links');
