-- Origins of the web pages that may call a deployment from a browser; checked before they are stored.
ALTER TABLE deployments
    ADD COLUMN cors_origins text[] NOT NULL DEFAULT '{}'
        CONSTRAINT deployments_cors_origins CHECK (cardinality(cors_origins) <= 20);

-- As before, with the origins.
CREATE OR REPLACE FUNCTION serving_fingerprint() RETURNS text LANGUAGE sql STABLE
RETURN ROW(
    (SELECT sum(hashtextextended(ROW(id, name, scopes, rate_requests, rate_seconds, expires_at, revoked_at)::text, 0)) FROM api_keys),
    (SELECT sum(hashtextextended(ROW(model_id, alias, version_id)::text, 0)) FROM model_aliases),
    (SELECT sum(hashtextextended(ROW(id, stable_version_id, cors_origins)::text, 0)) FROM deployments),
    (SELECT sum(hashtextextended(ROW(id, canary_version_id, weight)::text, 0)) FROM rollouts WHERE status IN ('running', 'paused')),
    (SELECT count(*) FROM model_versions),
    (SELECT count(*) FROM projects)
)::text;
