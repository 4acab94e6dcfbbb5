//! Whether the process lives, whether it can work, what it is, and what it counts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Json;
use crate::state::AppState;

/// Longest wait for one check.
const PATIENCE: Duration = Duration::from_secs(2);
/// Seconds; from what a prediction takes to what nobody waits for.
pub const BUCKETS: [f64; 14] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(version))
        .routes(routes!(metrics))
}

/// How far the start has come.
#[derive(Debug, Default)]
pub struct Readiness {
    schema: AtomicBool,
    snapshot: AtomicBool,
}

impl Readiness {
    pub fn schema_is_current(&self) {
        self.schema.store(true, Ordering::Release);
    }

    /// The first snapshot is in: predictions can be answered.
    pub fn has_snapshot(&self) {
        self.snapshot.store(true, Ordering::Release);
    }
}

/// Whether the process runs
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "health", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn live() -> &'static str {
    "ok\n"
}

#[derive(Serialize, ToSchema)]
pub struct ReadyAnswer {
    /// `ready` or `unavailable`.
    status: &'static str,
    checks: Checks,
}

#[derive(Serialize, ToSchema)]
pub struct Checks {
    database: Check,
    schema: Check,
    serving: Check,
    storage: Check,
}

#[derive(Serialize, ToSchema)]
pub struct Check {
    ok: bool,
    /// Why not, and what it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

fn check(ok: bool, detail: &'static str) -> Check {
    Check {
        ok,
        detail: (!ok).then_some(detail),
    }
}

/// Whether the process can do its work, check by check
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "health", security(()),
    responses((status = 200, body = ReadyAnswer), (status = 503, body = ReadyAnswer)))]
async fn ready(State(state): State<AppState>) -> Response {
    let database = matches!(
        tokio::time::timeout(PATIENCE, state.platform.store.ping()).await,
        Ok(Ok(()))
    );
    let blobs = state.platform.blobs.clone();
    let storage = matches!(
        tokio::time::timeout(
            PATIENCE,
            tokio::task::spawn_blocking(move || blobs.temp().is_ok())
        )
        .await,
        Ok(Ok(true))
    );
    let checks = Checks {
        database: check(
            database,
            "Postgres does not answer: warm predictions go on, everything else waits for it",
        ),
        schema: check(
            state.readiness.schema.load(Ordering::Acquire),
            "the schema is not up to date yet",
        ),
        serving: check(
            state.readiness.snapshot.load(Ordering::Acquire),
            "nothing has been loaded to predict with yet",
        ),
        storage: check(storage, "the data directory can not be written"),
    };
    let ok = [
        &checks.database,
        &checks.schema,
        &checks.serving,
        &checks.storage,
    ]
    .iter()
    .all(|check| check.ok);
    let ok = ok && !state.shutdown.is_cancelled();
    let (status, word) = if ok {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let mut response = (
        status,
        Json(ReadyAnswer {
            status: word,
            checks,
        }),
    )
        .into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !ok {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

#[derive(Serialize, ToSchema)]
pub struct Version {
    name: &'static str,
    version: &'static str,
}

/// What runs here
#[utoipa::path(get, path = "/version", operation_id = "version", tag = "health", security(()),
    responses((status = 200, body = Version)))]
async fn version() -> Json<Version> {
    Json(Version {
        name: "volary",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// What the process has counted, for Prometheus
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(State(state): State<AppState>) -> Response {
    crate::loops::publish(&state);
    let mut text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    text.push_str(&state.histograms.to_string());
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

/// One a process, installed when first asked for; `None` when another library installed its own.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
                .and_then(PrometheusBuilder::install_recorder)
                .inspect_err(|error| tracing::error!(%error, "no metrics"))
                .ok()
        })
        .as_ref()
}
