-- +goose Up

-- OpenID Connect providers of organisations (ID-7).
CREATE TABLE oidc_providers (
    organization_id  uuid NOT NULL,
    id               uuid NOT NULL,
    name             text NOT NULL,
    issuer           text NOT NULL,
    client_id        text NOT NULL,
    -- Encrypted with the installation's secret; NULL for none.
    client_secret    bytea,
    scopes           text[] NOT NULL,
    email_domains    text[] NOT NULL,
    create_users     boolean NOT NULL,
    default_role_ids uuid[] NOT NULL,
    department_id    uuid,
    role_claim       text NOT NULL,
    role_mappings    jsonb NOT NULL,
    -- Whether the provider sees to the second factor.
    factor_elsewhere boolean NOT NULL,
    active           boolean NOT NULL,
    version          bigint NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT oidc_providers_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT oidc_providers_department_fkey FOREIGN KEY (organization_id, department_id) REFERENCES departments (organization_id, id)
);
CREATE UNIQUE INDEX oidc_providers_name_key ON oidc_providers (organization_id, lower(name));
-- The sign-in names a provider and does not know its organisation.
CREATE INDEX oidc_providers_id ON oidc_providers (id);
SELECT kontor_tenant('oidc_providers');

-- Whom a provider's subjects are. A user has one subject at each provider: an address that the provider gave to somebody
-- else does not lead to the user it was of.
CREATE TABLE external_identities (
    organization_id uuid NOT NULL,
    provider_id     uuid NOT NULL,
    subject         text NOT NULL,
    user_id         uuid NOT NULL,
    email           text NOT NULL,
    created_at      timestamptz NOT NULL,
    last_used_at    timestamptz NOT NULL,
    CONSTRAINT external_identities_pkey PRIMARY KEY (organization_id, provider_id, subject),
    CONSTRAINT external_identities_user_key UNIQUE (organization_id, user_id, provider_id),
    CONSTRAINT external_identities_provider_fkey FOREIGN KEY (organization_id, provider_id)
        REFERENCES oidc_providers (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT external_identities_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
SELECT kontor_tenant('external_identities');

-- Sign-ins at providers that were completed: each works once. What a sign-in is about is in its binding, encrypted.
CREATE TABLE used_sign_ins (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT used_sign_ins_pkey PRIMARY KEY (organization_id, id)
);
CREATE INDEX used_sign_ins_expires ON used_sign_ins (expires_at);
SELECT kontor_tenant('used_sign_ins');

ALTER TABLE sessions
    -- The provider signed in with; no foreign key, as sessions outlive it.
    ADD COLUMN provider_id uuid,
    ADD COLUMN factor_elsewhere boolean NOT NULL DEFAULT false;
