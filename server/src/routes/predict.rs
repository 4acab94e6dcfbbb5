//! The hot path: a prediction, from the serving snapshot alone. No database, no lock held while another request waits.
//!
//! In this order: the limit of the client's address, the key, the key's limit, its scope, the body's type and size, the
//! inputs against the model's signature, the model.

mod body;
mod caller;
mod pages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::predictions::{PredictRequest, PredictResponse};
use domain::{Error, Result, Scope};
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serving::limits::Allowance;
use serving::predict::{self, Answer, Forced};
use serving::snapshot::Deployment;
use serving::versions::{LOAD_RETRY, Version};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult};
use crate::extract::request_id::RequestId;
use crate::extract::{ClientIp, Path};
use crate::middleware::edge::Served;
use crate::openapi::Problems;
use crate::state::AppState;
use caller::Caller;

pub use pages::for_pages;

/// A larger body is read and predicted on a thread that may take its time, in bytes.
const LARGE: usize = 64 << 10;

const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
const X_ROUTE_KEY: HeaderName = HeaderName::from_static("x-route-key");
const X_CANARY: HeaderName = HeaderName::from_static("x-canary");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(by_deployment))
        .routes(routes!(by_version))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfDeployment {
    /// The deployment's name.
    deployment: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfVersion {
    /// The model's name.
    model: String,
    /// A version's number, or `@` and an alias.
    version: String,
}

/// Predict with a deployment
///
/// One row or a batch. While a rollout is active, the deployment decides which version answers: requests with the same
/// `x-route-key` go the same way.
#[utoipa::path(post, path = "/predict/{deployment}", operation_id = "predict", tag = "predictions",
    params(OfDeployment,
        ("x-route-key" = Option<String>, Header, description = "Who the request is for; the same key goes to the same version"),
        ("x-canary" = Option<String>, Header, description = "`always` or `never`: forces the version; needs the scope write or admin")),
    request_body = PredictRequest,
    responses((status = 200, body = PredictResponse, headers(
        ("x-model-version" = i32, description = "The version that answered"),
        ("server-timing" = String, description = "Milliseconds for auth, parse and predict"),
        ("ratelimit" = String, description = "What is left of the key's quota"),
        ("ratelimit-policy" = String, description = "The key's quota"))), Problems))]
async fn by_deployment(
    State(state): State<AppState>,
    Path(path): Path<OfDeployment>,
    request: Request,
) -> Response {
    answer(&state, Target::Deployment(&path.deployment), request).await
}

/// Predict with a version of a model
///
/// Needs the scope `predict:*`. What is asked for here is in no deployment's metrics.
#[utoipa::path(post, path = "/predict/{model}/{version}", operation_id = "predict_version", tag = "predictions",
    params(OfVersion), request_body = PredictRequest, responses((status = 200, body = PredictResponse), Problems))]
async fn by_version(
    State(state): State<AppState>,
    Path(path): Path<OfVersion>,
    request: Request,
) -> Response {
    answer(&state, Target::Version(&path.model, &path.version), request).await
}

#[derive(Clone, Copy)]
enum Target<'a> {
    Deployment(&'a str),
    Version(&'a str, &'a str),
}

/// What the target was in the snapshot.
enum Found {
    Deployment(Arc<Deployment>),
    Version(Arc<Version>),
}

async fn answer(state: &AppState, target: Target<'_>, request: Request) -> Response {
    let arrived = Instant::now();
    let (parts, body) = request.into_parts();
    let caller = match Caller::of(state, &parts, arrived) {
        Ok(caller) => caller,
        Err(error) => return refused(error.into()),
    };
    let allowance = caller.key.take();
    let mut response = match allowance.retry_after {
        Some(retry_after) => refused(Error::RateLimited { retry_after }.into()),
        None => match predict(state, target, &caller, &parts, body, arrived).await {
            Ok(response) => response,
            Err(error) => refused(error),
        },
    };
    rate_headers(response.headers_mut(), &allowance);
    response
}

/// Counts what no version was asked for; the recorder counts the rest.
fn refused(error: ApiError) -> Response {
    if !matches!(
        error,
        ApiError::Domain(Error::Invalid(_) | Error::ModelFailed(_))
    ) {
        let unknown = ["project", "deployment", "model", "version", "route"]
            .map(|label| (label, String::new()));
        let [project, deployment, model, version, route] = unknown;
        let labels = [
            project,
            deployment,
            model,
            version,
            route,
            ("status", error.status().as_str().to_owned()),
        ];
        metrics::counter!("volary_predict_requests_total", &labels).increment(1);
    }
    error.into_response()
}

async fn predict(
    state: &AppState,
    target: Target<'_>,
    caller: &Caller,
    parts: &Parts,
    body: Body,
    arrived: Instant,
) -> ApiResult<Response> {
    let found = find(state, target, caller)?;
    let forced = forced(&parts.headers, &caller.scopes)?;
    body::check_type(&parts.headers)?;
    let authenticated = arrived.elapsed();
    let body = body::read(&parts.headers, body).await?;
    if let Found::Version(version) = &found {
        load(state, version).await?;
    }
    let request_id = parts
        .extensions
        .get::<RequestId>()
        .cloned()
        .unwrap_or_else(|| RequestId::of(&parts.headers));
    let routing_key = routing_key(&parts.headers, caller, &request_id);
    let now = caller.now;
    let is_large = body.len() > LARGE;
    let state = state.clone();
    let work = move || {
        let request = predict::Request {
            body: &body,
            request_id: request_id.as_str(),
            routing_key: &routing_key,
            forced,
            now,
            arrived,
        };
        run(&state, &found, &request)
    };
    let (answer, served) = if is_large {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(Error::internal)??
    } else {
        work()?
    };
    Ok(respond(answer, served, authenticated))
}

