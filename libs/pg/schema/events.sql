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
    -- Where the client was whose request made the write, and what that request called itself.
    address                 text NOT NULL DEFAULT '',
    request_id              text NOT NULL DEFAULT '',
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
