use domain::Timestamp;
use domain::ids::{DeploymentId, ProjectId};
use domain::metrics::{LatencyHistogram, Rollup};
use futures::TryStreamExt as _;
use serde::Serialize;
use time::OffsetDateTime;

use crate::{Conn, Error, Result, text};

#[derive(Serialize)]
struct NewRollup<'a> {
    deployment_id: uuid::Uuid,
    version: i32,
    route: &'static str,
    minute: i64,
    requests: u64,
    errors: u64,
    latency_bars: &'a [u32],
}

/// Adds to what is there, histograms bar by bar. Roll-ups of deployments that are gone are dropped.
pub async fn add(conn: &mut Conn, rollups: &[Rollup]) -> Result<()> {
    let rows: Vec<_> = rollups
        .iter()
        .map(|rollup| NewRollup {
            deployment_id: rollup.deployment.0,
            version: rollup.version,
            route: rollup.route.as_str(),
            minute: rollup.minute,
            requests: rollup.requests,
            errors: rollup.errors,
            latency_bars: &rollup.latency.bars,
        })
        .collect();
    // One JSON value, because Postgres can not unnest an array of arrays row by row.
    let rows = text::to_json("metric_rollups", &rows)?;
    sqlx::query!(
        "INSERT INTO metric_rollups (deployment_id, version, route, minute, requests, errors, latency_bars)
         SELECT n.deployment_id, n.version, n.route, to_timestamp(n.minute), n.requests, n.errors, n.latency_bars
         FROM jsonb_to_recordset($1) AS n (deployment_id uuid, version integer, route text, minute bigint, requests bigint,
                                           errors bigint, latency_bars bigint[])
         JOIN deployments d ON d.id = n.deployment_id
         ORDER BY n.deployment_id, n.minute, n.version, n.route
         ON CONFLICT (deployment_id, minute, version, route) DO UPDATE
         SET requests = metric_rollups.requests + excluded.requests,
             errors = metric_rollups.errors + excluded.errors,
             latency_bars = add_bars(metric_rollups.latency_bars, excluded.latency_bars)",
        rows,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One minute of one version, its routes not yet added up.
#[derive(Clone, Debug, PartialEq)]
pub struct Minute {
    pub deployment: DeploymentId,
    pub version: i32,
    pub minute: Timestamp,
    pub requests: u64,
    pub errors: u64,
    pub latency: LatencyHistogram,
}

/// Gives every stored minute in `[from, to)` of these deployments to `each`, oldest first, one at a time: a long range
/// never stands in memory as a whole.
pub async fn each_minute(
    conn: &mut Conn,
    deployments: &[DeploymentId],
    from: Timestamp,
    to: Timestamp,
    mut each: impl FnMut(Minute) + Send,
) -> Result<()> {
    let ids: Vec<_> = deployments.iter().map(|id| id.0).collect();
    let mut rows = sqlx::query!(
        "SELECT deployment_id, version, minute, requests, errors, latency_bars FROM metric_rollups
         WHERE deployment_id = ANY($1) AND minute >= $2 AND minute < $3
         ORDER BY minute, version",
        &ids,
        OffsetDateTime::from(from),
        OffsetDateTime::from(to),
    )
    .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        let bars = row
            .latency_bars
            .iter()
            .map(|bar| u32::try_from(*bar).unwrap_or(u32::MAX))
            .collect();
        each(Minute {
            deployment: DeploymentId(row.deployment_id),
            version: row.version,
            minute: row.minute.into(),
            requests: row
                .requests
                .try_into()
                .map_err(|error| Error::stored("metric_rollups.requests", error))?,
            errors: row
                .errors
                .try_into()
                .map_err(|error| Error::stored("metric_rollups.errors", error))?,
            latency: LatencyHistogram { bars },
        });
    }
    Ok(())
}

/// A deployment whose live pages have not been told of new figures since a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    pub project: ProjectId,
    pub deployment: domain::Name,
}

/// Which of these deployments have no `metrics` event since a moment.
pub async fn untold(
    conn: &mut Conn,
    deployments: &[DeploymentId],
    since: Timestamp,
) -> Result<Vec<Untold>> {
    let ids: Vec<_> = deployments.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT d.project_id, d.name FROM deployments d
         WHERE d.id = ANY($1) AND NOT EXISTS (
             SELECT FROM events e
             WHERE e.project_id = d.project_id AND e.topic = 'deployment:' || d.name AND e.kind = 'metrics' AND e.at > $2
         )",
        &ids,
        OffsetDateTime::from(since),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Untold {
                project: ProjectId(row.project_id),
                deployment: text::name("deployments.name", row.name)?,
            })
        })
        .collect()
}

/// Removes minutes before a moment. Says how many rows went.
pub async fn trim(conn: &mut Conn, before: Timestamp) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM metric_rollups WHERE minute < $1",
        OffsetDateTime::from(before)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// A ledger row about one deployment, for the marks on its charts.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub at: Timestamp,
    pub action: String,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// What changed of a deployment in `[from, to)`, oldest first, at most `limit` rows.
pub async fn changes(
    conn: &mut Conn,
    project: ProjectId,
    subject: &str,
    from: Timestamp,
    to: Timestamp,
    limit: i64,
) -> Result<Vec<Change>> {
    let rows = sqlx::query!(
        "SELECT at, action, before, after FROM ledger
         WHERE project_id = $1 AND subject = $2 AND at >= $3 AND at < $4
         ORDER BY id LIMIT $5",
        project.0,
        subject,
        OffsetDateTime::from(from),
        OffsetDateTime::from(to),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Change {
            at: row.at.into(),
            action: row.action,
            before: row.before,
            after: row.after,
        })
        .collect())
}

/// One hour of a deployment that is let go between its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColdHour {
    pub project: ProjectId,
    pub deployment: domain::Name,
    pub created_at: Timestamp,
    pub began: Timestamp,
    pub had_requests: bool,
}

/// Whether deployments that do not stay loaded had requests in the hours that began then, deployment by deployment.
pub async fn cold_hours(conn: &mut Conn, began: &[Timestamp]) -> Result<Vec<ColdHour>> {
    let began: Vec<_> = began.iter().copied().map(OffsetDateTime::from).collect();
    let rows = sqlx::query!(
        r#"SELECT d.project_id, d.name, d.created_at, hours.began AS "began!",
                  EXISTS (
                      SELECT FROM metric_rollups m
                      WHERE m.deployment_id = d.id AND m.minute >= hours.began AND m.minute < hours.began + interval '1 hour'
                            AND m.requests > 0
                  ) AS "had_requests!"
           FROM deployments d CROSS JOIN unnest($1::timestamptz[]) AS hours (began)
           WHERE d.min_warm = 0
           ORDER BY d.id, hours.began"#,
        &began,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ColdHour {
                project: ProjectId(row.project_id),
                deployment: text::name("deployments.name", row.name)?,
                created_at: row.created_at.into(),
                began: row.began.into(),
                had_requests: row.had_requests,
            })
        })
        .collect()
}
