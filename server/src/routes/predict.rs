//! The hot path: a prediction, from the serving snapshot alone. No database, no lock held while another request waits.
//!
//! In this order: the limit of the client's address, the key, the key's limit, its scope, the body's type and size, the
//! inputs against the model's signature, the model.

pub(super) mod answer;
pub(super) mod body;
mod caller;
pub mod direct;
pub(super) mod document;
mod known;
pub(crate) mod load;
mod pages;
pub(super) mod respond;
pub(super) mod route;
mod work;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::async_predictions::AsyncPrediction;
use domain::predictions::{PredictRequest, PredictResponse};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serving::dialects::Native;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::async_predictions::{Prefer, submit};
use crate::error::ApiResult;
use crate::extract::{Path, Query};
use crate::middleware::cors;
use crate::openapi::Problems;
use crate::state::AppState;
use answer::{Call, Ended, Target, answer, explained, native};
use respond::respond;

pub(crate) use answer::crowded;
pub(super) use caller::Caller;
pub use pages::for_pages;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(by_deployment, preflight))
        .routes(routes!(by_version))
        .merge(document::router())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfDeployment {
    /// The deployment's name.
    pub(super) deployment: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfVersion {
    /// The model's name.
    model: String,
    /// A version's number, or `@` and an alias.
    version: String,
}

#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PredictQuery {
    /// Whether the answer says what each input adds to the predictions, of 100 rows at most.
    #[serde(default)]
    #[param(value_type = bool)]
    explain: Explain,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Explain {
    True,
    #[default]
    False,
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
    params(OfDeployment, PredictQuery,
        ("x-route-key" = Option<String>, Header, description = "Who the request is for; the same key goes to the same version"),
        ("x-canary" = inline(Option<XCanary>), Header, description = "`always` or `never`: forces the version; needs the scope write or admin"),
        ("prefer" = Option<String>, Header, description = "`respond-async`: as `POST /predict/{deployment}/async`, body included")),
    request_body = PredictRequest,
    responses((status = 200, body = PredictResponse, headers(
        ("x-model-version" = i32, description = "The version that answered"),
        ("server-timing" = String, description = "Milliseconds for auth, parse and predict, for load when the request waited for a version to be loaded, and for queue when it waited to be computed together with others"),
        ("ratelimit" = String, description = "What is left of the key's quota"),
        ("ratelimit-policy" = String, description = "The key's quota"))),
        (status = 202, description = "Accepted, as the client preferred", body = AsyncPrediction, headers(("location" = String, description = "The prediction"))),
        Problems))]
async fn by_deployment(
    State(state): State<AppState>,
    Path(path): Path<OfDeployment>,
    query: ApiResult<Query<PredictQuery>>,
    request: Request,
) -> Response {
    if query.is_ok() && Prefer::of(request.headers()).respond_async {
        return Box::pin(submit(&state, &path.deployment, request)).await;
    }
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Deployment(&path.deployment));
    let ended = answer_to(&call, body, query).await;
    let project = ended.project;
    let mut response = routed(ended);
    cors::expose(
        &state,
        project,
        cors::Asked::Deployment(&path.deployment),
        &parts.headers,
        response.headers_mut(),
    );
    response
}

/// Ask whether a page may predict with a deployment
///
/// What browsers send by themselves before a page of another site predicts. The page may when the deployment's
/// `cors_origins` list its origin; if not, the answer is 403, whether there is such a deployment or not.
#[utoipa::path(options, path = "/predict/{deployment}", operation_id = "predict_preflight", tag = "predictions", security(()),
    params(OfDeployment, ("origin" = String, Header, description = "The page's")),
    responses((status = 204, description = "It may", headers(
        ("access-control-allow-origin" = String, description = "The page's origin, or `*`"))), Problems))]
pub(super) async fn preflight(
    State(state): State<AppState>,
    Path(path): Path<OfDeployment>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    cors::preflight(
        &state,
        cors::Asked::Deployment(&path.deployment),
        &Method::POST,
        &headers,
    )
}

/// Predict with a version of a model
///
/// Needs the scope `predict:*`. What is asked for here is in no deployment's metrics.
#[utoipa::path(post, path = "/predict/{model}/{version}", operation_id = "predict_version", tag = "predictions",
    params(OfVersion, PredictQuery), request_body = PredictRequest, responses((status = 200, body = PredictResponse), Problems))]
async fn by_version(
    State(state): State<AppState>,
    Path(path): Path<OfVersion>,
    query: ApiResult<Query<PredictQuery>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Version(&path.model, &path.version));
    routed(answer_to(&call, body, query).await)
}

/// A query that can not be read is refused where the body would be: who calls is looked at before.
async fn answer_to(call: &Call<'_>, body: Body, query: ApiResult<Query<PredictQuery>>) -> Ended {
    match query.map(|query| query.0.explain) {
        Ok(Explain::False) => answer(call, body, native).await,
        Ok(Explain::True) => Box::pin(answer(call, body, explained)).await,
        Err(error) => Box::pin(answer(call, body, |_| Err::<Native, _>(error))).await,
    }
}

/// For the layers that a routed answer passes through.
pub(super) fn routed(ended: Ended) -> Response {
    let (mut response, answered) = respond(ended, None);
    if let Some(answered) = answered {
        response.extensions_mut().insert(answered.served());
    }
    response.map(Body::new)
}
