-- +goose Up

-- The records of users who leave, on their way to successors and back (ID-2).
CREATE TABLE handovers (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    user_id         uuid NOT NULL,
    successor_id    uuid NOT NULL,
    -- Numbered as HandoverState.
    state           smallint NOT NULL,
    moved           bigint NOT NULL DEFAULT 0,
    left_behind     bigint NOT NULL DEFAULT 0,
    returned        bigint NOT NULL DEFAULT 0,
    kept            bigint NOT NULL DEFAULT 0,
    -- What works on it, or did last.
    operation_id    uuid NOT NULL,
    -- Users or service accounts: who asked for the handover, and for what is done now.
    creator_id      uuid NOT NULL,
    actor_id        uuid NOT NULL,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT handovers_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT handovers_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id),
    CONSTRAINT handovers_successor_fkey FOREIGN KEY (organization_id, successor_id) REFERENCES users (organization_id, id)
);
CREATE UNIQUE INDEX handovers_running_key ON handovers (organization_id, user_id) WHERE state IN (1, 3);
CREATE INDEX handovers_created ON handovers (organization_id, created_at DESC, id DESC);
SELECT kontor_tenant('handovers');

CREATE TABLE handover_records (
    organization_id uuid NOT NULL,
    handover_id     uuid NOT NULL,
    kind            text NOT NULL,
    record_id       uuid NOT NULL,
    name            text NOT NULL,
    etag            text NOT NULL,
    -- Numbered as HandoverRecordState.
    fate            smallint NOT NULL,
    reason          text NOT NULL,
    CONSTRAINT handover_records_pkey PRIMARY KEY (organization_id, handover_id, kind, record_id),
    CONSTRAINT handover_records_handover_fkey FOREIGN KEY (organization_id, handover_id) REFERENCES handovers (organization_id, id)
);
CREATE INDEX handover_records_fate ON handover_records (organization_id, handover_id, kind, fate, record_id);
SELECT kontor_tenant('handover_records');
