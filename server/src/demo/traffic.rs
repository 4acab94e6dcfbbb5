//! A trickle of predictions through the real endpoint, as any client would send them; only the network is left out.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use domain::Name;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::Full;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{ADDED, TARGET};
use crate::config::http::reachable;
use crate::listen::Peer;
use crate::routes::predict::direct::{self, Known};
use crate::state::AppState;

const PAUSE: Duration = Duration::from_millis(500);
const DURATION: Duration = Duration::from_mins(30);
const ANSWER: Duration = Duration::from_secs(5);
/// Every so many-th row is sent: the whole table would take 30 MB as JSON.
const STRIDE: usize = 23;

/// Sends rows of the table until the time is over.
pub(super) async fn send(
    state: &AppState,
    deployment: &Name,
    key: &SecretString,
    table: &[u8],
) -> Result<()> {
    let rows = rows(table)?;
    let mut pause = tokio::time::interval(PAUSE);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let count = DURATION.as_millis() / PAUSE.as_millis();
    for number in 0..usize::try_from(count).unwrap_or(usize::MAX) {
        pause.tick().await;
        let row = &rows[number % rows.len()];
        let asked = Box::pin(ask(state, deployment, key, row));
        let asked = tokio::time::timeout(ANSWER, asked).await;
        if let Err(error) = asked.context("no answer in time").and_then(|asked| asked) {
            // A restart of the database, a deleted deployment: the next one may go well.
            tracing::debug!(error = format!("{error:#}"), "a demo prediction failed");
        }
    }
    Ok(())
}

async fn ask(
    state: &AppState,
    deployment: &Name,
    key: &SecretString,
    row: &Map<String, Value>,
) -> Result<()> {
    let address = reachable(state.bound);
    let body = json!({ "inputs": row }).to_string();
    let request = Request::post(format!("/predict/{deployment}"))
        .header(HOST, address.to_string())
        .header(AUTHORIZATION, format!("Bearer {}", key.expose_secret()))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let known = Known::default();
    let Ok(response) = direct::serve(state, Peer(address), &known, request).await else {
        bail!("nothing answers at this path");
    };
    ensure!(response.status() == StatusCode::OK, "{}", response.status());
    Ok(())
}

/// The rows as inputs of the first version. The bundled table has no quoted fields.
fn rows(table: &[u8]) -> Result<Vec<Map<String, Value>>> {
    let text = std::str::from_utf8(table)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let rows: Vec<_> = lines
        .step_by(STRIDE)
        .map(|line| {
            let cells = header.iter().zip(line.split(','));
            cells
                .filter(|(name, _)| **name != TARGET && **name != ADDED)
                .map(|(name, cell)| ((*name).to_owned(), value(cell)))
                .collect()
        })
        .collect();
    ensure!(!rows.is_empty(), "the bundled table has no rows");
    Ok(rows)
}

fn value(cell: &str) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    let whole = cell.parse::<i64>().map(Value::from);
    whole
        .or_else(|_| cell.parse::<f64>().map(Value::from))
        .unwrap_or_else(|_| Value::from(cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_table_becomes_inputs_of_the_first_version() {
        let rows = rows(&super::super::table().unwrap()).unwrap();
        assert!(
            rows.iter()
                .all(|row| !row.contains_key(TARGET) && !row.contains_key(ADDED))
        );
        assert!(rows[0]["ocean_proximity"].is_string());
        assert!(rows[0]["median_income"].is_number());
    }
}
