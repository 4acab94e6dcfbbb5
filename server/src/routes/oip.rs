//! The Open Inference Protocol, version 2: the same deployments and models for clients that speak it.
//!
//! A name in a path is a deployment, or else a model, of which the newest version answers. With a version in the path, that
//! version of the deployment's model, or of the model, answers, and is asked as `/predict/{model}/{version}` is.

pub mod grpc;
pub mod messages;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::models::InputField;
use domain::{Error, Result};
use http::HeaderMap;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serving::dialects::Oip;
use serving::dialects::oip::{Datatype, Output};
use serving::limits::Allowance;
use serving::predict::{Forced, check_ready};
use serving::versions::{Version, let_go};
use utoipa::IntoParams;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, Path};
use crate::routes::predict::Caller;
use crate::routes::predict::answer::{Call, Found, Target, admit, answer, find};
use crate::routes::predict::respond::{JSON_LENGTH, rate_headers};
use crate::routes::predict::routed;
use crate::state::AppState;
use messages::{
    InferRequest, InferResponse, ModelMetadata, ModelReady, OipProblems, ServerLive,
    ServerMetadata, ServerReady, TensorMetadata, TensorParameters,
};

pub fn router() -> OpenApiRouter<AppState> {
    let routes = [
        routes!(server),
        routes!(live),
        routes!(ready),
        routes!(model),
        routes!(model_ready),
        routes!(infer),
        routes!(version),
        routes!(version_ready),
        routes!(infer_version),
    ];
    routes.into_iter().fold(OpenApiRouter::new(), add)
}

/// The protocol's clients write a path with or without a slash at its end.
fn add(
    router: OpenApiRouter<AppState>,
    route: UtoipaMethodRouter<AppState>,
) -> OpenApiRouter<AppState> {
    let (_, paths, methods) = &route;
    let methods = methods.clone();
    let with_slash: Vec<_> = paths.paths.keys().map(|path| format!("{path}/")).collect();
    with_slash
        .iter()
        .fold(router.routes(route), |router, path| {
            router.route(path, methods.clone())
        })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfModel {
    /// The name of a deployment or a model.
    name: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfVersion {
    /// The name of a deployment or a model.
    name: String,
    /// A version's number, or `@` and an alias.
    version: String,
}

/// What the server is
///
/// Needs any key.
#[utoipa::path(get, path = "/v2", operation_id = "get_server_metadata", tag = "open inference protocol",
    responses((status = 200, body = ServerMetadata), OipProblems))]
async fn server(State(state): State<AppState>, parts: Parts) -> Response {
    let call = Call::routed(&state, &parts, Target::Server);
    let (admitted, allowance) = admit(&call);
    told(admitted.map(|_| ServerMetadata::own()), allowance)
}

impl ServerMetadata {
    fn own() -> Self {
        Self {
            name: "volary",
            version: env!("CARGO_PKG_VERSION"),
            extensions: vec!["binary_tensor_data"],
        }
    }
}

/// Whether the process runs
#[utoipa::path(get, path = "/v2/health/live", operation_id = "get_server_live", tag = "open inference protocol", security(()),
    responses((status = 200, body = ServerLive)))]
async fn live() -> Json<ServerLive> {
    Json(ServerLive { live: true })
}

/// Whether predictions can be answered
#[utoipa::path(get, path = "/v2/health/ready", operation_id = "get_server_ready", tag = "open inference protocol", security(()),
    responses((status = 200, body = ServerReady), OipProblems))]
async fn ready(State(state): State<AppState>) -> ApiResult<Json<ServerReady>> {
    if !is_ready(&state) {
        return Err(Error::not_yet("the server is not ready", 2).into());
    }
    Ok(Json(ServerReady { ready: true }))
}

fn is_ready(state: &AppState) -> bool {
    !state.shutdown.is_cancelled() && state.serving.is_current(Instant::now())
}

