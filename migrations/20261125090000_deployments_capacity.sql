-- How much a process does for a deployment at once; checked before it is stored.
ALTER TABLE deployments
    ADD COLUMN max_in_flight integer
        CONSTRAINT deployments_max_in_flight CHECK (max_in_flight BETWEEN 1 AND 10000),
    ADD COLUMN max_queue integer NOT NULL DEFAULT 64
        CONSTRAINT deployments_max_queue CHECK (max_queue BETWEEN 0 AND 10000);

-- As before, with the capacity.
CREATE OR REPLACE FUNCTION serving_fingerprint() RETURNS text LANGUAGE sql STABLE
RETURN ROW(
    (SELECT sum(hashtextextended(ROW(id, name, scopes, rate_requests, rate_seconds, expires_at, revoked_at)::text, 0)) FROM api_keys),
    (SELECT sum(hashtextextended(ROW(model_id, alias, version_id)::text, 0)) FROM model_aliases),
    (SELECT sum(hashtextextended(ROW(id, stable_version_id, cors_origins, max_in_flight, max_queue)::text, 0)) FROM deployments),
    (SELECT sum(hashtextextended(ROW(id, canary_version_id, weight)::text, 0)) FROM rollouts WHERE status IN ('running', 'paused')),
    (SELECT count(*) FROM model_versions),
    (SELECT count(*) FROM projects)
)::text;
