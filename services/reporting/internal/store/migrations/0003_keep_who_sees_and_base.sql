-- +goose Up

-- Who sees a deal beside those whose scope its responsible user is in, as lists have it (ID-6).
ALTER TABLE deal_facts
    ADD COLUMN observer_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN available_to_everyone boolean NOT NULL DEFAULT false;
CREATE INDEX deal_facts_observers ON deal_facts USING gin (organization_id, generation, observer_ids)
    WHERE observer_ids <> '{}' AND NOT deleted;
CREATE INDEX deal_facts_available ON deal_facts (organization_id, generation, pipeline_id) WHERE available_to_everyone AND NOT deleted;

-- The currency of base_amount: the organisation's may change, and then no sum mixes the old and the new one. Facts of before
-- this migration have '' and count as in the base currency, until a next event of their deal or a rebuild says which it is.
ALTER TABLE deal_facts ADD COLUMN base_currency text NOT NULL DEFAULT '';
ALTER TABLE stage_totals ADD COLUMN base_currency text NOT NULL DEFAULT '';
