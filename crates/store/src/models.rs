use std::collections::BTreeMap;

use domain::ids::{DatasetVersionId, ModelId, ModelVersionId, ProjectId, TrainingRunId};
use domain::models::{
    Alias, DeployedAs, Evaluation, ModelSummary, ModelVersion, OutputField, Signature,
    TrainedVersion,
};
use domain::{Name, Timestamp};
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use time::OffsetDateTime;

use crate::text::{from_json, name as stored_name, storable_json, to_json};
use crate::{Conn, Result};

/// A version about to be made; never changed afterwards.
#[derive(Clone, Debug)]
pub struct NewVersion<'a> {
    pub id: ModelVersionId,
    pub model: ModelId,
    pub version: i32,
    pub algorithm: &'a str,
    pub params: &'a Value,
    pub metrics: &'a BTreeMap<String, f64>,
    pub signature: &'a Signature,
    pub evaluation: Option<&'a Evaluation>,
    pub dataset_version: Option<DatasetVersionId>,
    pub training_run: Option<TrainingRunId>,
    pub sha256: &'a str,
    pub created_by: &'a str,
    pub created_at: Timestamp,
}

/// A model without its versions.
#[derive(Clone, Debug)]
pub struct ModelRow {
    pub id: ModelId,
    pub name: Name,
    pub created_at: Timestamp,
}

struct Row {
    id: Uuid,
    model: String,
    version: i32,
    algorithm: String,
    params: Value,
    metrics: Json<BTreeMap<String, f64>>,
    signature: Json<Signature>,
    evaluation: Option<Json<Evaluation>>,
    dataset: Option<String>,
    dataset_version: Option<i32>,
    training_run_id: Option<Uuid>,
    aliases: Vec<String>,
    deployed: Value,
    sha256: String,
    bytes: i64,
    created_by: String,
    created_at: OffsetDateTime,
}

impl Row {
    fn into_version(self) -> Result<ModelVersion> {
        Ok(ModelVersion {
            id: ModelVersionId(self.id),
            model: stored_name("models.name", self.model)?,
            version: self.version,
            algorithm: self.algorithm,
            params: self.params,
            metrics: self.metrics.0,
            signature: self.signature.0,
            dataset: self
                .dataset
                .map(|name| stored_name("datasets.name", name))
                .transpose()?,
            dataset_version: self.dataset_version,
            training_run: self.training_run_id.map(TrainingRunId),
            aliases: self
                .aliases
                .into_iter()
                .map(|name| stored_name("model_aliases.alias", name))
                .collect::<Result<_>>()?,
            deployed: from_json::<Vec<DeployedAs>>("deployments", self.deployed)?,
            created_by: self.created_by,
            created_at: self.created_at.into(),
            sha256: self.sha256,
            bytes: self.bytes as u64,
            evaluation: self.evaluation.map(|evaluation| evaluation.0),
            remote: None,
        })
    }
}

/// The project's model of this name, made if there is none, and locked until the transaction ends: whoever adds a version
/// does it alone.
pub async fn lock_or_create(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
    new_id: ModelId,
    now: Timestamp,
) -> Result<ModelId> {
    sqlx::query!(
        "INSERT INTO models (id, project_id, name, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT models_name_key DO NOTHING",
        new_id.0,
        project.0,
        name.as_str(),
        now.into_inner(),
    )
    .execute(&mut *conn)
    .await?;
    let id = sqlx::query_scalar!(
        "SELECT id FROM models WHERE project_id = $1 AND name = $2 FOR UPDATE",
        project.0,
        name.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(ModelId(id))
}

/// The model, locked until the transaction ends.
pub async fn lock(conn: &mut Conn, project: ProjectId, name: &Name) -> Result<Option<ModelId>> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM models WHERE project_id = $1 AND name = $2 FOR UPDATE",
        project.0,
        name.as_str()
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(ModelId))
}

/// The number that the next version gets. Only true while the model is locked.
pub async fn next_version(conn: &mut Conn, model: ModelId) -> Result<i32> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(max(version), 0) + 1 AS "next!" FROM model_versions WHERE model_id = $1"#,
        model.0,
    )
    .fetch_one(conn)
    .await?)
}

