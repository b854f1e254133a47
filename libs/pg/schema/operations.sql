-- Work that outlives a request (libs/operation): imports, exports, replays. Needs tenant.sql.
CREATE TABLE operations (
    organization_id  uuid NOT NULL,
    id               uuid NOT NULL,
    kind             text NOT NULL,
    state            text NOT NULL DEFAULT 'queued',
    -- Who asked for it.
    user_id          uuid NOT NULL,
    done             bigint NOT NULL DEFAULT 0,
    total            bigint NOT NULL DEFAULT 0,
    rejected         bigint NOT NULL DEFAULT 0,
    -- The first hundred rejections.
    errors           jsonb NOT NULL DEFAULT '[]',
    rejects_file_id  text NOT NULL DEFAULT '',
    error            text NOT NULL DEFAULT '',
    result           jsonb NOT NULL DEFAULT '{}',
    cancel_requested boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    CONSTRAINT operations_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT operations_state_known CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT operations_ended CHECK ((ended_at IS NULL) = (state IN ('queued', 'running')))
);
SELECT kontor_tenant('operations');
REVOKE DELETE, TRUNCATE ON operations FROM kontor_app;
