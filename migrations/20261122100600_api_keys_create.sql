-- Only the SHA-256 of a key is kept; a key has 178 random bits, so a plain hash is enough.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    name text NOT NULL,
    prefix text NOT NULL CONSTRAINT api_keys_prefix_key UNIQUE,
    key_hash bytea NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE,
    scopes text[] NOT NULL CONSTRAINT api_keys_scopes CHECK (cardinality(scopes) > 0),
    rate_requests integer NOT NULL CONSTRAINT api_keys_rate_requests CHECK (rate_requests > 0),
    rate_seconds integer NOT NULL CONSTRAINT api_keys_rate_seconds CHECK (rate_seconds > 0),
    expires_at timestamptz,
    revoked_at timestamptz,
    rotated_from uuid REFERENCES api_keys,
    last_used_at timestamptz,
    last_used_ip text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX api_keys_project ON api_keys (project_id, created_at DESC);
