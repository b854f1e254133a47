-- +goose Up

-- Custom fields (libs/customfields). Needs tenant.sql.

-- One row for each organisation with custom fields: its version grows with every change of a definition, so that one
-- look tells whether what a process remembers still holds.
CREATE TABLE custom_field_sets (
    organization_id uuid NOT NULL,
    version         bigint NOT NULL,
    CONSTRAINT custom_field_sets_pkey PRIMARY KEY (organization_id)
);
SELECT kontor_tenant('custom_field_sets');

CREATE TABLE custom_fields (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    kind            text NOT NULL,
    key             text COLLATE "C" NOT NULL,
    is_unique       boolean NOT NULL,
    -- kontor.customfields.v1.CustomField as JSON.
    definition      jsonb NOT NULL,
    CONSTRAINT custom_fields_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT custom_fields_key UNIQUE (organization_id, kind, key),
    CONSTRAINT custom_fields_set_fkey FOREIGN KEY (organization_id) REFERENCES custom_field_sets (organization_id)
);
SELECT kontor_tenant('custom_fields');

-- The values of records in a text form that sorts as they do: a row for each value, several for a field of several
-- choices. Filters, orders and uniqueness go by it; the record's row holds what is shown.
CREATE TABLE custom_values (
    organization_id uuid NOT NULL,
    record_id       uuid NOT NULL,
    field_id        uuid NOT NULL,
    value           text COLLATE "C" NOT NULL,
    -- Text of which parts are looked for.
    searchable      boolean NOT NULL,
    -- The record is not in the bin.
    live            boolean NOT NULL,
    -- No other record may have it: the field is unique and the record is live.
    is_unique       boolean NOT NULL,
    CONSTRAINT custom_values_pkey PRIMARY KEY (organization_id, record_id, field_id, value)
);
SELECT kontor_tenant('custom_values');
CREATE INDEX custom_values_value ON custom_values (organization_id, field_id, value, record_id);
CREATE UNIQUE INDEX custom_values_unique ON custom_values (organization_id, field_id, value) WHERE is_unique;
CREATE INDEX custom_values_part ON custom_values USING gin (organization_id, field_id, value gin_trgm_ops) WHERE searchable;

-- The values as they are shown, by key. A constant default: the table is not rewritten.
ALTER TABLE products ADD COLUMN custom jsonb NOT NULL DEFAULT '{}';
