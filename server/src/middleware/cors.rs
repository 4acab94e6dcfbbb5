//! Pages of other sites. A browser lets them read the answer of a prediction only when the deployment lists their origin;
//! everything else here is for pages of this site, and carries none of these headers.

use axum::response::{IntoResponse as _, Response};
use domain::ids::ProjectId;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// What a page may send. No cookie: a page of another site has no session here.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, x-api-key, x-request-id, x-route-key, idempotency-key, prefer",
);
/// What a page may read of the answer, besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, x-model-version, ratelimit, ratelimit-policy, retry-after, server-timing, location, preference-applied, \
     idempotency-replayed",
);
/// How long a browser need not ask again, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// What a page asks for, as far as its path tells.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// A prediction of the deployment of this name.
    Deployment(&'a str),
    /// A prediction that was accepted earlier: any deployment that lists the origin allows it.
    Prediction,
}

/// Answers what a browser asks before a page of another site sends this method.
///
/// # Errors
/// 403, in the same words for an origin that is not listed and for a deployment that is not there.
pub fn preflight(
    state: &AppState,
    asked: Asked<'_>,
    method: &Method,
    request: &HeaderMap,
) -> ApiResult<Response> {
    let Some(origin) = allowed(state, None, asked, request) else {
        return Err(ApiError::http(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "pages of this origin may not call this deployment: add the origin to its cors_origins",
        ));
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if let Ok(method) = HeaderValue::from_str(method.as_str()) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method);
    }
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
    asked: Asked<'_>,
    request: &HeaderMap,
    response: &mut HeaderMap,
) {
    let Some(origin) = allowed(state, project, asked, request) else {
        return;
    };
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response.append(VARY, HeaderValue::from_static("Origin"));
}

fn allowed(
    state: &AppState,
    project: Option<ProjectId>,
    asked: Asked<'_>,
    request: &HeaderMap,
) -> Option<HeaderValue> {
    let mut origins = request.get_all(ORIGIN).iter();
    let origin = origins.next()?.to_str().ok()?;
    if origins.next().is_some() {
        return None;
    }
    let snapshot = state.serving.snapshot();
    let allowed = match asked {
        Asked::Deployment(name) => snapshot.allowed_origin(project, name, origin)?,
        Asked::Prediction => snapshot.allowed_origin_of_any(project, origin)?,
    };
    HeaderValue::from_str(allowed).ok()
}
