-- +goose Up

-- The latest scan for duplicates of each kind (CON-16): its operation.
CREATE TABLE duplicate_scans (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    operation_id    uuid NOT NULL,
    CONSTRAINT duplicate_scans_pkey PRIMARY KEY (organization_id, kind)
);
SELECT kontor_tenant('duplicate_scans');

-- Merges of all groups of duplicates of which a scan is sure enough, as one operation (CON-16).
CREATE TABLE merge_batches (
    organization_id uuid NOT NULL,
    -- The same as the operation's.
    id              uuid NOT NULL,
    kind            text NOT NULL,
    user_id         uuid NOT NULL,
    min_score       double precision NOT NULL,
    reason          text NOT NULL,
    dry_run         boolean NOT NULL,
    -- Whether the groups are listed; how many there are, and how many are dealt with. Changed only in the transaction that
    -- writes what became of them.
    planned         boolean NOT NULL DEFAULT false,
    groups          bigint NOT NULL DEFAULT 0,
    position        bigint NOT NULL DEFAULT 0,
    -- Groups that became one record, records that became part of another, groups that stay as they are.
    merged          bigint NOT NULL DEFAULT 0,
    records         bigint NOT NULL DEFAULT 0,
    remaining       bigint NOT NULL DEFAULT 0,
    CONSTRAINT merge_batches_pkey PRIMARY KEY (organization_id, id)
);
SELECT kontor_tenant('merge_batches');

CREATE TABLE merge_batch_groups (
    organization_id uuid NOT NULL,
    batch_id        uuid NOT NULL,
    number          bigint NOT NULL,
    record_ids      uuid[] NOT NULL,
    CONSTRAINT merge_batch_groups_pkey PRIMARY KEY (organization_id, batch_id, number),
    CONSTRAINT merge_batch_groups_batch_fkey FOREIGN KEY (organization_id, batch_id) REFERENCES merge_batches (organization_id, id)
);
SELECT kontor_tenant('merge_batch_groups');

-- The operation that a merge was part of, and which of its groups it was.
ALTER TABLE merges ADD COLUMN batch_id uuid, ADD COLUMN batch_number bigint;
CREATE INDEX merges_batch ON merges (organization_id, batch_id, batch_number) WHERE batch_id IS NOT NULL;

-- Batches being taken back: the merge done last first.
CREATE TABLE merge_batch_undos (
    organization_id uuid NOT NULL,
    -- The same as the operation's.
    id              uuid NOT NULL,
    batch_id        uuid NOT NULL,
    user_id         uuid NOT NULL,
    -- The number of the group dealt with last.
    position        bigint NOT NULL,
    total           bigint NOT NULL,
    parted          bigint NOT NULL DEFAULT 0,
    remaining       bigint NOT NULL DEFAULT 0,
    done            boolean NOT NULL DEFAULT false,
    CONSTRAINT merge_batch_undos_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT merge_batch_undos_batch_fkey FOREIGN KEY (organization_id, batch_id) REFERENCES merge_batches (organization_id, id)
);
SELECT kontor_tenant('merge_batch_undos');
CREATE UNIQUE INDEX merge_batch_undos_under_way ON merge_batch_undos (organization_id, batch_id) WHERE NOT done;

-- The record that one is part of now, or itself: filters take IDs from before merges.
CREATE FUNCTION kontor_current(organization uuid, of_kind text, old uuid) RETURNS uuid
LANGUAGE sql STABLE SET search_path = public, pg_temp
AS $$
    WITH RECURSIVE up (id, depth) AS (
        SELECT old, 0
        UNION ALL
        SELECT r.survivor_id, up.depth + 1
        FROM up JOIN merged_records r ON r.organization_id = organization AND r.kind = of_kind AND r.record_id = up.id
        WHERE up.depth < 1000
    )
    SELECT id FROM up ORDER BY depth DESC LIMIT 1
$$;
REVOKE ALL ON FUNCTION kontor_current(uuid, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kontor_current(uuid, text, uuid) TO kontor_app;
