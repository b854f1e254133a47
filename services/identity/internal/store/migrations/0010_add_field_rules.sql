-- +goose Up

-- What a role withholds of the records it grants (ID-4): [{"kind": "deal", "field": "amount", "access": 2}, …].
ALTER TABLE roles ADD COLUMN fields jsonb NOT NULL DEFAULT '[]';
