-- What every service has: event table, outbox, idempotency (libs/pg/schema).
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

