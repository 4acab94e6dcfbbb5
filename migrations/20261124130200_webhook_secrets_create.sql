-- What callbacks are signed with, so that their receiver knows who calls. Kept as it is: it takes the secret itself to sign.
CREATE TABLE webhook_secrets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    secret bytea NOT NULL CONSTRAINT webhook_secrets_secret CHECK (octet_length(secret) = 32),
    created_at timestamptz NOT NULL,
    -- NULL for the present one; the one before it signs beside it until then.
    signs_until timestamptz
);
CREATE UNIQUE INDEX webhook_secrets_present ON webhook_secrets (project_id) WHERE signs_until IS NULL;
CREATE INDEX webhook_secrets_project ON webhook_secrets (project_id);
