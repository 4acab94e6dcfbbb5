//! The queue. All its times are the database's: a worker whose clock is wrong neither steals nor loses a lease.

use std::time::Duration;

use domain::ids::JobId;
use serde_json::Value;
use sqlx::postgres::types::PgInterval;

use crate::text::storable;
use crate::{Conn, Error, Result};

/// Where workers hear of new and cancelled jobs. The payload is the id of a job to cancel, or empty.
pub const CHANNEL: &str = "volary_jobs";

/// One attempt at one job. Whatever a job writes, it first shows that this attempt still holds the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    pub job: JobId,
    pub attempt: i32,
}

/// A job to be put into the queue.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    pub id: JobId,
    /// Which handler takes it.
    pub kind: &'a str,
    pub payload: &'a Value,
    pub max_attempts: i32,
}

/// A job that a worker holds.
#[derive(Clone, Debug)]
pub struct TakenJob {
    pub fence: Fence,
    pub kind: String,
    pub payload: Value,
    pub max_attempts: i32,
    /// Somebody asked for it to stop before it was taken.
    pub cancel_requested: bool,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    Succeeded,
    Failed(String),
    Cancelled,
}

/// What became of a request to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun, and will not.
    BeforeStart,
    /// Its worker has been told.
    Requested,
    /// It had ended already.
    TooLate,
}

/// Adds a job; the workers hear of it when the transaction commits.
pub async fn enqueue(conn: &mut Conn, job: &NewJob<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO jobs (id, kind, payload, max_attempts, run_after, created_at) VALUES ($1, $2, $3, $4, now(), now())",
        job.id.0,
        job.kind,
        job.payload,
        job.max_attempts,
    )
    .execute(&mut *conn)
    .await?;
    crate::notify(conn, CHANNEL, "").await
}

/// Takes the job that has waited longest, if there is one of these kinds. Two workers never take the same.
pub async fn take(
    conn: &mut Conn,
    worker: &str,
    kinds: &[String],
    lease: Duration,
) -> Result<Option<TakenJob>> {
    let row = sqlx::query!(
        "UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_until = now() + $3, worker = $1,
             started_at = coalesce(started_at, now())
         WHERE id = (
             SELECT id FROM jobs WHERE state = 'queued' AND run_after <= now() AND kind = ANY($2)
             ORDER BY run_after, id FOR UPDATE SKIP LOCKED LIMIT 1
         )
         RETURNING id, kind, payload, attempt, max_attempts, cancel_requested",
        worker,
        kinds,
        interval(lease)?,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| TakenJob {
        fence: Fence {
            job: JobId(row.id),
            attempt: row.attempt,
        },
        kind: row.kind,
        payload: row.payload,
        max_attempts: row.max_attempts,
        cancel_requested: row.cancel_requested,
    }))
}

/// Renews the leases of these attempts. What is missing from the answer has been lost to another attempt, or has ended.
/// The flag says that somebody wants the job to stop.
pub async fn heartbeat(
    conn: &mut Conn,
    fences: &[Fence],
    lease: Duration,
) -> Result<Vec<(Fence, bool)>> {
    let (jobs, attempts) = columns(fences);
    let rows = sqlx::query!(
        "UPDATE jobs SET lease_until = now() + $3
         FROM unnest($1::uuid[], $2::integer[]) AS held (id, attempt)
         WHERE jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.state = 'running'
         RETURNING jobs.id, jobs.attempt, jobs.cancel_requested",
        &jobs,
        &attempts,
        interval(lease)?,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                Fence {
                    job: JobId(row.id),
                    attempt: row.attempt,
                },
                row.cancel_requested,
            )
        })
        .collect())
}

/// Locks the job until the transaction ends and says whether this attempt still holds it: the fence before every write
/// of a job. The flag inside says that somebody wants it to stop. `None`: write nothing.
pub async fn hold(conn: &mut Conn, fence: Fence) -> Result<Option<bool>> {
    Ok(sqlx::query_scalar!(
        "SELECT cancel_requested FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'running' FOR UPDATE",
        fence.job.0,
        fence.attempt,
    )
    .fetch_optional(conn)
    .await?)
}

