//! A trickle of predictions through the real endpoint, as any client would send them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use domain::Name;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ADDED, TARGET};
use crate::config::http::reachable;
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
    let address = reachable(state.bound);
    let mut pause = tokio::time::interval(PAUSE);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let count = DURATION.as_millis() / PAUSE.as_millis();
    for number in 0..usize::try_from(count).unwrap_or(usize::MAX) {
        pause.tick().await;
        let row = &rows[number % rows.len()];
        let asked = tokio::time::timeout(ANSWER, ask(address, deployment, key, row)).await;
        if let Err(error) = asked.context("no answer in time").and_then(|asked| asked) {
            // A restart of the database, a deleted deployment: the next one may go well.
            tracing::debug!(error = format!("{error:#}"), "a demo prediction failed");
        }
    }
    Ok(())
}

async fn ask(
    address: SocketAddr,
    deployment: &Name,
    key: &SecretString,
    row: &Map<String, Value>,
) -> Result<()> {
    let body = json!({ "inputs": row }).to_string();
    let request = format!(
        "POST /predict/{deployment} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        key.expose_secret(),
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let head = String::from_utf8_lossy(&answer);
    ensure!(
        head.starts_with("HTTP/1.1 200"),
        "{}",
        head.lines().next().unwrap_or_default()
    );
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
