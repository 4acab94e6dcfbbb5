use std::collections::BTreeSet;

use domain::ids::DeploymentId;
use domain::predictions::PredictionRecord;
use time::{Date, OffsetDateTime};

use crate::{Conn, Result, text};

/// Adds sampled predictions to the log. Those of deployments that are gone are dropped.
pub async fn add(conn: &mut Conn, records: Vec<PredictionRecord>) -> Result<()> {
    let mut request_ids = Vec::with_capacity(records.len());
    let mut deployments = Vec::with_capacity(records.len());
    let mut versions = Vec::with_capacity(records.len());
    let mut routes = Vec::with_capacity(records.len());
    let mut times = Vec::with_capacity(records.len());
    let mut latencies = Vec::with_capacity(records.len());
    let mut inputs = Vec::with_capacity(records.len());
    let mut predictions = Vec::with_capacity(records.len());
    for record in records {
        request_ids.push(record.request_id);
        deployments.push(record.deployment.map(|id| id.0));
        versions.push(record.model_version.0);
        routes.push(record.route.as_str().to_owned());
        times.push(OffsetDateTime::from(record.at));
        latencies.push(i64::try_from(record.latency_micros).unwrap_or(i64::MAX));
        inputs.push(text::storable_json(record.inputs));
        predictions.push(record.predictions);
    }
    let days: BTreeSet<Date> = times.iter().map(|at| at.date()).collect();
    for day in days {
        sqlx::query!("SELECT ensure_prediction_day($1)", day)
            .execute(&mut *conn)
            .await?;
    }
    sqlx::query!(
        "INSERT INTO predictions (request_id, deployment_id, model_version_id, route, at, latency_micros, inputs, predictions)
         SELECT n.request_id, n.deployment_id, n.model_version_id, n.route, n.at, n.latency_micros, n.inputs, n.predictions
         FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bigint[], $7::jsonb[], $8::jsonb[])
             AS n (request_id, deployment_id, model_version_id, route, at, latency_micros, inputs, predictions)
         LEFT JOIN deployments d ON d.id = n.deployment_id
         WHERE n.deployment_id IS NULL OR d.id IS NOT NULL",
        &request_ids,
        &deployments as &[Option<uuid::Uuid>],
        &versions,
        &routes,
        &times,
        &latencies,
        &inputs,
        &predictions as &[Option<serde_json::Value>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Drops the days before this one. Says how many.
pub async fn drop_days(conn: &mut Conn, before: Date) -> Result<u64> {
    let dropped = sqlx::query_scalar!(r#"SELECT drop_prediction_days($1) AS "dropped!""#, before)
        .fetch_one(conn)
        .await?;
    Ok(dropped.unsigned_abs().into())
}

/// Removes what a deployment has logged.
pub async fn forget(conn: &mut Conn, deployment: DeploymentId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM predictions WHERE deployment_id = $1",
        deployment.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
