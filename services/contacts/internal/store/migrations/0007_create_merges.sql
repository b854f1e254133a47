-- +goose Up

-- Merges of records (CON-16), kept for as long as the history is, so that each can be undone.
CREATE TABLE merges (
    organization_id  uuid NOT NULL,
    id               uuid NOT NULL,
    kind             text NOT NULL,
    survivor_id      uuid NOT NULL,
    -- The survivor's after the merge.
    survivor_version bigint NOT NULL,
    merged_ids       uuid[] NOT NULL,
    user_id          uuid,
    created_at       timestamptz NOT NULL,
    undone_at        timestamptz,
    undone_by        uuid,
    CONSTRAINT merges_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT merges_kind_known CHECK (kind IN ('lead', 'contact', 'company'))
);
SELECT kontor_tenant('merges');
CREATE INDEX merges_newest ON merges (organization_id, kind, created_at DESC, id);
CREATE INDEX merges_survivor ON merges (organization_id, kind, survivor_id);

-- What a merge has changed: the survivor, and records that referred to one that went. The version is the one that the merge
-- made; the record before and after it is in the event table.
CREATE TABLE merge_changes (
    organization_id uuid NOT NULL,
    merge_id        uuid NOT NULL,
    kind            text NOT NULL,
    record_id       uuid NOT NULL,
    version         bigint NOT NULL,
    CONSTRAINT merge_changes_pkey PRIMARY KEY (organization_id, merge_id, kind, record_id),
    CONSTRAINT merge_changes_merge_fkey FOREIGN KEY (organization_id, merge_id) REFERENCES merges (organization_id, id)
);
SELECT kontor_tenant('merge_changes');

-- Records that are part of another: where their IDs lead, and their rows as they were. Gone when the merge is undone.
CREATE TABLE merged_records (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    record_id       uuid NOT NULL,
    survivor_id     uuid NOT NULL,
    merge_id        uuid NOT NULL,
    row_was         jsonb NOT NULL,
    CONSTRAINT merged_records_pkey PRIMARY KEY (organization_id, kind, record_id),
    CONSTRAINT merged_records_merge_fkey FOREIGN KEY (organization_id, merge_id) REFERENCES merges (organization_id, id)
);
SELECT kontor_tenant('merged_records');
CREATE INDEX merged_records_merge ON merged_records (organization_id, merge_id);
