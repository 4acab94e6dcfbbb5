//! The hot path: a prediction, from the serving snapshot alone. No database, no lock held while another request waits.
//!
//! In this order: the limit of the client's address, the key, the key's limit, its scope, the body's type and size, the
//! inputs against the model's signature, the model.

pub(super) mod answer;
mod body;
mod caller;
pub mod direct;
pub(super) mod document;
mod pages;
pub(super) mod respond;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::predictions::{PredictRequest, PredictResponse};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Path;
use crate::openapi::Problems;
use crate::state::AppState;
use answer::{Call, Ended, Target, answer, native};
use respond::respond;

pub(super) use caller::Caller;
pub use pages::for_pages;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(by_deployment))
        .routes(routes!(by_version))
        .merge(document::router())
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

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents what `answer` reads")]
pub(super) enum XCanary {
    Always,
    Never,
}

/// Predict with a deployment
///
/// One row or a batch. While a rollout is active, the deployment decides which version answers: requests with the same
/// `x-route-key` go the same way.
#[utoipa::path(post, path = "/predict/{deployment}", operation_id = "predict", tag = "predictions",
    params(OfDeployment,
        ("x-route-key" = Option<String>, Header, description = "Who the request is for; the same key goes to the same version"),
        ("x-canary" = inline(Option<XCanary>), Header, description = "`always` or `never`: forces the version; needs the scope write or admin")),
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
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Deployment(&path.deployment));
    routed(answer(&call, body, native).await)
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
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Version(&path.model, &path.version));
    routed(answer(&call, body, native).await)
}

/// For the layers that a routed answer passes through.
pub(super) fn routed(ended: Ended) -> Response {
    let (mut response, served) = respond(ended);
    if let Some(served) = served {
        response.extensions_mut().insert(served);
    }
    response.map(Body::new)
}
