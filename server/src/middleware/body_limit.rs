//! Bodies that are read whole have a limit, checked before reading when the length is told, and while reading.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Error;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::Limited;

use crate::error::ApiError;
use crate::router::LARGEST_BODY;

pub async fn limit(request: Request, next: Next) -> Response {
    if declared(request.headers()).is_some_and(|length| length > LARGEST_BODY as u64) {
        return ApiError::from(too_large()).into_response();
    }
    next.run(request.map(|body| Body::new(Limited::new(body, LARGEST_BODY))))
        .await
}

/// Of a body that is read whole.
pub fn too_large() -> Error {
    Error::TooLarge {
        message: format!("the body is over the limit of {LARGEST_BODY} bytes"),
    }
}

/// The length that the request tells of its body, if it does.
pub fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
