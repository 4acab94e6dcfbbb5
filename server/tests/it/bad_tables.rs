//! Tables that are no good, sent to a real server: each becomes a version, or a reason that says where it is wrong.

mod files;
mod parquet;

use std::fmt::Write as _;

use domain::Scope;
use futures::StreamExt as _;
use serde_json::Value;
use testkit::until;

use crate::harness::App;
use files::{BadTable, Outcome, bad_tables};

const PATH: &str = "/api/v1/projects/default/datasets";
const SEED: u64 = 20_261_128;
/// Of each kind as many, each with other numbers.
const ROUNDS: u64 = 4;
/// Uploads at once.
const AT_ONCE: usize = 8;

/// What a reason must not be: the child has died, or nobody knows why.
const HELPLESS: [&str; 5] = ["panicked", "crashed", "internal", "signal", "os error"];
/// One of these says where to look.
const PLACES: [&str; 12] = [
    "row ", "line ", "column", "byte", "header", "footer", "UTF-8", "page", "file", "Parquet",
    "empty", "quote",
];

#[tokio::test]
async fn whatever_is_sent_is_read_or_refused_by_name() {
    let app = App::start().await;
    let _worker = app.worker();
    let key = app.key(&[Scope::Write]).await;
    let tables = bad_tables(SEED, ROUNDS);
    assert!(tables.len() >= 200, "{} tables", tables.len());
    let sent = futures::stream::iter(tables.iter().enumerate())
        .map(|(place, table)| send(&app, &key, place, table))
        .buffer_unordered(AT_ONCE);
    let mut sent: Vec<(usize, Option<Value>)> = sent.collect().await;
    sent.sort_by_key(|(place, _)| *place);

    let mut wrong = String::new();
    for (place, refusal) in sent {
        let table = &tables[place];
        let found = match refusal {
            Some(refusal) => Err(refusal["detail"].to_string()),
            None => ended(&app, &key, place).await,
        };
        let fault = match (&found, table.outcome) {
            (Ok(()), Outcome::Ready | Outcome::Either) => None,
            (Ok(()), Outcome::Failed(_)) => Some("was read"),
            (Err(_), Outcome::Ready) => Some("was refused"),
            (Err(reason), outcome) => unhelpful(reason, outcome),
        };
        if let Some(fault) = fault {
            let media = if table.is_parquet { "Parquet" } else { "CSV" };
            writeln!(wrong, "{media}, {}: {fault}: {found:?}", table.kind).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    // Whatever came, the server goes on.
    assert_eq!(app.get("/livez").send().await.unwrap().status(), 200);
}

/// What is missing from a reason.
fn unhelpful(reason: &str, outcome: Outcome) -> Option<&'static str> {
    if HELPLESS.iter().any(|word| reason.contains(word)) {
        return Some("has a reason that is of no help");
    }
    if !PLACES.iter().any(|word| reason.contains(word)) {
        return Some("has a reason that names no place");
    }
    let words: &[&str] = match outcome {
        Outcome::Failed(words) => words,
        _ => &[],
    };
    let is_whole = words.iter().all(|word| reason.contains(word));
    (!is_whole).then_some("has a reason without what it is about")
}

/// With the problem, if it was refused at once.
async fn send(app: &App, key: &str, place: usize, table: &BadTable) -> (usize, Option<Value>) {
    let media = if table.is_parquet {
        "application/vnd.apache.parquet"
    } else {
        "text/csv"
    };
    let answer = app
        .post(&format!("{PATH}?name=bad-{place}"))
        .bearer_auth(key)
        .header("content-type", media)
        .body(table.content.clone())
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert!(!status.is_server_error(), "{}: {status}", table.kind);
    let body: Value = answer.json().await.unwrap();
    (place, (!status.is_success()).then_some(body))
}

/// Once it is known.
async fn ended(app: &App, key: &str, place: usize) -> Result<(), String> {
    until("a table to be read or refused", async || {
        let answer = app
            .get(&format!("{PATH}/bad-{place}"))
            .bearer_auth(key)
            .send()
            .await
            .unwrap();
        assert!(!answer.status().is_server_error());
        let version: Value = answer.json().await.unwrap();
        match version["status"].as_str().unwrap() {
            "ready" => Some(Ok(())),
            "failed" => Some(Err(version["error"].as_str().unwrap().to_owned())),
            _ => None,
        }
    })
    .await
}
