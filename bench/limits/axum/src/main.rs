//! What axum alone can do: parse the body of a prediction, answer its sum. No key, no limit, no model, no log.

use std::collections::BTreeMap;

use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Request {
    inputs: BTreeMap<String, f64>,
}

#[derive(Serialize)]
struct Answer {
    predictions: [f64; 1],
    model: &'static str,
    version: u32,
}

async fn predict(Json(request): Json<Request>) -> Json<Answer> {
    Json(Answer {
        predictions: [request.inputs.values().sum()],
        model: "linear",
        version: 1,
    })
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9120".to_owned());
    let listener = TcpListener::bind(address).await?;
    axum::serve(listener, Router::new().route("/predict", post(predict))).await
}
