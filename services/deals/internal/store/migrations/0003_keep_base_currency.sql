-- +goose Up

-- The organisation's base currency may change, and then all base amounts are reckoned anew. Sums of the board are kept by
-- base currency, so that none ever mixes the old one with the new.
ALTER TABLE board_totals ADD COLUMN base_currency text NOT NULL DEFAULT '';
ALTER TABLE board_totals DROP CONSTRAINT board_totals_pkey;
ALTER TABLE board_totals ADD CONSTRAINT board_totals_pkey
    PRIMARY KEY (organization_id, pipeline_id, stage_id, responsible_id, month, currency, base_currency);
ALTER TABLE board_deltas ADD COLUMN base_currency text NOT NULL DEFAULT '';

-- The sums there are do not say in which currency they are; they are made anew. The owner, who does it, is not let through
-- by forced row-level security.
ALTER TABLE deals NO FORCE ROW LEVEL SECURITY;
ALTER TABLE board_totals NO FORCE ROW LEVEL SECURITY;
TRUNCATE board_totals, board_deltas;
INSERT INTO board_totals (organization_id, pipeline_id, stage_id, responsible_id, month, currency, base_currency, deals, amount,
    base_amount, unrated)
SELECT organization_id, pipeline_id, stage_id, responsible_id, coalesce(to_char(planned_close_date, 'YYYY-MM'), ''), currency,
    coalesce(base_currency, ''), count(*), sum(amount), coalesce(sum(base_amount), 0), count(*) - count(base_amount)
FROM deals
WHERE deleted_at IS NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7;
ALTER TABLE board_totals FORCE ROW LEVEL SECURITY;
ALTER TABLE deals FORCE ROW LEVEL SECURITY;

-- How far the base amounts of an organisation's deals are reckoned in its base currency.
CREATE TABLE base_currencies (
    organization_id uuid NOT NULL,
    currency        char(3) NOT NULL,
    -- The last deal that was looked at, of done out of total.
    position        uuid NOT NULL,
    done            bigint NOT NULL,
    total           bigint NOT NULL,
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    -- Looked at once more: a process that heard of the new currency late may have written a deal in the old one.
    checked_at      timestamptz,
    CONSTRAINT base_currencies_pkey PRIMARY KEY (organization_id)
);
SELECT kontor_tenant('base_currencies');
