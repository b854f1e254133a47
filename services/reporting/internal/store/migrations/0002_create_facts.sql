-- +goose Up

-- The generations of facts. One serves; another may be building beside it. A global table: it holds for all
-- organisations, and only kontor_system changes it.
CREATE TABLE generations (
    generation  bigint GENERATED ALWAYS AS IDENTITY,
    state       text NOT NULL,
    -- Sources of the replay, and the partitions of the replay topic, whose end has not been seen yet, as "source/partition".
    waiting_for text[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT generations_pkey PRIMARY KEY (generation),
    CONSTRAINT generations_state CHECK (state IN ('serving', 'building', 'retired'))
);
CREATE UNIQUE INDEX generations_one_serving ON generations (state) WHERE state = 'serving';
CREATE UNIQUE INDEX generations_one_building ON generations (state) WHERE state = 'building';
INSERT INTO generations (state) VALUES ('serving');
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON generations FROM kontor_app;

-- One row per deal as last heard of.
CREATE TABLE deal_facts (
    organization_id uuid NOT NULL,
    generation      bigint NOT NULL,
    deal_id         uuid NOT NULL,
    version         bigint NOT NULL,
    deleted         boolean NOT NULL,
    name            text NOT NULL,
    pipeline_id     uuid NOT NULL,
    stage_id        uuid NOT NULL,
    state           smallint NOT NULL, -- 1 open, 2 won, 3 lost
    responsible_id  uuid,
    company_id      uuid,
    contact_id      uuid,
    type            text NOT NULL,
    source          text NOT NULL,
    probability     smallint,
    amount          numeric NOT NULL,
    currency        char(3) NOT NULL,
    base_amount     numeric, -- NULL while no rate is known
    planned_close   date,
    -- When the deal began, entered its stage and closed, as it took place; NULL where that is not known.
    begin_at        timestamptz,
    stage_entered_at timestamptz,
    closed_at       timestamptz,
    lost_stage_id   uuid, -- the stage it was lost from
    lost_reason     text NOT NULL,
    CONSTRAINT deal_facts_pkey PRIMARY KEY (organization_id, generation, deal_id)
);
SELECT kontor_tenant('deal_facts');
CREATE INDEX deal_facts_closed ON deal_facts (organization_id, generation, state, closed_at)
    INCLUDE (responsible_id, company_id, amount, currency, base_amount, pipeline_id) WHERE NOT deleted;
CREATE INDEX deal_facts_begun ON deal_facts (organization_id, generation, pipeline_id, begin_at) WHERE NOT deleted;
CREATE INDEX deal_facts_responsible ON deal_facts (organization_id, generation, responsible_id, state) WHERE NOT deleted;
CREATE INDEX deal_facts_company ON deal_facts (organization_id, generation, company_id) WHERE NOT deleted;
CREATE INDEX deal_facts_planned ON deal_facts (organization_id, generation, planned_close) WHERE state = 1 AND NOT deleted;

-- The lines of a deal.
CREATE TABLE line_facts (
    organization_id uuid NOT NULL,
    generation      bigint NOT NULL,
    deal_id         uuid NOT NULL,
    line            smallint NOT NULL,
    product_id      uuid,
    name            text NOT NULL,
    quantity        numeric NOT NULL,
    total           numeric NOT NULL, -- in the deal's currency, taxes included
    CONSTRAINT line_facts_pkey PRIMARY KEY (organization_id, generation, deal_id, line)
);
SELECT kontor_tenant('line_facts');
CREATE INDEX line_facts_product ON line_facts (organization_id, generation, product_id);

-- Every change of stage. The key is the deal's version, so that it does not matter in which order they are heard of.
CREATE TABLE stage_changes (
    organization_id uuid NOT NULL,
    generation      bigint NOT NULL,
    deal_id         uuid NOT NULL,
    version         bigint NOT NULL,
    from_stage_id   uuid, -- NULL for the stage the deal was made in
    to_stage_id     uuid NOT NULL,
    seconds         double precision, -- spent in from_stage_id; NULL where that is not known
    CONSTRAINT stage_changes_pkey PRIMARY KEY (organization_id, generation, deal_id, version)
);
SELECT kontor_tenant('stage_changes');

-- Roll-up of deals as they stand, by stage and responsible user. Each change of a deal adds a row with what it takes
-- away and one with what it adds; a job folds rows of one key into one. Readers add up, and never wait for each other.
CREATE TABLE stage_totals (
    organization_id uuid NOT NULL,
    generation      bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    pipeline_id     uuid NOT NULL,
    stage_id        uuid NOT NULL,
    responsible_id  uuid,
    currency        char(3) NOT NULL,
    deals           bigint NOT NULL,
    amount          numeric NOT NULL,
    base_amount     numeric NOT NULL,
    unconverted     bigint NOT NULL, -- deals without a base amount
    CONSTRAINT stage_totals_pkey PRIMARY KEY (organization_id, generation, pipeline_id, id)
);
SELECT kontor_tenant('stage_totals');

-- Names of what the facts refer to. They hold for every generation.
CREATE TABLE names (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    name            text NOT NULL,
    parent_id       uuid, -- the section of a product, the parent of a company
    CONSTRAINT names_pkey PRIMARY KEY (organization_id, kind, id)
);
SELECT kontor_tenant('names');

-- Stages with their places in the pipeline. Those taken out of a pipeline stay, for the history that names them.
CREATE TABLE stages (
    organization_id uuid NOT NULL,
    pipeline_id     uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL, -- of the pipeline
    name            text NOT NULL,
    kind            smallint NOT NULL, -- 1 open, 2 won, 3 lost
    position        int NOT NULL,
    retired         boolean NOT NULL,
    CONSTRAINT stages_pkey PRIMARY KEY (organization_id, pipeline_id, id)
);
SELECT kontor_tenant('stages');
