-- +goose Up

-- Taking back what operations have done (libs/undo). Needs events.sql and operations.sql.
CREATE TABLE undos (
    organization_id uuid NOT NULL,
    -- The same as the operation's.
    id              uuid NOT NULL,
    -- The operation that is taken back, and how events name it as their cause.
    of_id           uuid NOT NULL,
    of_cause        text NOT NULL,
    user_id         uuid NOT NULL,
    -- The last record dealt with; changed only in the transaction that writes what became of it.
    after_kind      text NOT NULL DEFAULT '',
    after_record    uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    total           bigint NOT NULL DEFAULT 0,
    removed         bigint NOT NULL DEFAULT 0,
    restored        bigint NOT NULL DEFAULT 0,
    unchanged       bigint NOT NULL DEFAULT 0,
    remaining       bigint NOT NULL DEFAULT 0,
    done            boolean NOT NULL DEFAULT false,
    CONSTRAINT undos_pkey PRIMARY KEY (organization_id, id)
);
-- An operation is taken back by one at a time.
CREATE UNIQUE INDEX undos_under_way ON undos (organization_id, of_id) WHERE NOT done;
SELECT kontor_tenant('undos');

-- The records that were left as they are, and why.
CREATE TABLE undo_left (
    organization_id uuid NOT NULL,
    undo_id         uuid NOT NULL,
    kind            text NOT NULL,
    record_id       uuid NOT NULL,
    reason          text NOT NULL,
    message         text NOT NULL,
    CONSTRAINT undo_left_pkey PRIMARY KEY (organization_id, undo_id, kind, record_id),
    CONSTRAINT undo_left_undo_fkey FOREIGN KEY (organization_id, undo_id)
        REFERENCES undos (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('undo_left');

-- What an operation has done is found by the cause of its events.
CREATE INDEX events_cause ON events (organization_id, cause, kind, record_id, version) WHERE cause <> '';

-- Bulk changes under way and done (libs/bulk). Needs tenant.sql.
CREATE TABLE bulk_changes (
    organization_id uuid NOT NULL,
    -- The same as the operation's.
    id              uuid NOT NULL,
    kind            text NOT NULL,
    user_id         uuid NOT NULL,
    -- What to do, as the kind understands it.
    change          bytea NOT NULL,
    -- Which records: this filter, or those that are listed from the start.
    filter          text NOT NULL,
    in_bin          boolean NOT NULL,
    -- 'select', then 'work', then 'done'.
    phase           text NOT NULL,
    total           bigint NOT NULL DEFAULT 0,
    -- The last record dealt with; changed only in the transaction that writes what became of it.
    position        uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    changed         bigint NOT NULL DEFAULT 0,
    unchanged       bigint NOT NULL DEFAULT 0,
    rejected        bigint NOT NULL DEFAULT 0,
    CONSTRAINT bulk_changes_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT bulk_changes_phase_known CHECK (phase IN ('select', 'work', 'done'))
);
SELECT kontor_tenant('bulk_changes');

CREATE TABLE bulk_records (
    organization_id uuid NOT NULL,
    change_id       uuid NOT NULL,
    record_id       uuid NOT NULL,
    -- Why it was left as it is; empty if it was not.
    reason          text NOT NULL DEFAULT '',
    message         text NOT NULL DEFAULT '',
    CONSTRAINT bulk_records_pkey PRIMARY KEY (organization_id, change_id, record_id),
    CONSTRAINT bulk_records_change_fkey FOREIGN KEY (organization_id, change_id)
        REFERENCES bulk_changes (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('bulk_records');
