-- +goose Up

-- Saved views of lists, of whichever context (CON-13).
CREATE TABLE views (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    kind            text NOT NULL,
    name            text NOT NULL,
    columns         jsonb NOT NULL,
    order_by        text NOT NULL,
    filter          text NOT NULL,
    -- Numbered as ViewAudience.
    audience        smallint NOT NULL,
    department_id   uuid,
    is_default      boolean NOT NULL,
    -- A user or a service account.
    owner_id        uuid NOT NULL,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT views_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT views_audience_known CHECK (audience IN (1, 2, 3)),
    CONSTRAINT views_department CHECK ((audience = 2) = (department_id IS NOT NULL)),
    CONSTRAINT views_department_fkey FOREIGN KEY (organization_id, department_id) REFERENCES departments (organization_id, id)
);
CREATE UNIQUE INDEX views_name_key ON views (organization_id, kind, owner_id, lower(name));
SELECT kontor_tenant('views');
