-- What consumers share: tenant tables and the positions of the inbox (libs/pg/schema).
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

-- What consumers know (libs/inbox). Global tables: a consumer serves all organisations; only kontor_system reaches them.
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
REVOKE ALL ON inbox_positions FROM kontor_app;

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
