//! The same protocol over gRPC, on the same port: `inference.GRPCInferenceService`. Names, keys, limits, arms and the log
//! are those of the paths under `/v2`.
//!
//! A call has one message each way, so all there is of gRPC is how a message is framed (`message`) and how a call says
//! that it failed (`status`). A message is read once its caller is known, within the limits that other bodies have.

mod deadline;
mod message;
mod status;

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use domain::{Error, Result};
use http::{HeaderMap, StatusCode};
use prost::Message;
use serving::dialects::Protobuf;
use serving::dialects::oip::messages::{
    InferParameter, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ParameterChoice, ServerLiveRequest, ServerLiveResponse,
    ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
    TensorMetadata,
};
use serving::dialects::oip::protobuf::Addressee;
use serving::limits::Allowance;

use super::messages;
use super::{describe, is_ready, loaded};
use crate::error::{ApiError, ApiResult};
use crate::routes::predict::Caller;
use crate::routes::predict::answer::{Allowed, Call, Ended, Success, Target, admit, predict_from};
use crate::routes::predict::respond::{rate_headers, respond_with};
use crate::state::AppState;

use deadline::within;

pub use message::MEDIA_TYPE;
pub use status::refuse;

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/inference.GRPCInferenceService/ServerLive", post(live))
        .route("/inference.GRPCInferenceService/ServerReady", post(ready))
        .route(
            "/inference.GRPCInferenceService/ServerMetadata",
            post(server),
        )
        .route(
            "/inference.GRPCInferenceService/ModelReady",
            post(model_ready),
        )
        .route("/inference.GRPCInferenceService/ModelMetadata", post(model))
        .route("/inference.GRPCInferenceService/ModelInfer", post(infer))
        .route(
            "/inference.GRPCInferenceService/{method}",
            post(no_such_method),
        )
}

/// Whether a request is a call to this service, so that errors are told as gRPC has them.
pub fn is_call(path: &str, headers: &HeaderMap) -> bool {
    path.starts_with("/inference.GRPCInferenceService/") && message::is_declared(headers)
}

async fn live(request: Request) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let deadline = deadline::of(&parts.headers, Instant::now())?;
    let read = message::read(&parts.headers, body);
    let ServerLiveRequest {} = within(deadline, read).await?;
    Ok(message::write(&ServerLiveResponse { live: true }))
}

async fn ready(State(state): State<AppState>, request: Request) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let deadline = deadline::of(&parts.headers, Instant::now())?;
    let read = message::read(&parts.headers, body);
    let ServerReadyRequest {} = within(deadline, read).await?;
    let ready = is_ready(&state);
    Ok(message::write(&ServerReadyResponse { ready }))
}

async fn server(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Server);
    let (caller, allowance) = admit(&call);
    told(server_metadata(&call, caller, body).await, allowance)
}

async fn server_metadata(
    call: &Call<'_>,
    caller: Result<Caller>,
    body: Body,
) -> ApiResult<ServerMetadataResponse> {
    caller?;
    let deadline = deadline::of(call.headers, call.arrived)?;
    let read = message::read(call.headers, body);
    let ServerMetadataRequest {} = within(deadline, read).await?;
    Ok(messages::ServerMetadata::own().into())
}

async fn model(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Server);
    let (caller, allowance) = admit(&call);
    told(metadata(call, caller, body).await, allowance)
}

async fn metadata(
    call: Call<'_>,
    caller: Result<Caller>,
    body: Body,
) -> ApiResult<ModelMetadataResponse> {
    let caller = caller?;
    let deadline = deadline::of(call.headers, call.arrived)?;
    within(deadline, async {
        let ModelMetadataRequest { name, version } = message::read(call.headers, body).await?;
        let call = call.to(named(&name, &version));
        Ok(describe(&call, &caller, name.clone()).await?.into())
    })
    .await
}

async fn model_ready(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Server);
    let (caller, allowance) = admit(&call);
    told(readiness(call, caller, body).await, allowance)
}

