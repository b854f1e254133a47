-- +goose Up

-- One row per lead as last heard of.
CREATE TABLE lead_facts (
    organization_id uuid NOT NULL,
    generation      bigint NOT NULL,
    lead_id         uuid NOT NULL,
    version         bigint NOT NULL,
    deleted         boolean NOT NULL,
    status_id       uuid NOT NULL,
    responsible_id  uuid,
    source          text NOT NULL,
    observer_ids    uuid[] NOT NULL,
    available_to_everyone boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT lead_facts_pkey PRIMARY KEY (organization_id, generation, lead_id)
);
SELECT kontor_tenant('lead_facts');
CREATE INDEX lead_facts_created ON lead_facts (organization_id, generation, created_at)
    INCLUDE (status_id, responsible_id, source) WHERE NOT deleted;
CREATE INDEX lead_facts_responsible ON lead_facts (organization_id, generation, responsible_id) WHERE NOT deleted;

-- Every change of a lead's status, its making too. The key is the lead's version, so that it does not matter in which order
-- they are heard of.
CREATE TABLE lead_changes (
    organization_id uuid NOT NULL,
    generation      bigint NOT NULL,
    lead_id         uuid NOT NULL,
    version         bigint NOT NULL,
    to_status_id    uuid NOT NULL,
    at              timestamptz NOT NULL,
    CONSTRAINT lead_changes_pkey PRIMARY KEY (organization_id, generation, lead_id, version)
);
SELECT kontor_tenant('lead_changes');

-- The organisation's lead statuses in their order. They hold for every generation.
CREATE TABLE lead_statuses (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL, -- of the settings
    name            text NOT NULL,
    kind            smallint NOT NULL, -- 1 new, 2 open, 3 converted, 4 junk
    position        int NOT NULL,
    retired         boolean NOT NULL,
    CONSTRAINT lead_statuses_pkey PRIMARY KEY (organization_id, id)
);
SELECT kontor_tenant('lead_statuses');
