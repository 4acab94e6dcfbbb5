use domain::Timestamp;
use domain::predictions::PredictionRecord;
use time::OffsetDateTime;

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

/// Removes what was logged before a moment. Says how many rows went.
pub async fn trim(conn: &mut Conn, before: Timestamp) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM predictions WHERE at < $1",
        OffsetDateTime::from(before)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
