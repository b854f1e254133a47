-- +goose Up

-- Roles of an organisation's own are told apart by their names, as imports and people name them.
CREATE UNIQUE INDEX roles_name_key ON roles (organization_id, lower(name));
