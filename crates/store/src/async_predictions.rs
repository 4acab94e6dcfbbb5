//! Predictions that no client waits for. Turns and leases go by the database's clock, as those of jobs do.

pub mod queue;

use domain::async_predictions::{AsyncPrediction, AsyncResult};
use domain::callbacks::Callback;
use domain::ids::{AsyncPredictionId, ProjectId};
use domain::predictions::Route;
use domain::problem::Problem;
use domain::{Name, Timestamp};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Conn, Result, text};

/// Where servers hear that something waits to be answered.
pub const QUEUED: &str = "volary_async_queued";
/// Where servers hear what has ended: ids, separated by commas.
pub const FINISHED: &str = "volary_async_finished";

#[derive(Clone, Debug)]
pub struct NewAsyncPrediction<'a> {
    pub id: AsyncPredictionId,
    pub project: ProjectId,
    pub deployment: &'a Name,
    pub request_id: &'a str,
    pub routing_key: &'a [u8],
    /// `Stable` or `Canary`: an arm that the caller asked for.
    pub forced: Option<Route>,
    /// JSON.
    pub body: &'a [u8],
    pub created_by: &'a str,
    pub at: Timestamp,
}

/// A prediction as its caller sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPrediction {
    pub id: AsyncPredictionId,
    pub project: ProjectId,
    pub prediction: AsyncPrediction,
}

struct Row {
    id: Uuid,
    project_id: Uuid,
    request_id: String,
    deployment: String,
    state: String,
    created_at: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
    result: Option<Value>,
    problem: Option<Value>,
    url_host: Option<String>,
    callback_state: Option<String>,
    callback_attempt: Option<i32>,
    next_attempt_at: Option<OffsetDateTime>,
    last_error: Option<String>,
    ended_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for StoredPrediction {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        let callback = match (row.url_host, row.callback_state, row.callback_attempt) {
            (Some(url_host), Some(state), Some(attempts)) => Some(Callback {
                url_host,
                status: crate::callbacks::status(state)?,
                attempts,
                next_attempt_at: row.next_attempt_at.map(Timestamp::from),
                last_error: row.last_error,
                ended_at: row.ended_at.map(Timestamp::from),
            }),
            _ => None,
        };
        let result = row
            .result
            .map(|value| text::from_json::<AsyncResult>("async_predictions.result", value))
            .transpose()?;
        let error = row
            .problem
            .map(|value| text::from_json::<Problem>("async_predictions.problem", value))
            .transpose()?;
        Ok(Self {
            id: AsyncPredictionId(row.id),
            project: ProjectId(row.project_id),
            prediction: AsyncPrediction {
                request_id: row.request_id,
                deployment: text::name("async_predictions.deployment", row.deployment)?,
                status: text::parse("async_predictions.state", row.state)?,
                created_at: row.created_at.into(),
                finished_at: row.finished_at.map(Timestamp::from),
                result,
                error,
                callback,
            },
        })
    }
}

/// Adds a prediction; the servers hear of it when the transaction commits.
///
/// # Errors
/// Breaks `async_predictions_request_id_key` when the project has one with this request id.
pub async fn insert(conn: &mut Conn, new: &NewAsyncPrediction<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO async_predictions (id, project_id, deployment, request_id, routing_key, forced, body, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.id.0,
        new.project.0,
        new.deployment.as_str(),
        new.request_id,
        new.routing_key,
        new.forced.map(Route::as_str),
        new.body,
        new.created_by,
        OffsetDateTime::from(new.at),
    )
    .execute(&mut *conn)
    .await?;
    crate::notify(conn, QUEUED, "").await
}

/// How many of a deployment's have not ended; counted up to `most`.
pub async fn count_waiting(
    conn: &mut Conn,
    project: ProjectId,
    deployment: &Name,
    most: i64,
) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "waiting!" FROM (
             SELECT 1 AS one FROM async_predictions
             WHERE project_id = $1 AND deployment = $2 AND state IN ('queued', 'running') LIMIT $3
         ) AS found"#,
        project.0,
        deployment.as_str(),
        most,
    )
    .fetch_one(conn)
    .await?)
}

/// The same over all deployments.
pub async fn count_all_waiting(conn: &mut Conn, most: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "waiting!" FROM (
             SELECT 1 AS one FROM async_predictions WHERE state IN ('queued', 'running') LIMIT $1
         ) AS found"#,
        most,
    )
    .fetch_one(conn)
    .await?)
}

pub async fn find(
    conn: &mut Conn,
    project: ProjectId,
    request_id: &str,
) -> Result<Option<StoredPrediction>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT p.id, p.project_id, p.request_id, p.deployment, p.state, p.created_at, p.finished_at, p.result, p.problem,
                  c.url_host AS "url_host?", c.state AS "callback_state?", c.attempt AS "callback_attempt?",
                  c.next_attempt_at AS "next_attempt_at?", c.last_error AS "last_error?", c.ended_at AS "ended_at?"
           FROM async_predictions p LEFT JOIN callbacks c ON c.prediction_id = p.id
           WHERE p.project_id = $1 AND p.request_id = $2"#,
        project.0,
        request_id,
    )
    .fetch_optional(conn)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// By its id, whatever the project: for the platform's own work.
pub async fn find_by_id(
    conn: &mut Conn,
    id: AsyncPredictionId,
) -> Result<Option<StoredPrediction>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT p.id, p.project_id, p.request_id, p.deployment, p.state, p.created_at, p.finished_at, p.result, p.problem,
                  c.url_host AS "url_host?", c.state AS "callback_state?", c.attempt AS "callback_attempt?",
                  c.next_attempt_at AS "next_attempt_at?", c.last_error AS "last_error?", c.ended_at AS "ended_at?"
           FROM async_predictions p LEFT JOIN callbacks c ON c.prediction_id = p.id
           WHERE p.id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// `false`: it had ended already. A server that holds it can write nothing any more.
pub async fn cancel(conn: &mut Conn, id: AsyncPredictionId, at: Timestamp) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE async_predictions SET state = 'cancelled', body = NULL, lease_until = NULL, finished_at = $2
         WHERE id = $1 AND state IN ('queued', 'running')",
        id.0,
        OffsetDateTime::from(at),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Tells every server what ends with this transaction.
pub async fn notify_finished(conn: &mut Conn, ids: &[AsyncPredictionId]) -> Result<()> {
    // Postgres takes 8000 bytes.
    for some in ids.chunks(200) {
        let names: Vec<String> = some.iter().map(ToString::to_string).collect();
        crate::notify(conn, FINISHED, &names.join(",")).await?;
    }
    Ok(())
}

/// Forgets some that ended before a moment and have nobody to tell any more. Says how many; 0 when none is left.
pub async fn delete_finished(conn: &mut Conn, before: Timestamp, most: i64) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM async_predictions WHERE id IN (
             SELECT p.id FROM async_predictions p
             WHERE p.finished_at < $1
               AND NOT EXISTS (SELECT FROM callbacks c WHERE c.prediction_id = p.id AND c.state IN ('pending', 'sending'))
             LIMIT $2
         )",
        OffsetDateTime::from(before),
        most,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
