-- +goose Up

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