/// What a deployment or a model takes and gives
#[utoipa::path(get, path = "/v2/models/{name}", operation_id = "get_model_metadata", tag = "open inference protocol",
    params(OfModel), responses((status = 200, body = ModelMetadata), OipProblems))]
async fn model(State(state): State<AppState>, Path(path): Path<OfModel>, parts: Parts) -> Response {
    let call = Call::routed(&state, &parts, Target::Named(&path.name, None));
    metadata(&call, path.name.clone()).await
}

/// What a version takes and gives
#[utoipa::path(get, path = "/v2/models/{name}/versions/{version}", operation_id = "get_model_version_metadata",
    tag = "open inference protocol", params(OfVersion), responses((status = 200, body = ModelMetadata), OipProblems))]
async fn version(
    State(state): State<AppState>,
    Path(path): Path<OfVersion>,
    parts: Parts,
) -> Response {
    let target = Target::Named(&path.name, Some(&path.version));
    let call = Call::routed(&state, &parts, target);
    metadata(&call, path.name.clone()).await
}

/// Whether a deployment or a model can answer
#[utoipa::path(get, path = "/v2/models/{name}/ready", operation_id = "get_model_ready", tag = "open inference protocol",
    params(OfModel), responses((status = 200, body = ModelReady), OipProblems))]
async fn model_ready(
    State(state): State<AppState>,
    Path(path): Path<OfModel>,
    parts: Parts,
) -> Response {
    let call = Call::routed(&state, &parts, Target::Named(&path.name, None));
    readiness(&call, path.name.clone()).await
}

/// Whether a version can answer
#[utoipa::path(get, path = "/v2/models/{name}/versions/{version}/ready", operation_id = "get_model_version_ready",
    tag = "open inference protocol", params(OfVersion), responses((status = 200, body = ModelReady), OipProblems))]
async fn version_ready(
    State(state): State<AppState>,
    Path(path): Path<OfVersion>,
    parts: Parts,
) -> Response {
    let target = Target::Named(&path.name, Some(&path.version));
    let call = Call::routed(&state, &parts, target);
    readiness(&call, path.name.clone()).await
}

/// Predict with a deployment, or with the newest version of a model
///
/// A tensor for each input, or one matrix of numbers in the signature's order; up to 10,000 rows. A deployment routes as
/// `POST /predict/{deployment}` does, with the same headers. Binary data may follow the JSON both ways.
#[utoipa::path(post, path = "/v2/models/{name}/infer", operation_id = "infer", tag = "open inference protocol",
    params(OfModel,
        ("inference-header-content-length" = Option<u64>, Header, description = "How many bytes of the body are JSON, when binary data follows"),
        ("x-route-key" = Option<String>, Header, description = "Who the request is for; the same key goes to the same version"),
        ("x-canary" = Option<String>, Header, description = "`always` or `never`: forces the version; needs the scope write or admin")),
    request_body(content((InferRequest = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, content((InferResponse = "application/json"), (Vec<u8> = "application/octet-stream")), headers(
        ("inference-header-content-length" = u64, description = "How many bytes of the body are JSON, when binary data follows"),
        ("x-model-version" = i32, description = "The version that answered"))), OipProblems))]
async fn infer(
    State(state): State<AppState>,
    Path(path): Path<OfModel>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Named(&path.name, None));
    routed(answer(&call, body, |headers| oip(&path.name, headers)).await)
}

/// Predict with a version
///
/// Needs the scope `predict:*`. What is asked for here is in no deployment's metrics.
#[utoipa::path(post, path = "/v2/models/{name}/versions/{version}/infer", operation_id = "infer_version", tag = "open inference protocol",
    params(OfVersion), request_body(content((InferRequest = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, content((InferResponse = "application/json"), (Vec<u8> = "application/octet-stream"))), OipProblems))]
