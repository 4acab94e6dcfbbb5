-- What a request that makes something was answered, so that the same request again makes nothing more.
CREATE TABLE idempotent_requests (
    caller text NOT NULL,
    key text NOT NULL,
    -- SHA-256 of the request, without what may differ between tries.
    fingerprint bytea NOT NULL,
    started_at timestamptz NOT NULL,
    -- NULL while the first try is under way.
    status smallint,
    location text,
    media_type text,
    -- NULL where the answer held a secret, which is kept nowhere.
    body bytea,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotent_requests_started_at ON idempotent_requests (started_at);
