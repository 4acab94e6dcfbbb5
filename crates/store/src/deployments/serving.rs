//! The whole serving table, for the snapshot of a process.

use std::collections::HashMap;

use domain::Timestamp;
use domain::api_keys::RateLimit;
use domain::deployments::Capacity;
use domain::ids::{ApiKeyId, DeploymentId, ModelId, ModelVersionId, ProjectId, RolloutId};
use domain::models::RemoteToken;
use domain::serving::{
    ServingAlias, ServingDeployment, ServingKey, ServingModel, ServingProject, ServingRollout,
    ServingTable, ServingVersion,
};
use time::OffsetDateTime;

use crate::api_keys::budget;
use crate::{Conn, Error, Result, text};

/// Changes whenever something that is served does.
pub async fn fingerprint(conn: &mut Conn) -> Result<String> {
    let fingerprint = sqlx::query_scalar!(r#"SELECT serving_fingerprint() AS "fingerprint!""#)
        .fetch_one(conn)
        .await?;
    Ok(fingerprint)
}

/// Everything that is served. The caller's transaction must see one moment, or parts would not fit each other.
pub async fn table(conn: &mut Conn, now: Timestamp) -> Result<ServingTable> {
    Ok(ServingTable {
        fingerprint: fingerprint(conn).await?,
        projects: projects(conn).await?,
        keys: keys(conn, now).await?,
        models: models(conn).await?,
        deployments: deployments(conn).await?,
    })
}

async fn projects(conn: &mut Conn) -> Result<Vec<ServingProject>> {
    let rows = sqlx::query!("SELECT id, name FROM projects")
        .fetch_all(conn)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ServingProject {
                id: ProjectId(row.id),
                name: text::name("projects.name", row.name)?,
            })
        })
        .collect()
}

async fn keys(conn: &mut Conn, now: Timestamp) -> Result<Vec<ServingKey>> {
    let rows = sqlx::query!(
        "SELECT id, project_id, name, key_hash, scopes, rate_requests, rate_seconds, expires_at, line_id, budget_requests,
                budget_period, budget_hard
         FROM api_keys
         WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)",
        OffsetDateTime::from(now),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let scopes = row.scopes.iter().map(|scope| {
                scope
                    .parse()
                    .map_err(|error| Error::stored("api_keys.scopes", error))
            });
            Ok(ServingKey {
                id: ApiKeyId(row.id),
                project: ProjectId(row.project_id),
                name: row.name,
                hash: row
                    .key_hash
                    .try_into()
                    .map_err(|_| Error::stored("api_keys.key_hash", "not 32 bytes"))?,
                scopes: scopes.collect::<Result<_>>()?,
                rate: RateLimit {
                    requests: row
                        .rate_requests
                        .try_into()
                        .map_err(|error| Error::stored("api_keys.rate_requests", error))?,
                    per_seconds: row
                        .rate_seconds
                        .try_into()
                        .map_err(|error| Error::stored("api_keys.rate_seconds", error))?,
                },
                line: ApiKeyId(row.line_id),
                budget: budget(row.budget_requests, row.budget_period, row.budget_hard)?,
                expires_at: row.expires_at.map(Into::into),
            })
        })
        .collect()
}

async fn models(conn: &mut Conn) -> Result<Vec<ServingModel>> {
    let mut versions: HashMap<uuid::Uuid, Vec<ServingVersion>> = HashMap::new();
    for row in sqlx::query!(
        r#"SELECT v.id, v.model_id, v.version, v.sha256, t.token AS "token?"
           FROM model_versions v LEFT JOIN remote_tokens t ON t.version_id = v.id
           ORDER BY v.model_id, v.version"#
    )
    .fetch_all(&mut *conn)
    .await?
    {
        let version = ServingVersion {
            id: ModelVersionId(row.id),
            number: row.version,
            sha256: row.sha256,
            remote_token: row.token.map(RemoteToken::new),
        };
        versions.entry(row.model_id).or_default().push(version);
    }
    let mut aliases: HashMap<uuid::Uuid, Vec<ServingAlias>> = HashMap::new();
    for row in sqlx::query!("SELECT model_id, alias, version_id FROM model_aliases")
        .fetch_all(&mut *conn)
        .await?
    {
        let alias = ServingAlias {
            alias: text::name("model_aliases.alias", row.alias)?,
            version: ModelVersionId(row.version_id),
        };
        aliases.entry(row.model_id).or_default().push(alias);
    }
    let rows = sqlx::query!("SELECT id, project_id, name FROM models")
        .fetch_all(conn)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ServingModel {
                id: ModelId(row.id),
                project: ProjectId(row.project_id),
                name: text::name("models.name", row.name)?,
                versions: versions.remove(&row.id).unwrap_or_default(),
                aliases: aliases.remove(&row.id).unwrap_or_default(),
            })
        })
        .collect()
}

async fn deployments(conn: &mut Conn) -> Result<Vec<ServingDeployment>> {
    let rows = sqlx::query!(
        r#"SELECT d.id, d.project_id, d.name, d.model_id, d.stable_version_id, d.cors_origins, d.max_in_flight, d.max_queue, d.min_warm,
                  d.idle_seconds, d.max_batch, d.max_delay_us,
                  r.id AS "rollout_id?", r.canary_version_id AS "canary_version_id?", r.weight AS "weight?"
           FROM deployments d
           LEFT JOIN rollouts r ON r.deployment_id = d.id AND r.status IN ('running', 'paused')"#
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let rollout = match (row.rollout_id, row.canary_version_id, row.weight) {
                (Some(id), Some(canary), Some(weight)) => Some(ServingRollout {
                    id: RolloutId(id),
                    canary: ModelVersionId(canary),
                    weight,
                }),
                _ => None,
            };
            Ok(ServingDeployment {
                id: DeploymentId(row.id),
                project: ProjectId(row.project_id),
                name: text::name("deployments.name", row.name)?,
                model: ModelId(row.model_id),
                stable: ModelVersionId(row.stable_version_id),
                rollout,
                cors_origins: super::cors_origins(row.cors_origins)?,
                capacity: Capacity {
                    max_in_flight: row.max_in_flight,
                    max_queue: row.max_queue,
                    min_warm: row.min_warm,
                    idle_seconds: row.idle_seconds,
                    max_batch: row.max_batch,
                    max_delay_us: row.max_delay_us,
                },
            })
        })
        .collect()
}