/// Ends a job. `false`: this attempt no longer holds it, and nothing was written.
pub async fn finish(conn: &mut Conn, fence: Fence, end: &JobEnd) -> Result<bool> {
    let (state, error) = match end {
        JobEnd::Succeeded => ("succeeded", None),
        JobEnd::Failed(reason) => ("failed", Some(storable(reason))),
        JobEnd::Cancelled => ("cancelled", None),
    };
    let done = sqlx::query!(
        "UPDATE jobs SET state = $3, error = $4, lease_until = NULL, finished_at = now()
         WHERE id = $1 AND attempt = $2 AND state = 'running'",
        fence.job.0,
        fence.attempt,
        state,
        error.as_deref(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts an attempt that went wrong back into the queue, to be tried again after `delay`. `false`: it was the last attempt
/// that the job has, or the job is no longer this attempt's.
pub async fn retry(conn: &mut Conn, fence: Fence, delay: Duration) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE jobs SET state = 'queued', lease_until = NULL, worker = NULL, run_after = now() + $3
         WHERE id = $1 AND attempt = $2 AND state = 'running' AND attempt < max_attempts",
        fence.job.0,
        fence.attempt,
        interval(delay)?,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives jobs back at once because their worker is going away. It was not their fault, so it costs them no attempt.
pub async fn release(conn: &mut Conn, fences: &[Fence]) -> Result<u64> {
    let (jobs, attempts) = columns(fences);
    let released = sqlx::query!(
        "UPDATE jobs SET state = 'queued', lease_until = NULL, worker = NULL, run_after = now(), max_attempts = max_attempts + 1
         FROM unnest($1::uuid[], $2::integer[]) AS held (id, attempt)
         WHERE jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.state = 'running'",
        &jobs,
        &attempts,
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if released > 0 {
        crate::notify(conn, CHANNEL, "").await?;
    }
    Ok(released)
}

/// Queues again what was lost with its worker and still has an attempt left. Says how many.
pub async fn requeue_expired(conn: &mut Conn) -> Result<u64> {
    let requeued = sqlx::query!(
        "UPDATE jobs SET state = 'queued', lease_until = NULL, worker = NULL, run_after = now()
         WHERE id IN (
             SELECT id FROM jobs
             WHERE state = 'running' AND lease_until < now() AND attempt < max_attempts AND NOT cancel_requested
             FOR UPDATE SKIP LOCKED
         )",
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if requeued > 0 {
        crate::notify(conn, CHANNEL, "").await?;
    }
    Ok(requeued)
}

/// Takes over a job that was lost with its worker for the last time, only to give it an end. The new attempt number keeps
/// the lost worker out, should it come back.
pub async fn take_abandoned(
    conn: &mut Conn,
    worker: &str,
    kinds: &[String],
    lease: Duration,
) -> Result<Option<TakenJob>> {
    let row = sqlx::query!(
        "UPDATE jobs SET attempt = attempt + 1, lease_until = now() + $3, worker = $1
         WHERE id = (
             SELECT id FROM jobs
             WHERE state = 'running' AND lease_until < now() AND kind = ANY($2) AND (attempt >= max_attempts OR cancel_requested)
             ORDER BY lease_until FOR UPDATE SKIP LOCKED LIMIT 1
         )
         RETURNING id, kind, payload, attempt, max_attempts, cancel_requested",
        worker,
        kinds,
        interval(lease)?,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| TakenJob {
        fence: Fence {
            job: JobId(row.id),
            attempt: row.attempt,
        },
        kind: row.kind,
        payload: row.payload,
        max_attempts: row.max_attempts,
        cancel_requested: row.cancel_requested,
    }))
}

/// Asks for a job to stop. One that waits is cancelled here and now; the worker of one that runs hears of it when the
/// transaction commits. The job stays locked until then.
pub async fn cancel(conn: &mut Conn, job: JobId) -> Result<Cancelled> {
    let state = sqlx::query_scalar!("SELECT state FROM jobs WHERE id = $1 FOR UPDATE", job.0)
        .fetch_optional(&mut *conn)
        .await?;
    match state.as_deref() {
        Some("queued") => {
            sqlx::query!(
                "UPDATE jobs SET state = 'cancelled', cancel_requested = true, finished_at = now() WHERE id = $1",
                job.0,
            )
            .execute(conn)
            .await?;
            Ok(Cancelled::BeforeStart)
        }
        Some("running") => {
            sqlx::query!(
                "UPDATE jobs SET cancel_requested = true WHERE id = $1",
                job.0
            )
            .execute(&mut *conn)
            .await?;
            crate::notify(conn, CHANNEL, &job.to_string()).await?;
            Ok(Cancelled::Requested)
        }
        _ => Ok(Cancelled::TooLate),
    }
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobState {
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub state: String,
    pub attempt: i32,
    /// Why it failed.
    pub error: Option<String>,
}

pub async fn find(conn: &mut Conn, job: JobId) -> Result<Option<JobState>> {
    Ok(sqlx::query_as!(
        JobState,
        "SELECT state, attempt, error FROM jobs WHERE id = $1",
        job.0
    )
    .fetch_optional(conn)
    .await?)
}

fn columns(fences: &[Fence]) -> (Vec<uuid::Uuid>, Vec<i32>) {
    fences
        .iter()
        .map(|fence| (fence.job.0, fence.attempt))
        .unzip()
}

/// A length of time for the database's clock to add.
pub(crate) fn interval(duration: Duration) -> Result<PgInterval> {
    PgInterval::try_from(duration).map_err(Error::Database)
}
