-- +goose Up
-- Tenant tables. After CREATE TABLE deals (…): SELECT kontor_tenant('deals');
--
-- Row-level security is forced, so that a forgotten WHERE shows nothing of another organisation. Role kontor_app sees
-- the transaction's organisation; without one a statement fails. Role kontor_system (relay, consumers' bookkeeping, jobs)
-- sees all.

-- +goose StatementBegin
CREATE FUNCTION kontor_tenant(tenant_table regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format($p$
        CREATE POLICY organization ON %s TO kontor_app
        USING (organization_id = current_setting('kontor.organization')::uuid)
        WITH CHECK (organization_id = current_setting('kontor.organization')::uuid)$p$, tenant_table);
    EXECUTE format('CREATE POLICY system ON %s TO kontor_system USING (true) WITH CHECK (true)', tenant_table);
END
$$;
-- +goose StatementEnd

-- The permanent event table (decisions 1): history of records, source of as-of reads and of replay. Needs tenant.sql.
-- Partitioned by the month an event happened; the default partition takes what no month is ready for.
CREATE TABLE events (
    organization_id         uuid NOT NULL,
    kind                    text NOT NULL,
    record_id               uuid NOT NULL,
    version                 bigint NOT NULL,
    event_id                uuid NOT NULL,
    type                    text NOT NULL,
    topic                   text NOT NULL,
    happened_at             timestamptz NOT NULL,
    effective_at            timestamptz,
    actor                   text NOT NULL,
    cause                   text NOT NULL,
    responsible_id          uuid,
    previous_responsible_id uuid,
    trace_parent            text NOT NULL,
    payload                 bytea NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (organization_id, kind, record_id, version, happened_at)
) PARTITION BY RANGE (happened_at);

SELECT kontor_tenant('events');
-- Append-only for the application; kontor_system may blank an erased person's fields (decisions 7).
REVOKE UPDATE, DELETE, TRUNCATE ON events FROM kontor_app;
REVOKE DELETE, TRUNCATE ON events FROM kontor_system;

CREATE TABLE events_default PARTITION OF events DEFAULT;
-- Partitions are reached through events alone: the policies are on it.
REVOKE ALL ON events_default FROM kontor_app, kontor_system;

-- kontor_event_partitions makes the partitions of this month and the coming ones, and moves over what the default
-- partition has taken for them.
-- +goose StatementBegin
CREATE FUNCTION kontor_event_partitions(months int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first_day timestamptz;
    next_day  timestamptz;
    part      text;
BEGIN
    -- One maker at a time; the lock goes with the transaction.
    PERFORM pg_advisory_xact_lock(hashtext('kontor_event_partitions'));
    FOR i IN 0..months LOOP
        first_day := date_trunc('month', now()) + make_interval(months => i);
        next_day := first_day + interval '1 month';
        part := 'events_' || to_char(first_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
        EXECUTE format('REVOKE ALL ON %I FROM kontor_app, kontor_system', part);
        EXECUTE format('WITH moved AS (DELETE FROM events_default WHERE happened_at >= $1 AND happened_at < $2 RETURNING *)
            INSERT INTO %I SELECT * FROM moved', part) USING first_day, next_day;
        EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first_day, next_day);
    END LOOP;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION kontor_event_partitions(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kontor_event_partitions(int) TO kontor_system;

-- What the relay has still to publish: pointers into events, gone when published. Needs events.sql.
-- A global table: a relay serves all organisations.
CREATE TABLE outbox (
    slice           smallint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    record_id       uuid NOT NULL,
    version         bigint NOT NULL,
    happened_at     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_pkey PRIMARY KEY (slice, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

SELECT kontor_tenant('outbox');
-- The application only adds; reading and deleting is the relay's.
REVOKE SELECT, UPDATE, DELETE, TRUNCATE ON outbox FROM kontor_app;

-- The answers to requests that carried a request ID, for a day (libs/idem). Needs tenant.sql.
CREATE TABLE idempotency (
    organization_id uuid NOT NULL,
    user_id         text NOT NULL,
    method          text NOT NULL,
    request_id      text NOT NULL,
    hash            bytea NOT NULL,
    kind            text NOT NULL,
    record_id       text NOT NULL,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_pkey PRIMARY KEY (organization_id, user_id, method, request_id)
);
-- For the clean-up alone; a block range index costs a write next to nothing.
CREATE INDEX idempotency_created_at ON idempotency USING brin (created_at);

SELECT kontor_tenant('idempotency');
REVOKE UPDATE, DELETE, TRUNCATE ON idempotency FROM kontor_app;

-- What consumers know (libs/inbox). Global tables: a consumer serves all organisations; kontor_system keeps them.
CREATE TABLE inbox_positions (
    consumer      text NOT NULL,
    topic         text NOT NULL,
    partition     int NOT NULL,
    -- The offset to read next; all below has been applied or parked.
    next_offset   bigint NOT NULL,
    -- The partition's end as last seen.
    end_offset    bigint NOT NULL,
    -- When the last applied event happened.
    last_event_at timestamptz,
    applied_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_positions_pkey PRIMARY KEY (consumer, topic, partition)
);
-- Readable, so that a report can say how fresh it is.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON inbox_positions FROM kontor_app;

-- Events that could not be applied, and later ones of the same key behind them.
CREATE TABLE inbox_parked (
    consumer     text NOT NULL,
    topic        text NOT NULL,
    partition    int NOT NULL,
    "offset"     bigint NOT NULL,
    key          text NOT NULL,
    event_id     text NOT NULL,
    type         text NOT NULL,
    -- The message as it came: names and values of the headers, and the payload.
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    payload      bytea NOT NULL,
    -- Why it is parked; empty if it only queues behind another.
    error        text NOT NULL,
    -- Asked to be tried again.
    unpark       boolean NOT NULL DEFAULT false,
    parked_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_parked_pkey PRIMARY KEY (consumer, topic, partition, "offset")
);
CREATE INDEX inbox_parked_key ON inbox_parked (consumer, topic, partition, key, "offset");
REVOKE ALL ON inbox_parked FROM kontor_app;

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
