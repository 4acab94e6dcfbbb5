use std::collections::BTreeSet;

use domain::ids::DeploymentId;
use domain::predictions::PredictionRecord;
use time::{Date, OffsetDateTime};

use crate::{Conn, Result, text};

/// Rows that go to Postgres in one piece.
const AT_ONCE: usize = 32;

/// Adds sampled predictions to the log. Those of deployments that are gone are dropped.
pub async fn add(conn: &mut Conn, records: Vec<PredictionRecord>) -> Result<()> {
    let times = records.iter().map(|record| OffsetDateTime::from(record.at));
    let days: BTreeSet<Date> = times.map(OffsetDateTime::date).collect();
    for day in days {
        sqlx::query!("SELECT ensure_prediction_day($1)", day)
            .execute(&mut *conn)
            .await?;
    }
    let named: BTreeSet<DeploymentId> = records.iter().filter_map(|r| r.deployment).collect();
    let named: Vec<_> = named.into_iter().map(|id| id.0).collect();
    let present = sqlx::query_scalar!("SELECT id FROM deployments WHERE id = ANY($1)", &named)
        .fetch_all(&mut *conn)
        .await?;
    // Not checked at compile time, which knows no COPY.
    let mut copy = conn
        .copy_in_raw(
            "COPY predictions (request_id, deployment_id, model_version_id, route, at, latency_micros, inputs, predictions)
             FROM STDIN",
        )
        .await?;
    let is_present = |record: &PredictionRecord| {
        record
            .deployment
            .is_none_or(|deployment| present.contains(&deployment.0))
    };
    let mut records = records.into_iter().filter(is_present).peekable();
    while records.peek().is_some() {
        let mut lines = String::new();
        for record in records.by_ref().take(AT_ONCE) {
            write_line(&mut lines, record);
        }
        copy.send(lines.into_bytes()).await?;
        // Making the next ones takes a while, in which others have their turn.
        tokio::task::yield_now().await;
    }
    copy.finish().await?;
    Ok(())
}

/// A row in the text format of COPY.
fn write_line(out: &mut String, record: PredictionRecord) {
    let at = OffsetDateTime::from(record.at);
    let micros = i64::try_from(record.latency_micros).unwrap_or(i64::MAX);
    let fields = [
        Some(text::storable(&record.request_id).into_owned()),
        record.deployment.map(|id| id.0.to_string()),
        Some(record.model_version.0.to_string()),
        Some(record.route.as_str().to_owned()),
        Some(format!("{} {}+00", at.date(), at.time())),
        Some(micros.to_string()),
        Some(text::storable_json(record.inputs).to_string()),
        record
            .predictions
            .map(|predictions| predictions.to_string()),
    ];
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push('\t');
        }
        match field {
            Some(field) => write_field(out, &field),
            None => out.push_str("\\N"),
        }
    }
    out.push('\n');
}

fn write_field(out: &mut String, field: &str) {
    for character in field.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
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