/// # Errors
/// `Forbidden` naming the scope that is needed, before anything is said about what there is; else `NotFound`.
fn find(state: &AppState, target: Target<'_>, caller: &Caller) -> Result<Found> {
    let snapshot = state.serving.snapshot();
    let project = caller.key.project;
    match target {
        Target::Deployment(name) => {
            if !caller.scopes.iter().any(|scope| scope.may_predict(name)) {
                return Err(Error::Forbidden(format!(
                    "this needs an API key with the scope predict:{name} or predict:*"
                )));
            }
            let deployment = snapshot
                .deployment(project, name)
                .ok_or_else(|| Error::not_found("deployment"))?;
            Ok(Found::Deployment(Arc::clone(deployment)))
        }
        Target::Version(model, version) => {
            if !caller.scopes.contains(&Scope::Predict(None)) {
                return Err(Error::Forbidden(
                    "this needs an API key with the scope predict:*".to_owned(),
                ));
            }
            let version = snapshot
                .version(project, model, version)
                .ok_or_else(|| Error::not_found("model version"))?;
            Ok(Found::Version(Arc::clone(version)))
        }
    }
}

fn forced(headers: &HeaderMap, scopes: &[Scope]) -> ApiResult<Option<Forced>> {
    let Some(value) = headers.get(X_CANARY) else {
        return Ok(None);
    };
    let forced = match value.as_bytes() {
        b"always" => Forced::Canary,
        b"never" => Forced::Stable,
        _ => {
            return Err(ApiError::bad_request(
                "the header x-canary is not known with this value: use always or never",
            ));
        }
    };
    if !scopes
        .iter()
        .any(|scope| matches!(scope, Scope::Write | Scope::Admin))
    {
        let message = "the header x-canary needs an API key that also has the scope write or admin";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    Ok(Some(forced))
}

fn routing_key(headers: &HeaderMap, caller: &Caller, request_id: &RequestId) -> Vec<u8> {
    match headers.get(X_ROUTE_KEY) {
        Some(key) => key.as_bytes().to_vec(),
        None => [
            caller.key.id.0.as_bytes().as_slice(),
            request_id.as_str().as_bytes(),
        ]
        .concat(),
    }
}

fn run(
    state: &AppState,
    found: &Found,
    request: &predict::Request<'_>,
) -> Result<(Answer, Served)> {
    let recorder = &state.serving.recorder;
    let (answer, model) = match found {
        Found::Deployment(deployment) => (
            predict::from_deployment(recorder, deployment, request)?,
            &deployment.stable.version.model,
        ),
        Found::Version(version) => (
            predict::from_version(recorder, version, request)?,
            &version.model,
        ),
    };
    let served = Served {
        model: model.clone(),
        version: answer.version,
    };
    Ok((answer, served))
}

/// Loads a version that no deployment serves, when it is first asked for.
async fn load(state: &AppState, version: &Arc<Version>) -> Result<()> {
    if version.predictor().is_some() {
        return Ok(());
    }
    // One at a time: an artifact may be large, and many may ask for it at once.
    let _turn = state.serving.loading.lock().await;
    if version.may_load() {
        let artifact = state.platform.blobs.read(&version.sha256).await;
        let version = Arc::clone(version);
        let loaded = tokio::task::spawn_blocking(move || {
            version.load(artifact.as_deref().map_err(ToString::to_string));
        });
        loaded.await.map_err(Error::internal)?;
    }
    match version.problem().filter(|_| version.predictor().is_none()) {
        None => Ok(()),
        Some(problem) => {
            let message = format!(
                "version {} of model {} is not ready: {problem}",
                version.number, version.model
            );
            Err(Error::Unavailable {
                message,
                retry_after: LOAD_RETRY.as_secs(),
                source: None,
            })
        }
    }
}

fn respond(answer: Answer, served: Served, authenticated: Duration) -> Response {
    let timing = server_timing(authenticated, answer.parse, answer.predict);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.reserve(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_MODEL_VERSION, answer.version.into());
    if let Ok(timing) = HeaderValue::try_from(timing) {
        headers.insert(SERVER_TIMING, timing);
    }
    response.extensions_mut().insert(served);
    response
}

/// In milliseconds, to the microsecond.
fn server_timing(auth: Duration, parse: Duration, predict: Duration) -> String {
    let millis = |part: Duration| (part.as_micros() / 1000, part.as_micros() % 1000);
    let [auth, parse, predict] = [millis(auth), millis(parse), millis(predict)];
    format!(
        "auth;dur={}.{:03}, parse;dur={}.{:03}, predict;dur={}.{:03}",
        auth.0, auth.1, parse.0, parse.1, predict.0, predict.1
    )
}

fn rate_headers(headers: &mut HeaderMap, allowance: &Allowance) {
    let limit = format!(
        "\"key\";r={};t={}",
        allowance.remaining, allowance.reset_seconds
    );
    let policy = format!(
        "\"key\";q={};w={}",
        allowance.rate.requests, allowance.rate.per_seconds
    );
    for (name, value) in [(RATE_LIMIT, limit), (RATE_LIMIT_POLICY, policy)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if let Some(seconds) = allowance.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
}

/// The address that the request came from.
fn client(parts: &Parts, state: &AppState) -> ClientIp {
    let known = parts.extensions.get::<ClientIp>().copied();
    known.unwrap_or_else(|| {
        ClientIp::of(
            &parts.extensions,
            &parts.headers,
            &state.config.http.trusted_proxies,
        )
    })
}
