-- How many rows of a deployment's requests are computed together, and how long a batch waits for more; checked before it is stored.
ALTER TABLE deployments
    ADD COLUMN max_batch integer NOT NULL DEFAULT 32
        CONSTRAINT deployments_max_batch CHECK (max_batch BETWEEN 1 AND 1024),
    ADD COLUMN max_delay_us integer NOT NULL DEFAULT 0
        CONSTRAINT deployments_max_delay_us CHECK (max_delay_us BETWEEN 0 AND 100000);

-- As before, with both.
CREATE OR REPLACE FUNCTION serving_fingerprint() RETURNS text LANGUAGE sql STABLE
RETURN ROW(
    (SELECT sum(hashtextextended(ROW(id, name, scopes, rate_requests, rate_seconds, expires_at, revoked_at)::text, 0)) FROM api_keys),
    (SELECT sum(hashtextextended(ROW(model_id, alias, version_id)::text, 0)) FROM model_aliases),
    (SELECT sum(hashtextextended(ROW(id, stable_version_id, cors_origins, max_in_flight, max_queue, min_warm, idle_seconds, max_batch, max_delay_us)::text, 0)) FROM deployments),
    (SELECT sum(hashtextextended(ROW(id, canary_version_id, weight)::text, 0)) FROM rollouts WHERE status IN ('running', 'paused')),
    (SELECT count(*) FROM model_versions),
    (SELECT count(*) FROM projects)
)::text;
