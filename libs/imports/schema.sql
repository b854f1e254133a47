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
