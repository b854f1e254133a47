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
