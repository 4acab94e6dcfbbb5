//! Pages of other sites. A browser lets them read the answer of a prediction only when the deployment lists their origin;
//! everything else here is for pages of this site, and carries none of these headers.

use axum::response::{IntoResponse as _, Response};
use domain::ids::ProjectId;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// What a page may send. No cookie: a page of another site has no session here.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, x-api-key, x-request-id, x-route-key, idempotency-key, prefer",
);
/// What a page may read of the answer, besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, x-model-version, ratelimit, ratelimit-policy, retry-after, server-timing",
);
/// How long a browser need not ask again, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Answers what a browser asks before it sends a prediction of another site.
///
/// # Errors
/// 403, in the same words for an origin that is not listed and for a deployment that is not there.
pub fn preflight(state: &AppState, deployment: &str, request: &HeaderMap) -> ApiResult<Response> {
    let Some(origin) = allowed(state, None, deployment, request) else {
        return Err(ApiError::http(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "pages of this origin may not call this deployment: add the origin to its cors_origins",
        ));
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.append(VARY, HeaderValue::from_static("Origin"));
    Ok(response)
}

/// Lets a page read the answer, an error like a prediction, if the deployment lists its origin. `project` is the caller's,
/// once he is known.
pub fn expose(
    state: &AppState,
    project: Option<ProjectId>,
    deployment: &str,
    request: &HeaderMap,
    response: &mut HeaderMap,
) {
    let Some(origin) = allowed(state, project, deployment, request) else {
        return;
    };
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response.append(VARY, HeaderValue::from_static("Origin"));
}

fn allowed(
    state: &AppState,
    project: Option<ProjectId>,
    deployment: &str,
    request: &HeaderMap,
) -> Option<HeaderValue> {
    let mut origins = request.get_all(ORIGIN).iter();
    let origin = origins.next()?.to_str().ok()?;
    if origins.next().is_some() {
        return None;
    }
    let snapshot = state.serving.snapshot();
    let allowed = snapshot.allowed_origin(project, deployment, origin)?;
    HeaderValue::from_str(allowed).ok()
}