/// The blob must be known already.
pub async fn insert_version(conn: &mut Conn, new: &NewVersion<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO model_versions (id, model_id, version, algorithm, params, metrics, signature, evaluation,
             dataset_version_id, training_run_id, sha256, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        new.id.0,
        new.model.0,
        new.version,
        new.algorithm,
        storable_json(new.params.clone()),
        to_json("model_versions.metrics", new.metrics)?,
        to_json("model_versions.signature", new.signature)?,
        new.evaluation.map(|evaluation| to_json("model_versions.evaluation", evaluation)).transpose()?,
        new.dataset_version.map(|id| id.0),
        new.training_run.map(|id| id.0),
        new.sha256,
        new.created_by,
        new.created_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn find(conn: &mut Conn, project: ProjectId, name: &Name) -> Result<Option<ModelRow>> {
    let row = sqlx::query!(
        "SELECT id, name, created_at FROM models WHERE project_id = $1 AND name = $2",
        project.0,
        name.as_str()
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(ModelRow {
            id: ModelId(row.id),
            name: stored_name("models.name", row.name)?,
            created_at: row.created_at.into(),
        })
    })
    .transpose()
}

/// One version when `version` says which, else all, newest first. Evaluations are long and come only when asked for.
pub async fn versions(
    conn: &mut Conn,
    model: ModelId,
    version: Option<i32>,
    with_evaluation: bool,
) -> Result<Vec<ModelVersion>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT v.id, m.name AS model, v.version, v.algorithm, v.params, v.metrics AS "metrics: Json<BTreeMap<String, f64>>",
                  v.signature AS "signature: Json<Signature>",
                  CASE WHEN $3 THEN v.evaluation END AS "evaluation: Json<Evaluation>",
                  d.name AS "dataset?", dv.version AS "dataset_version?", v.training_run_id,
                  ARRAY(SELECT alias FROM model_aliases WHERE version_id = v.id ORDER BY alias) AS "aliases!",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('deployment', serving.name, 'arm', serving.arm)
                                             ORDER BY serving.name, serving.arm DESC), '[]')
                   FROM (
                       SELECT name, 'stable' AS arm FROM deployments WHERE stable_version_id = v.id
                       UNION ALL
                       SELECT served.name, 'canary' FROM rollouts r JOIN deployments served ON served.id = r.deployment_id
                       WHERE r.canary_version_id = v.id AND r.status IN ('running', 'paused')
                   ) AS serving) AS "deployed!",
                  v.sha256, b.bytes, v.created_by, v.created_at
           FROM model_versions v
           JOIN models m ON m.id = v.model_id
           JOIN blobs b ON b.sha256 = v.sha256
           LEFT JOIN dataset_versions dv ON dv.id = v.dataset_version_id
           LEFT JOIN datasets d ON d.id = dv.dataset_id
           WHERE v.model_id = $1 AND ($2::integer IS NULL OR v.version = $2)
           ORDER BY v.version DESC"#,
        model.0,
        version,
        with_evaluation,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::into_version).collect()
}

/// The version that a training run made.
pub async fn version_of_run(
    conn: &mut Conn,
    run: TrainingRunId,
    with_evaluation: bool,
) -> Result<Option<ModelVersion>> {
    let made = sqlx::query!(
        "SELECT model_id, version FROM model_versions WHERE training_run_id = $1",
        run.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(made) = made else { return Ok(None) };
    let found = versions(
        conn,
        ModelId(made.model_id),
        Some(made.version),
        with_evaluation,
    );
    Ok(found.await?.into_iter().next())
}

/// The row of one version.
pub async fn version_id(
    conn: &mut Conn,
    model: ModelId,
    version: i32,
) -> Result<Option<ModelVersionId>> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM model_versions WHERE model_id = $1 AND version = $2",
        model.0,
        version
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(ModelVersionId))
}

