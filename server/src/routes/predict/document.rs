//! The OpenAPI document of one deployment: for programs here, for members of the project under `/api/v1`.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use domain::{Error, Result};
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::OfDeployment;
use super::answer::{Call, Found, Target, admit, find};
use super::load::wake_stable;
use crate::error::ApiResult;
use crate::extract::Path;
use crate::openapi::{Problems, deployment};
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(document))
}

/// Get the OpenAPI document of a deployment
///
/// Its predict operation with the real names and types of the inputs, as the version that is stable now has them. Needs
/// what predicting needs: the scope `predict:<deployment>` or `predict:*`.
#[utoipa::path(get, path = "/predict/{deployment}/openapi.json", operation_id = "get_deployment_document", tag = "predictions",
    params(OfDeployment), responses((status = 200, description = "The document", body = serde_json::Value, headers(("etag" = String, description = "Of the document"))),
        (status = 304, description = "Unchanged since the document in If-None-Match"), Problems))]
async fn document(
    State(state): State<AppState>,
    Path(path): Path<OfDeployment>,
    request: Request,
) -> ApiResult<Response> {
    let (parts, _) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Deployment(&path.deployment));
    let (admitted, _) = admit(&call);
    let caller = admitted?;
    let Found::Deployment(deployment) = find(&state, call.target, &caller)? else {
        return Err(Error::not_found("deployment").into());
    };
    Ok(respond(&state, &deployment, &parts.headers).await?)
}

/// # Errors
/// `Unavailable` while the stable version, whose signature it tells, can not be loaded.
pub(in crate::routes) async fn respond(
    state: &AppState,
    deployment: &serving::snapshot::Deployment,
    headers: &HeaderMap,
) -> Result<Response> {
    wake_stable(state, deployment).await?;
    let text = deployment::document(deployment, &state.base_url)?.to_string();
    let tag = hex::encode(&Sha256::digest(text.as_bytes())[..16]);
    let tag = (
        ETAG,
        format!("\"{}-{tag}\"", deployment.stable.version.number),
    );
    let is_known = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.1.as_bytes());
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    let media = (CONTENT_TYPE, "application/json".to_owned());
    Ok(([tag, media], text).into_response())
}
