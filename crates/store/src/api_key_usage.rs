use std::collections::HashMap;

use domain::Timestamp;
use domain::budgets::{BudgetPeriod, Usage};
use domain::ids::{ApiKeyId, ProjectId};

use crate::{Conn, Error, Result};

/// Adds requests to the day of `now`; each line of keys at most once.
pub async fn add(conn: &mut Conn, now: Timestamp, sent: &[(ApiKeyId, u64)]) -> Result<()> {
    let lines: Vec<_> = sent.iter().map(|(line, _)| line.0).collect();
    let requests: Vec<_> = sent
        .iter()
        .map(|(_, requests)| i64::try_from(*requests).unwrap_or(i64::MAX))
        .collect();
    // In one order everywhere, so that no two processes wait for each other.
    sqlx::query!(
        "INSERT INTO api_key_usage (line_id, day, requests)
         SELECT sent.line, $3, sent.requests FROM unnest($1::uuid[], $2::bigint[]) AS sent (line, requests) ORDER BY sent.line
         ON CONFLICT (line_id, day) DO UPDATE SET requests = api_key_usage.requests + excluded.requests",
        &lines,
        &requests,
        BudgetPeriod::Day.first_day(now),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// By line of keys; those that sent nothing in this month are not in it.
pub async fn of(
    conn: &mut Conn,
    now: Timestamp,
    lines: &[ApiKeyId],
) -> Result<HashMap<ApiKeyId, Usage>> {
    let lines: Vec<_> = lines.iter().map(|line| line.0).collect();
    let rows = sqlx::query!(
        r#"SELECT line_id, coalesce(sum(requests) FILTER (WHERE day = $3), 0)::bigint AS "today!", sum(requests)::bigint AS "this_month!"
           FROM api_key_usage WHERE line_id = ANY ($1) AND day BETWEEN $2 AND $3 GROUP BY line_id"#,
        &lines,
        BudgetPeriod::Month.first_day(now),
        BudgetPeriod::Day.first_day(now),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok((ApiKeyId(row.line_id), usage(row.today, row.this_month)?)))
        .collect()
}

/// By key, for the keys of a project.
pub async fn of_project(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
) -> Result<HashMap<ApiKeyId, Usage>> {
    let rows = sqlx::query!(
        r#"SELECT api_keys.id, coalesce(sum(requests) FILTER (WHERE day = $3), 0)::bigint AS "today!",
                  sum(requests)::bigint AS "this_month!"
           FROM api_keys JOIN api_key_usage AS used ON used.line_id = api_keys.line_id AND day BETWEEN $2 AND $3
           WHERE project_id = $1 GROUP BY api_keys.id"#,
        project.0,
        BudgetPeriod::Month.first_day(now),
        BudgetPeriod::Day.first_day(now),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok((ApiKeyId(row.id), usage(row.today, row.this_month)?)))
        .collect()
}

fn usage(today: i64, this_month: i64) -> Result<Usage> {
    let count = |number: i64| {
        number
            .try_into()
            .map_err(|error| Error::stored("api_key_usage.requests", error))
    };
    Ok(Usage {
        today: count(today)?,
        this_month: count(this_month)?,
    })
}