async fn readiness(
    call: Call<'_>,
    caller: Result<Caller>,
    body: Body,
) -> ApiResult<ModelReadyResponse> {
    let caller = caller?;
    let deadline = deadline::of(call.headers, call.arrived)?;
    within(deadline, async {
        let ModelReadyRequest { name, version } = message::read(call.headers, body).await?;
        let call = call.to(named(&name, &version));
        let ready = match loaded(&call, &caller).await {
            Ok(version) => version.trouble().is_none(),
            Err(Error::Unavailable { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        Ok(ModelReadyResponse { ready })
    })
    .await
}

fn told<M: Message>(outcome: ApiResult<M>, allowance: Option<Allowance>) -> Response {
    let mut response = match outcome {
        Ok(message) => message::write(&message),
        Err(error) => error.into_response(),
    };
    if let Some(allowance) = &allowance {
        rate_headers(response.headers_mut(), allowance);
    }
    response
}

async fn infer(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Server);
    let (caller, allowance) = admit(&call);
    let project = caller.as_ref().ok().map(|caller| caller.key.project);
    let outcome = match caller {
        Ok(caller) => predict(call, &caller, body).await,
        Err(error) => Err(error.into()),
    };
    let ended = Ended::with(outcome, allowance, project);
    let (mut response, answered) =
        respond_with(ended, None, |message, _| message::framed(&message));
    if let Some(answered) = answered {
        response.extensions_mut().insert(answered.served());
    }
    response
}

async fn predict(mut call: Call<'_>, caller: &Caller, body: Body) -> ApiResult<Success> {
    call.deadline = deadline::of(call.headers, call.arrived)?;
    within(call.deadline, async {
        let message = message::bytes(call.headers, body).await?;
        let Addressee { name, version } =
            Addressee::of(&message).map_err(|error| Error::Invalid(vec![error]))?;
        let call = call.to(named(&name, &version));
        let allowed = Allowed::of(&call, caller)?;
        let dialect = Protobuf { name: name.clone() };
        predict_from(&call, caller, allowed, dialect, message).await
    })
    .await
}

async fn no_such_method() -> ApiError {
    ApiError::http(
        StatusCode::NOT_IMPLEMENTED,
        "not_implemented",
        "this service has no such method: it has ServerLive, ServerReady, ServerMetadata, ModelReady, ModelMetadata and ModelInfer",
    )
}

/// An empty version stands for what is live.
fn named<'m>(name: &'m str, version: &'m str) -> Target<'m> {
    Target::Named(name, (!version.is_empty()).then_some(version))
}

impl From<messages::ServerMetadata> for ServerMetadataResponse {
    fn from(own: messages::ServerMetadata) -> Self {
        Self {
            name: own.name.to_owned(),
            version: own.version.to_owned(),
            extensions: own.extensions.into_iter().map(str::to_owned).collect(),
        }
    }
}

impl From<messages::ModelMetadata> for ModelMetadataResponse {
    fn from(model: messages::ModelMetadata) -> Self {
        let tensors = |tensors: Vec<messages::TensorMetadata>| {
            let tensors = tensors.into_iter();
            tensors.map(TensorMetadata::from).collect()
        };
        Self {
            name: model.name,
            versions: model.versions,
            platform: model.platform.to_owned(),
            inputs: tensors(model.inputs),
            outputs: tensors(model.outputs),
        }
    }
}

fn text(value: serde_json::Value) -> InferParameter {
    InferParameter {
        parameter_choice: Some(ParameterChoice::StringParam(value.to_string())),
    }
}

impl From<messages::TensorMetadata> for TensorMetadata {
    fn from(tensor: messages::TensorMetadata) -> Self {
        Self {
            name: tensor.name,
            datatype: tensor.datatype.to_owned(),
            shape: tensor.shape,
            parameters: tensor
                .parameters
                .and_then(|parameters| parameters.classes)
                .map(|classes| ("classes".to_owned(), text(serde_json::json!(classes))))
                .into_iter()
                .collect(),
        }
    }
}