/// Those that training runs made, newest first, at most `limit`.
pub async fn trained(conn: &mut Conn, model: ModelId, limit: i64) -> Result<Vec<TrainedVersion>> {
    let rows = sqlx::query!(
        r#"SELECT v.version, v.algorithm, d.name AS "dataset?", v.signature->'output'->>'name' AS "target!"
           FROM model_versions v
           LEFT JOIN dataset_versions dv ON dv.id = v.dataset_version_id
           LEFT JOIN datasets d ON d.id = dv.dataset_id
           WHERE v.model_id = $1 AND v.training_run_id IS NOT NULL
           ORDER BY v.version DESC LIMIT $2"#,
        model.0,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let dataset = row.dataset.map(|name| stored_name("datasets.name", name));
            Ok(TrainedVersion {
                version: row.version,
                algorithm: row.algorithm,
                dataset: dataset.transpose()?,
                target: row.target,
            })
        })
        .collect()
}

/// What these versions of a model predict, by their numbers.
pub async fn outputs(
    conn: &mut Conn,
    model: ModelId,
    versions: &[i32],
) -> Result<BTreeMap<i32, OutputField>> {
    let rows = sqlx::query!(
        r#"SELECT version, signature->'output' AS "output!: Json<OutputField>" FROM model_versions
           WHERE model_id = $1 AND version = ANY($2)"#,
        model.0,
        versions,
    )
    .fetch_all(conn)
    .await?;
    let outputs = rows.into_iter().map(|row| (row.version, row.output.0));
    Ok(outputs.collect())
}

pub async fn aliases(conn: &mut Conn, model: ModelId) -> Result<Vec<Alias>> {
    let rows = sqlx::query!(
        "SELECT a.alias, v.version FROM model_aliases a JOIN model_versions v ON v.id = a.version_id
         WHERE a.model_id = $1 ORDER BY a.alias",
        model.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Alias {
                alias: stored_name("model_aliases.alias", row.alias)?,
                version: row.version,
            })
        })
        .collect()
}

pub async fn set_alias(
    conn: &mut Conn,
    model: ModelId,
    alias: &Name,
    version: ModelVersionId,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO model_aliases (model_id, alias, version_id, updated_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (model_id, alias) DO UPDATE SET version_id = excluded.version_id, updated_at = excluded.updated_at",
        model.0,
        alias.as_str(),
        version.0,
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// `false`: there was no such alias.
pub async fn remove_alias(conn: &mut Conn, model: ModelId, alias: &Name) -> Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM model_aliases WHERE model_id = $1 AND alias = $2",
        model.0,
        alias.as_str()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Models by their newest version, newest first. `before` is the `updated_at` and id of the last one already seen.
pub async fn list(
    conn: &mut Conn,
    project: ProjectId,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<ModelSummary>> {
    let (before_at, before_id) = before.map(|(at, id)| (at.into_inner(), id)).unzip();
    let rows = sqlx::query!(
        r#"SELECT m.id, m.name, v.version, v.algorithm, v.metrics AS "metrics: Json<BTreeMap<String, f64>>",
                  v.created_at AS updated_at,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('alias', a.alias, 'version', named.version) ORDER BY a.alias), '[]')
                   FROM model_aliases a JOIN model_versions named ON named.id = a.version_id
                   WHERE a.model_id = m.id) AS "aliases!",
                  ARRAY(SELECT d.name FROM deployments d WHERE d.model_id = m.id ORDER BY d.name) AS "deployments!"
           FROM models m
           JOIN LATERAL (
               SELECT version, algorithm, metrics, created_at FROM model_versions WHERE model_id = m.id ORDER BY version DESC LIMIT 1
           ) v ON true
           WHERE m.project_id = $1 AND ($2::timestamptz IS NULL OR (v.created_at, m.id) < ($2, $3))
           ORDER BY v.created_at DESC, m.id DESC LIMIT $4"#,
        project.0,
        before_at,
        before_id,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ModelSummary {
                id: ModelId(row.id),
                name: stored_name("models.name", row.name)?,
                latest_version: row.version,
                algorithm: row.algorithm,
                metrics: row.metrics.0,
                aliases: from_json("model_aliases", row.aliases)?,
                deployments: row
                    .deployments
                    .into_iter()
                    .map(|name| stored_name("deployments.name", name))
                    .collect::<Result<_>>()?,
                updated_at: row.updated_at.into(),
            })
        })
        .collect()
}
