-- Tenant tables. After CREATE TABLE deals (…): SELECT kontor_tenant('deals');
--
-- Row-level security is forced, so that a forgotten WHERE shows nothing of another organisation. Role kontor_app sees
-- the transaction's organisation; without one a statement fails. Role kontor_system (relay, consumers' bookkeeping, jobs)
-- sees all.

-- +goose StatementBegin
CREATE FUNCTION kontor_tenant(tenant_table regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format($p$
        CREATE POLICY organization ON %s TO kontor_app
        USING (organization_id = current_setting('kontor.organization')::uuid)
        WITH CHECK (organization_id = current_setting('kontor.organization')::uuid)$p$, tenant_table);
    EXECUTE format('CREATE POLICY system ON %s TO kontor_system USING (true) WITH CHECK (true)', tenant_table);
END
$$;
-- +goose StatementEnd
