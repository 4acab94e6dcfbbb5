use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::model_cards::{ModelCard, ModelCardText};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::revision::{etag, if_match, is_known};
use crate::extract::{Caller, Json, Path};
use crate::openapi::Problems;
use crate::routes::paths::OfModelVersion;
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get, put))
        .routes(routes!(download))
}

/// Get the card of a model version
///
/// Until somebody edits it, it is made of what is known: the data, the split, the parameters, the metrics, the inputs, and caveats.
#[utoipa::path(get, path = "/api/v1/projects/{project}/models/{model}/versions/{version}/card", operation_id = "model_cards_get",
    tag = "models", params(OfModelVersion),
    responses((status = 200, body = ModelCard, headers(("etag" = String, description = "The revision"))),
        (status = 304, description = "Unchanged since the revision in If-None-Match"), Problems))]
async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModelVersion>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let card = find(&state, &caller, &path).await?;
    let tag = etag(card.revision);
    // A card that nobody has edited follows what is known.
    if card.revision > 0 && is_known(&headers, card.revision) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(([tag], Json(card)).into_response())
}

/// Write the card of a model version
///
/// The same text again changes nothing.
#[utoipa::path(put, path = "/api/v1/projects/{project}/models/{model}/versions/{version}/card", operation_id = "model_cards_put",
    tag = "models",
    params(OfModelVersion, ("if-match" = Option<String>, Header, description = "Only when this is still the revision")),
    request_body = ModelCardText,
    responses((status = 200, body = ModelCard, headers(("etag" = String, description = "The revision"))), Problems))]
async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModelVersion>,
    headers: HeaderMap,
    Json(text): Json<ModelCardText>,
) -> ApiResult<([(HeaderName, String); 1], Json<ModelCard>)> {
    let revision = if_match(&headers)?;
    let put = platform::model_cards::put(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        path.version,
        &text,
        revision,
    );
    let card = put.await?;
    Ok(([etag(card.revision)], Json(card)))
}

/// Download the card of a model version as a Markdown file
#[utoipa::path(get, path = "/api/v1/projects/{project}/models/{model}/versions/{version}/card.md",
    operation_id = "model_cards_download", tag = "models", params(OfModelVersion),
    responses((status = 200, description = "The text", body = String, content_type = "text/markdown"), Problems))]
async fn download(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModelVersion>,
) -> ApiResult<Response> {
    let card = find(&state, &caller, &path).await?;
    // Names have no character that would end the quotes.
    let name = format!(
        "attachment; filename=\"{}-v{}.md\"",
        card.model, card.version
    );
    let headers = [
        (CONTENT_TYPE, "text/markdown; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, card.markdown).into_response())
}

async fn find(state: &AppState, caller: &Caller, path: &OfModelVersion) -> ApiResult<ModelCard> {
    let shown = platform::model_cards::get(
        &state.platform,
        &caller.actor,
        &path.project,
        &path.model,
        path.version,
    );
    Ok(shown.await?.card)
}
