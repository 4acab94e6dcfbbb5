use axum::extract::State;
use domain::webhook_secrets::WebhookSecret;
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, Path};
use crate::openapi::Problems;
use crate::routes::paths::InProject;
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(rotate))
}

/// Get the secret that callbacks are signed with
///
/// One for the whole project, made when it is first needed. Give it to whoever verifies callbacks: any library of Standard
/// Webhooks takes it as it is.
#[utoipa::path(get, path = "/api/v1/projects/{project}/webhook-secret", operation_id = "get_webhook_secret", tag = "webhooks",
    params(InProject), responses((status = 200, body = WebhookSecret), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
) -> ApiResult<([(HeaderName, &'static str); 1], Json<WebhookSecret>)> {
    let secret =
        platform::webhook_secrets::get(&state.platform, &caller.actor, &path.project).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(secret)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookSecretRotation {
    /// How long the old secret signs beside the new one, 0 to 2592000 (30 days).
    overlap_seconds: u32,
}

/// Replace the secret that callbacks are signed with
///
/// During the overlap each callback has two signatures, separated by a space; a receiver accepts it if either is right.
#[utoipa::path(post, path = "/api/v1/projects/{project}/webhook-secret/rotate", operation_id = "rotate_webhook_secret",
    tag = "webhooks", params(InProject), request_body = WebhookSecretRotation,
    responses((status = 201, body = WebhookSecret), Problems))]
async fn rotate(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Json(rotation): Json<WebhookSecretRotation>,
) -> ApiResult<(
    StatusCode,
    [(HeaderName, &'static str); 1],
    Json<WebhookSecret>,
)> {
    let rotated = platform::webhook_secrets::rotate(
        &state.platform,
        &caller.actor,
        &path.project,
        rotation.overlap_seconds,
    );
    Ok((
        StatusCode::CREATED,
        [(CACHE_CONTROL, "no-store")],
        Json(rotated.await?),
    ))
}
