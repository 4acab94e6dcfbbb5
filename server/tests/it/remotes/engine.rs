//! A small engine of the Open Inference Protocol, which does what a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How requests are answered.
#[derive(Clone, Debug, Default)]
pub(super) enum Mode {
    /// As the model would.
    #[default]
    Well,
    /// This one time with this status, and well from then on.
    Once(u16),
    /// With this status, and a body that nobody may see.
    Status(u16),
    /// With these outputs.
    Outputs(Value),
    /// With the outputs at the place that the count of rows says.
    ByRows(Vec<Value>),
    /// With this text.
    Text(&'static str),
    /// Not at all.
    Never,
}

/// What a body of the engine says that no client of ours may read.
pub(super) const PRIVATE: &str = "internal-hostname-of-the-engine";

#[derive(Debug, Default)]
struct Shared {
    metadata: Value,
    mode: Mutex<Mode>,
    is_ready: Mutex<bool>,
    seen: Mutex<Vec<(HeaderMap, Value)>>,
}

/// Computes model `m`. Ends when dropped.
pub(super) struct Engine {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Engine {
    /// That describes its model so.
    pub(super) async fn start(metadata: Value) -> Self {
        let shared = Shared {
            metadata,
            is_ready: Mutex::new(true),
            ..Shared::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut engine = Self {
            address,
            shared: Arc::new(shared),
            runtime: None,
        };
        engine.serve(listener);
        engine
    }

    /// `2 rooms + area`, and 1000 more near the bay.
    pub(super) async fn of_prices() -> Self {
        Self::start(json!({
            "name": "m", "versions": ["1"], "platform": "a test",
            "inputs": [
                {"name": "rooms", "datatype": "INT64", "shape": [-1]},
                {"name": "area", "datatype": "FP32", "shape": [-1, 1]},
                {"name": "place", "datatype": "BYTES", "shape": [-1]},
            ],
            "outputs": [{"name": "price", "datatype": "FP32", "shape": [-1, 1]}],
        }))
        .await
    }

    fn serve(&mut self, listener: TcpListener) {
        let router = Router::new()
            .route("/v2/models/m", get(metadata))
            .route("/v2/models/m/ready", get(ready))
            .route("/v2/models/m/infer", post(infer))
            .with_state(Arc::clone(&self.shared));
        // In a runtime of its own, with which all its connections end.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = listener.into_std().unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        self.runtime = Some(runtime);
    }

    /// As if its process was killed.
    pub(super) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// At the same address.
    pub(super) async fn start_again(&mut self) {
        let address = self.address;
        let listener = testkit::until("the address to be free", async || {
            TcpListener::bind(address).await.ok()
        });
        let listener = listener.await;
        self.serve(listener);
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    pub(super) fn set_ready(&self, is_ready: bool) {
        *self.shared.is_ready.lock().unwrap() = is_ready;
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<(HeaderMap, Value)> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The last request.
    pub(super) fn last(&self) -> Value {
        self.seen().pop().unwrap().1
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Response {
    shared.metadata.to_string().into_response()
}

async fn ready(State(shared): State<Arc<Shared>>) -> StatusCode {
    if *shared.is_ready.lock().unwrap() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn infer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    shared.seen.lock().unwrap().push((headers, request.clone()));
    let mode = {
        let mut mode = shared.mode.lock().unwrap();
        let now = mode.clone();
        if let Mode::Once(_) = now {
            *mode = Mode::Well;
        }
        now
    };
    let failed = |status: u16| {
        let body = json!({ "error": PRIVATE }).to_string();
        (StatusCode::from_u16(status).unwrap(), body).into_response()
    };
    match mode {
        Mode::Well => json!({"model_name": "m", "outputs": [prices(&request)]})
            .to_string()
            .into_response(),
        Mode::Outputs(outputs) => json!({ "model_name": "m", "outputs": outputs })
            .to_string()
            .into_response(),
        Mode::ByRows(outputs) => {
            let rows = request["inputs"][0]["shape"][0].as_u64().unwrap() as usize;
            json!({"model_name": "m", "outputs": outputs[rows - 1]})
                .to_string()
                .into_response()
        }
        Mode::Text(text) => text.into_response(),
        Mode::Once(status) | Mode::Status(status) => failed(status),
        Mode::Never => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            failed(500)
        }
    }
}

fn prices(request: &Value) -> Value {
    let data = |name: &str| {
        let inputs = request["inputs"].as_array().unwrap();
        let input = inputs.iter().find(|input| input["name"] == name).unwrap();
        input["data"].as_array().unwrap().clone()
    };
    let (rooms, areas, places) = (data("rooms"), data("area"), data("place"));
    let prices: Vec<f64> = (0..rooms.len())
        .map(|row| {
            let near = if places[row] == "NEAR BAY" {
                1000.0
            } else {
                0.0
            };
            2.0 * rooms[row].as_f64().unwrap() + areas[row].as_f64().unwrap_or(0.0) + near
        })
        .collect();
    json!({"name": "price", "datatype": "FP32", "shape": [prices.len(), 1], "data": prices})
}
