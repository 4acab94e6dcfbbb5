//! Whom to tell that a prediction has ended. Turns and leases go by the database's clock.

use std::time::Duration;

use domain::Timestamp;
use domain::callbacks::CallbackStatus;
use domain::ids::{AsyncPredictionId, ProjectId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::jobs::interval;
use crate::text::storable;
use crate::{Conn, Error, Result};

/// Where servers hear that something is to be sent.
pub const CHANNEL: &str = "volary_callbacks";

/// One attempt at one callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    pub prediction: AsyncPredictionId,
    pub attempt: i32,
}

/// A callback that a server holds, to send it.
#[derive(Clone, Debug)]
pub struct TakenCallback {
    pub fence: Fence,
    pub project: ProjectId,
    pub url: String,
}

/// That a server holds it is its own affair: to its caller it is still to be sent.
pub(crate) fn status(state: String) -> Result<CallbackStatus> {
    match state.as_str() {
        "waiting" => Ok(CallbackStatus::Waiting),
        "pending" | "sending" => Ok(CallbackStatus::Pending),
        "delivered" => Ok(CallbackStatus::Delivered),
        "failed" => Ok(CallbackStatus::Failed),
        _ => Err(Error::stored("callbacks.state", state)),
    }
}

/// Waits for the prediction's end.
pub async fn insert(
    conn: &mut Conn,
    prediction: AsyncPredictionId,
    project: ProjectId,
    url: &str,
    url_host: &str,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO callbacks (prediction_id, project_id, url, url_host) VALUES ($1, $2, $3, $4)",
        prediction.0,
        project.0,
        url,
        url_host,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the callbacks of predictions that end with this transaction due; the servers hear of it when it commits.
pub async fn wake(conn: &mut Conn, ended: &[AsyncPredictionId]) -> Result<()> {
    let ids: Vec<Uuid> = ended.iter().map(|id| id.0).collect();
    let woken = sqlx::query!(
        "UPDATE callbacks SET state = 'pending', next_attempt_at = now()
         WHERE prediction_id = ANY($1) AND state = 'waiting'",
        &ids,
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if woken > 0 {
        crate::notify(conn, CHANNEL, "").await?;
    }
    Ok(())
}

/// Takes those whose turn came first, at most `most`, and of each project no more than make `most_of_project` with those
/// that are being sent: receivers of one project that are slow keep no other's waiting.
pub async fn take(
    conn: &mut Conn,
    most: i64,
    most_of_project: i64,
    lease: Duration,
) -> Result<Vec<TakenCallback>> {
    let rows = sqlx::query!(
        "WITH due AS MATERIALIZED (
             SELECT free.prediction_id
             FROM (SELECT project_id, count(*) FILTER (WHERE state = 'sending') AS sending
                   FROM callbacks WHERE state IN ('pending', 'sending') GROUP BY project_id) AS busy
             CROSS JOIN LATERAL (
                 SELECT c.prediction_id, c.next_attempt_at FROM callbacks c
                 WHERE c.project_id = busy.project_id AND c.state = 'pending' AND c.next_attempt_at <= now()
                 ORDER BY c.next_attempt_at LIMIT greatest($2::bigint - busy.sending, 0)
                 FOR UPDATE SKIP LOCKED
             ) AS free
             ORDER BY free.next_attempt_at LIMIT $1
         )
         UPDATE callbacks c SET state = 'sending', attempt = c.attempt + 1, next_attempt_at = NULL, lease_until = now() + $3
         FROM due WHERE c.prediction_id = due.prediction_id
         RETURNING c.prediction_id, c.attempt, c.project_id, c.url",
        most,
        most_of_project,
        interval(lease)?,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TakenCallback {
            fence: Fence {
                prediction: AsyncPredictionId(row.prediction_id),
                attempt: row.attempt,
            },
            project: ProjectId(row.project_id),
            url: row.url,
        })
        .collect())
}

/// Makes due again what was lost with its server, or gives it up after so many attempts. It may have been delivered: its
/// receiver knows it by its id.
pub async fn requeue_expired(conn: &mut Conn, most_attempts: i32) -> Result<u64> {
    let done = sqlx::query!(
        "UPDATE callbacks
         SET state = CASE WHEN attempt < $1 THEN 'pending' ELSE 'failed' END,
             next_attempt_at = CASE WHEN attempt < $1 THEN now() END,
             ended_at = CASE WHEN attempt < $1 THEN NULL ELSE now() END,
             last_error = 'the server that sent it was lost', lease_until = NULL
         WHERE state = 'sending' AND lease_until < now()",
        most_attempts,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Ends a callback: delivered, or given up for this reason. `false`: it is no longer this attempt's.
pub async fn end(
    conn: &mut Conn,
    fence: Fence,
    given_up: Option<&str>,
    at: Timestamp,
) -> Result<bool> {
    let state = if given_up.is_some() {
        "failed"
    } else {
        "delivered"
    };
    let reason = given_up.map(storable);
    let done = sqlx::query!(
        "UPDATE callbacks SET state = $3, last_error = $4, lease_until = NULL, ended_at = $5
         WHERE prediction_id = $1 AND attempt = $2 AND state = 'sending'",
        fence.prediction.0,
        fence.attempt,
        state,
        reason.as_deref(),
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a callback back, to be sent again after `delay`. `false`: it is no longer this attempt's.
pub async fn retry(conn: &mut Conn, fence: Fence, reason: &str, delay: Duration) -> Result<bool> {
    let reason = storable(reason);
    let done = sqlx::query!(
        "UPDATE callbacks SET state = 'pending', last_error = $3, lease_until = NULL, next_attempt_at = now() + $4
         WHERE prediction_id = $1 AND attempt = $2 AND state = 'sending'",
        fence.prediction.0,
        fence.attempt,
        &*reason,
        interval(delay)?,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
