-- What engines ask for that compute versions elsewhere. Kept as it is: it takes the token itself to send it. Apart from the version,
-- which everybody may read, and never shown.
CREATE TABLE remote_tokens (
    version_id uuid PRIMARY KEY REFERENCES model_versions,
    token text NOT NULL CONSTRAINT remote_tokens_token CHECK (octet_length(token) BETWEEN 1 AND 4096)
);
