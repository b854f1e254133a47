-- +goose Up

-- Two-step handling of leads (CON-3): NULL is not rated, not handed over, not junk. Rows that a merge has put aside and puts
-- back know nothing of these columns.
ALTER TABLE leads ADD COLUMN importance integer, ADD COLUMN screened_at timestamptz, ADD COLUMN junk_reason text;
CREATE INDEX leads_importance ON leads (organization_id, importance, id) WHERE deleted_at IS NULL;

-- What is made of a lead that is taken into work (CON-5).
ALTER TABLE lead_settings ADD COLUMN auto_contact boolean NOT NULL DEFAULT false,
    ADD COLUMN auto_company boolean NOT NULL DEFAULT false,
    ADD COLUMN auto_deal boolean NOT NULL DEFAULT false,
    ADD COLUMN auto_pipeline_id uuid;
