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
