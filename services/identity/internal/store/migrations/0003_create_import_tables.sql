-- Imports and what users are told of them (libs/operation, libs/imports).
-- +goose Up
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

-- Imports under way and done (libs/imports). Needs tenant.sql.
CREATE TABLE imports (
    organization_id uuid NOT NULL,
    -- The same as the operation's.
    id              uuid NOT NULL,
    kind            text NOT NULL,
    user_id         text NOT NULL,
    file_id         uuid NOT NULL,
    mapping         text NOT NULL,
    dry_run         boolean NOT NULL,
    -- 'rows', then 'links', then 'done'.
    phase           text NOT NULL DEFAULT 'rows',
    -- Rows of the file dealt with; changed only in the transaction that writes what became of them.
    position        bigint NOT NULL DEFAULT 0,
    created         bigint NOT NULL DEFAULT 0,
    updated         bigint NOT NULL DEFAULT 0,
    skipped         bigint NOT NULL DEFAULT 0,
    rejected        bigint NOT NULL DEFAULT 0,
    header          text[] NOT NULL DEFAULT '{}',
    CONSTRAINT imports_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT imports_phase_known CHECK (phase IN ('rows', 'links', 'done'))
);
SELECT kontor_tenant('imports');

CREATE TABLE import_rejects (
    organization_id uuid NOT NULL,
    import_id       uuid NOT NULL,
    line            bigint NOT NULL,
    field           text NOT NULL,
    reason          text NOT NULL,
    message         text NOT NULL,
    cells           text[] NOT NULL,
    CONSTRAINT import_rejects_pkey PRIMARY KEY (organization_id, import_id, line, field),
    CONSTRAINT import_rejects_import_fkey FOREIGN KEY (organization_id, import_id)
        REFERENCES imports (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('import_rejects');

-- References to the import's own kind of record, set when all rows are in; gone when set.
CREATE TABLE import_links (
    organization_id uuid NOT NULL,
    import_id       uuid NOT NULL,
    line            bigint NOT NULL,
    field           text NOT NULL,
    record_id       uuid NOT NULL,
    lookup_by       text NOT NULL,
    lookup_source   text NOT NULL,
    lookup_key      text NOT NULL,
    cells           text[] NOT NULL,
    CONSTRAINT import_links_pkey PRIMARY KEY (organization_id, import_id, line, field),
    CONSTRAINT import_links_import_fkey FOREIGN KEY (organization_id, import_id)
        REFERENCES imports (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('import_links');