async fn infer_version(
    State(state): State<AppState>,
    Path(path): Path<OfVersion>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let target = Target::Named(&path.name, Some(&path.version));
    let call = Call::routed(&state, &parts, target);
    routed(answer(&call, body, |headers| oip(&path.name, headers)).await)
}

/// The media type says nothing here: the protocol names none, and its clients send none.
fn oip(name: &str, headers: &HeaderMap) -> ApiResult<Oip> {
    let length = |value: &http::HeaderValue| value.to_str().ok()?.parse().ok();
    let json_length = match headers.get(JSON_LENGTH) {
        None => None,
        Some(value) => Some(length(value).ok_or_else(|| {
            ApiError::bad_request(
                "the header Inference-Header-Content-Length must be a whole number: how many bytes of the body are JSON",
            )
        })?),
    };
    Ok(Oip {
        name: name.to_owned(),
        json_length,
    })
}

async fn metadata(call: &Call<'_>, name: String) -> Response {
    let (admitted, allowance) = admit(call);
    let metadata = match admitted {
        Ok(caller) => describe(call, &caller, name).await,
        Err(error) => Err(error),
    };
    told(metadata, allowance)
}

async fn describe(call: &Call<'_>, caller: &Caller, name: String) -> Result<ModelMetadata> {
    let version = loaded(call, caller).await?;
    let predictor = version.predictor();
    let signature = predictor.as_deref().ok_or_else(let_go)?.signature();
    let numbers = call
        .state
        .serving
        .snapshot()
        .version_numbers(caller.key.project, version.model.as_str());
    Ok(ModelMetadata {
        name,
        versions: numbers.iter().map(ToString::to_string).collect(),
        platform: "volary",
        inputs: signature.inputs.iter().map(tensor).collect(),
        outputs: Output::of(&signature.output)
            .iter()
            .map(|output| output_tensor(*output, signature.output.classes.as_deref()))
            .collect(),
    })
}

fn tensor(input: &InputField) -> TensorMetadata {
    TensorMetadata {
        name: input.name.clone(),
        datatype: Datatype::of(input.kind).as_str(),
        shape: vec![-1],
        parameters: input.nullable.then_some(TensorParameters {
            nullable: Some(true),
            classes: None,
        }),
    }
}

fn output_tensor(output: Output, classes: Option<&[String]>) -> TensorMetadata {
    let count = classes.map_or(1, |classes| classes.len() as i64);
    TensorMetadata {
        name: output.name().to_owned(),
        datatype: output.datatype().as_str(),
        shape: match output {
            Output::Prediction | Output::Label => vec![-1],
            Output::Probabilities => vec![-1, count],
        },
        parameters: classes.map(|classes| TensorParameters {
            nullable: None,
            classes: Some(classes.to_vec()),
        }),
    }
}

async fn readiness(call: &Call<'_>, name: String) -> Response {
    let (admitted, allowance) = admit(call);
    let ready = match admitted {
        Ok(caller) => loaded(call, &caller).await,
        Err(error) => Err(error),
    };
    let ready = ready.and_then(|version| match version.trouble() {
        None => Ok(ModelReady { name, ready: true }),
        Some(problem) => Err(version.not_ready(&problem)),
    });
    told(ready, allowance)
}

/// The version that would answer; of a deployment the stable one.
async fn loaded(call: &Call<'_>, caller: &Caller) -> Result<Arc<Version>> {
    let found = find(call.state, call.target, caller)?;
    found.load(call.state, &[], Some(Forced::Stable)).await?;
    match found {
        Found::Deployment(deployment) => {
            check_ready(&deployment)?;
            Ok(Arc::clone(&deployment.stable.version))
        }
        Found::Version(version) => Ok(version),
    }
}

fn told<T: Serialize>(outcome: Result<T>, allowance: Option<Allowance>) -> Response {
    let mut response = outcome.map(Json).map_err(ApiError::from).into_response();
    if let Some(allowance) = &allowance {
        rate_headers(response.headers_mut(), allowance);
    }
    response
}
