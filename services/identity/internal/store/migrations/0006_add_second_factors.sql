-- +goose Up

-- The second factor of a person (ID-7). Secrets are encrypted with the installation's secret.
ALTER TABLE accounts
    ADD COLUMN factor_secret bytea,
    -- Made, and not confirmed by a code yet.
    ADD COLUMN factor_pending bytea,
    -- The step of 30 seconds whose code was used last: no code works twice.
    ADD COLUMN factor_step bigint NOT NULL DEFAULT 0,
    -- SHA-256 of the recovery codes that are left.
    ADD COLUMN recovery_hashes bytea[] NOT NULL DEFAULT '{}';

-- Who has to have one: {"required": …, "role_ids": […]}.
ALTER TABLE organizations ADD COLUMN second_factor jsonb NOT NULL DEFAULT '{}';
