//! What servers do with predictions that no client waits for: take them, answer them, put them back.

use std::time::Duration;

use domain::async_predictions::AsyncResult;
use domain::ids::{AsyncPredictionId, ProjectId};
use domain::predictions::Route;
use domain::problem::Problem;
use domain::{Name, Timestamp};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::jobs::interval;
use crate::{Conn, Result, text};

/// One attempt at one prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    pub prediction: AsyncPredictionId,
    pub attempt: i32,
}

/// A prediction that a server holds, to answer it.
#[derive(Clone, Debug)]
pub struct TakenPrediction {
    pub fence: Fence,
    /// How many servers were lost while they held it.
    pub losses: i32,
    pub project: ProjectId,
    pub deployment: Name,
    pub request_id: String,
    pub routing_key: Vec<u8>,
    pub forced: Option<Route>,
    pub body: Vec<u8>,
    pub created_at: Timestamp,
}

/// How a prediction ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Succeeded(AsyncResult),
    Failed(Problem),
}

struct Taken {
    id: Uuid,
    attempt: i32,
    losses: i32,
    project_id: Uuid,
    deployment: String,
    request_id: String,
    routing_key: Vec<u8>,
    forced: Option<String>,
    body: Vec<u8>,
    created_at: OffsetDateTime,
}

impl TryFrom<Taken> for TakenPrediction {
    type Error = crate::Error;

    fn try_from(row: Taken) -> Result<Self> {
        let forced = row
            .forced
            .map(|word| text::parse::<Route>("async_predictions.forced", word))
            .transpose()?;
        Ok(Self {
            fence: Fence {
                prediction: AsyncPredictionId(row.id),
                attempt: row.attempt,
            },
            losses: row.losses,
            project: ProjectId(row.project_id),
            deployment: text::name("async_predictions.deployment", row.deployment)?,
            request_id: row.request_id,
            routing_key: row.routing_key,
            forced,
            body: row.body,
            created_at: row.created_at.into(),
        })
    }
}

/// Takes those that have waited longest. Two servers never take the same.
pub async fn take(conn: &mut Conn, most: i64, lease: Duration) -> Result<Vec<TakenPrediction>> {
    let rows = sqlx::query_as!(
        Taken,
        r#"WITH due AS MATERIALIZED (
             SELECT id FROM async_predictions WHERE state = 'queued' AND run_after <= now()
             ORDER BY run_after, id LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         UPDATE async_predictions p SET state = 'running', attempt = p.attempt + 1, lease_until = now() + $2
         FROM due WHERE p.id = due.id
         RETURNING p.id, p.attempt, p.losses, p.project_id, p.deployment, p.request_id, p.routing_key, p.forced,
                   p.body AS "body!", p.created_at"#,
        most,
        interval(lease)?,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Takes one over whose server was lost. One at a time: if it is what ended that server, it takes no others with it again.
pub async fn take_lost(conn: &mut Conn, lease: Duration) -> Result<Option<TakenPrediction>> {
    let row = sqlx::query_as!(
        Taken,
        r#"UPDATE async_predictions p SET attempt = p.attempt + 1, losses = p.losses + 1, lease_until = now() + $1
         WHERE p.id = (
             SELECT id FROM async_predictions WHERE state = 'running' AND lease_until < now()
             ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
         )
         RETURNING p.id, p.attempt, p.losses, p.project_id, p.deployment, p.request_id, p.routing_key, p.forced,
                   p.body AS "body!", p.created_at"#,
        interval(lease)?,
    )
    .fetch_optional(conn)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Holds predictions for longer than they were taken for.
pub async fn hold(conn: &mut Conn, fences: &[Fence], lease: Duration) -> Result<()> {
    let (ids, attempts): (Vec<Uuid>, Vec<i32>) = fences
        .iter()
        .map(|fence| (fence.prediction.0, fence.attempt))
        .unzip();
    sqlx::query!(
        "UPDATE async_predictions p SET lease_until = now() + $3
         FROM unnest($1::uuid[], $2::integer[]) AS n (id, attempt)
         WHERE p.id = n.id AND p.attempt = n.attempt AND p.state = 'running'",
        &ids,
        &attempts,
        interval(lease)?,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends predictions. Those that are missing from the answer were no longer these attempts': nothing of them was written.
pub async fn finish(
    conn: &mut Conn,
    ended: Vec<(Fence, End)>,
    at: Timestamp,
) -> Result<Vec<AsyncPredictionId>> {
    let mut ids = Vec::with_capacity(ended.len());
    let mut attempts = Vec::with_capacity(ended.len());
    let mut results = Vec::with_capacity(ended.len());
    let mut problems = Vec::with_capacity(ended.len());
    for (fence, end) in ended {
        let (result, problem) = match end {
            End::Succeeded(result) => (
                Some(text::to_json("async_predictions.result", &result)?),
                None,
            ),
            End::Failed(problem) => (
                None,
                Some(text::to_json("async_predictions.problem", &problem)?),
            ),
        };
        ids.push(fence.prediction.0);
        attempts.push(fence.attempt);
        results.push(result);
        problems.push(problem);
    }
    let written = sqlx::query_scalar!(
        "UPDATE async_predictions p
         SET state = CASE WHEN n.result IS NULL THEN 'failed' ELSE 'succeeded' END, result = n.result, problem = n.problem,
             body = NULL, lease_until = NULL, finished_at = $5
         FROM unnest($1::uuid[], $2::integer[], $3::jsonb[], $4::jsonb[]) AS n (id, attempt, result, problem)
         WHERE p.id = n.id AND p.attempt = n.attempt AND p.state = 'running'
         RETURNING p.id",
        &ids,
        &attempts,
        &results as &[Option<Value>],
        &problems as &[Option<Value>],
        OffsetDateTime::from(at),
    )
    .fetch_all(conn)
    .await?;
    Ok(written.into_iter().map(AsyncPredictionId).collect())
}

/// Puts predictions back that can not be answered yet; their turn comes again after `delay`.
pub async fn defer(conn: &mut Conn, fences: &[Fence], delay: Duration) -> Result<()> {
    let (ids, attempts): (Vec<Uuid>, Vec<i32>) = fences
        .iter()
        .map(|fence| (fence.prediction.0, fence.attempt))
        .unzip();
    sqlx::query!(
        "UPDATE async_predictions p SET state = 'queued', lease_until = NULL, run_after = now() + $3
         FROM unnest($1::uuid[], $2::integer[]) AS n (id, attempt)
         WHERE p.id = n.id AND p.attempt = n.attempt AND p.state = 'running'",
        &ids,
        &attempts,
        interval(delay)?,
    )
    .execute(conn)
    .await?;
    Ok(())
}
