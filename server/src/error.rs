//! The one place where errors become HTTP. A handler returns [`ApiError`]; the outermost middleware, which knows the
//! request's id, writes the body: problem+json, what a protocol under its own path has instead, or a plain page for a
//! person's browser.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::problem::Problem;
use domain::{Error, Timestamp};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::extract::request_id::RequestId;
use crate::middleware::content_encoding;
use crate::routes::invocations;
use crate::routes::oip::grpc;
use crate::routes::oip::messages::OipError;

pub type ApiResult<T> = Result<T, ApiError>;

/// What a request ends with when it does not succeed.
#[derive(Debug)]
pub enum ApiError {
    Domain(Error),
    /// What only HTTP knows: a method, a media type, a host.
    Http {
        status: StatusCode,
        code: &'static str,
        message: String,
    },
}

impl ApiError {
    pub fn http(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::Http {
            status,
            code,
            message: message.into(),
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::http(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Domain(error) => {
                StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::Http { status, .. } => *status,
        }
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::Domain(error) => error.code(),
            Self::Http { code, .. } => code,
        }
    }

    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Domain(error) => error.retry_after(),
            Self::Http {
                status: StatusCode::SERVICE_UNAVAILABLE,
                ..
            } => Some(2),
            Self::Http { .. } => None,
        }
    }

    /// The bad fields, if that is what is wrong.
    pub fn fields(&self) -> &[domain::FieldError] {
        match self {
            Self::Domain(Error::Invalid(errors)) => errors,
            _ => &[],
        }
    }

    /// What the caller is told.
    pub fn problem_text(&self) -> String {
        match self {
            Self::Domain(error) => error.to_string(),
            Self::Http { message, .. } => message.clone(),
        }
    }

    /// The body, for the caller's eyes: a fault of ours is an internal error and nothing more.
    pub fn problem(&self, now: Timestamp, request_id: &RequestId) -> Problem {
        let status = self.status();
        let message = self.problem_text();
        Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: message.clone(),
            message,
            error_code: self.code().to_owned(),
            timestamp: now,
            request_id: request_id.as_str().to_owned(),
            errors: self.fields().to_vec(),
            retry_after: self.retry_after(),
        }
    }

    /// Logs the whole chain of a fault of ours, once, where it leaves the server.
    fn log(&self, method: &Method, path: &str, request_id: &RequestId) {
        let Self::Domain(error) = self else { return };
        if self.status().is_server_error() {
            let mut chain = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                chain = format!("{chain}: {cause}");
                source = cause.source();
            }
            tracing::error!(request_id = request_id.as_str(), %method, path, error = chain, "request failed");
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem_text())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

/// Carried by a response whose body is not written yet.
#[derive(Clone, Debug)]
struct Failure(Arc<ApiError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Failure(Arc::new(self)));
        response
    }
}

/// What the outermost middleware knows of the request that failed.
pub struct Failed<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    /// Whether it came with a key or a token as RFC 6750 has it.
    pub is_bearer: bool,
    pub request_id: &'a RequestId,
    pub now: Timestamp,
}

/// Carried by the response of a protocol that says elsewhere than in the status what went wrong.
#[derive(Clone, Copy, Debug)]
pub struct Meant(StatusCode);

impl Meant {
    /// What the status says, or would say.
    pub fn by<B>(response: &http::Response<B>) -> StatusCode {
        let meant = response.extensions().get::<Self>();
        meant.map_or(response.status(), |meant| meant.0)
    }
}

/// Writes the body of a failed response: of an [`ApiError`], and of the plain refusals that axum makes itself.
pub fn finish<B: From<String>>(
    failed: &Failed<'_>,
    mut response: http::Response<B>,
) -> http::Response<B> {
    if let Some(Failure(error)) = response.extensions_mut().remove::<Failure>() {
        error.log(failed.method, failed.path, failed.request_id);
        return body(failed, &error, response);
    }
    if !is_plain_refusal(&response) {
        return response;
    }
    let error = refusal(response.status());
    body(failed, &error, response)
}

fn body<B: From<String>>(
    failed: &Failed<'_>,
    error: &ApiError,
    mut response: http::Response<B>,
) -> http::Response<B> {
    let problem = error.problem(failed.now, failed.request_id);
    let (media, text) = match shape(failed) {
        Shape::Page => ("text/html; charset=utf-8", page(&problem)),
        Shape::Problem => (
            "application/problem+json",
            serde_json::to_string(&problem).unwrap_or_default(),
        ),
        Shape::Mlflow => {
            *response.status_mut() = invocations::status(error);
            ("application/json", invocations::error_body(error))
        }
        Shape::Grpc => {
            let meant = Meant(response.status());
            response.extensions_mut().insert(meant);
            *response.status_mut() = StatusCode::OK;
            grpc::refuse(error, response.headers_mut());
            (grpc::MEDIA_TYPE, String::new())
        }
        Shape::Oip => {
            // The protocol's clients know a bad request by this status alone.
            if response.status() == StatusCode::UNPROCESSABLE_ENTITY {
                *response.status_mut() = StatusCode::BAD_REQUEST;
            }
            let error = problem.message;
            (
                "application/json",
                serde_json::to_string(&OipError { error }).unwrap_or_default(),
            )
        }
    };
    let headers = response.headers_mut();
    headers.remove(http::header::CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = challenge(response.status(), failed.is_bearer) {
        response
            .headers_mut()
            .entry(WWW_AUTHENTICATE)
            .or_insert(HeaderValue::from_static(challenge));
    }
    if error.code() == content_encoding::UNSUPPORTED {
        let accepted = HeaderValue::from_static(content_encoding::ACCEPTED);
        response.headers_mut().insert(ACCEPT_ENCODING, accepted);
    }
    *response.body_mut() = B::from(text);
    response
}

/// What a refused client is told of how to come back: RFC 6750, 3. Only one that showed something hears what was wrong.
fn challenge(status: StatusCode, is_bearer: bool) -> Option<&'static str> {
    match (status, is_bearer) {
        (StatusCode::UNAUTHORIZED, false) => Some("Bearer realm=\"volary\""),
        (StatusCode::UNAUTHORIZED, true) => {
            Some("Bearer realm=\"volary\", error=\"invalid_token\"")
        }
        (StatusCode::FORBIDDEN, true) => {
            Some("Bearer realm=\"volary\", error=\"insufficient_scope\"")
        }
        _ => None,
    }
}

/// An error that axum or tower-http answered itself: no body of ours, no page of the dashboard.
fn is_plain_refusal<B>(response: &http::Response<B>) -> bool {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return false;
    }
    match response.headers().get(CONTENT_TYPE) {
        Some(media) => {
            media.as_bytes().starts_with(b"text/plain")
                && !response.headers().contains_key("serverfnerror")
        }
        None => true,
    }
}

fn refusal(status: StatusCode) -> ApiError {
    let (code, message) = match status {
        StatusCode::NOT_FOUND => return Error::not_found("page").into(),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "this path does not take that method: see the Allow header",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is over the limit for this path"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "unsupported_media_type",
            "this path does not take that content type",
        ),
        StatusCode::BAD_REQUEST => ("bad_request", "the request can not be read"),
        _ if status.is_server_error() => ("internal", "internal error"),
        _ => ("refused", "the request was refused"),
    };
    ApiError::http(status, code, message)
}

/// How a body says what is wrong.
enum Shape {
    Problem,
    Page,
    Oip,
    Grpc,
    Mlflow,
}

/// The path decides, and for a page of the dashboard, whether a person looks at the answer.
fn shape(failed: &Failed<'_>) -> Shape {
    let Failed { path, headers, .. } = *failed;
    if path == "/v2" || path.starts_with("/v2/") {
        return Shape::Oip;
    }
    if grpc::is_call(path, headers) {
        return Shape::Grpc;
    }
    if invocations::is_path(path) {
        return Shape::Mlflow;
    }
    let is_machine = ["/api/", "/predict/", "/oauth/", "/_fn/"]
        .iter()
        .any(|prefix| path.starts_with(prefix));
    if !is_machine && accepts_html(headers) {
        Shape::Page
    } else {
        Shape::Problem
    }
}

/// Whether the client is a browser that shows the answer to a person.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Without script, style or image, so that it shows under any policy.
fn page(problem: &Problem) -> String {
    let wait = problem.retry_after.map_or_else(String::new, |seconds| {
        format!("<p>Try again in {seconds} s.</p>")
    });
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Volary</title></head><body><main><h1>{title}</h1><p>{detail}</p>{wait}\
         <p>Request <code>{id}</code></p><p><a href=\"/\">Go to the overview</a></p></main></body></html>",
        title = escape(&problem.title),
        detail = escape(&problem.detail),
        id = escape(&problem.request_id),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// For paths that nothing answers to.
pub async fn no_such_path() -> ApiError {
    Error::not_found("path").into()
}

/// For paths that answer to other methods.
pub async fn no_such_method() -> ApiError {
    ApiError::http(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take that method",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_ours_tells_nothing_of_its_cause() {
        let error = ApiError::from(Error::internal(
            "relation users does not exist at /srv/secret",
        ));
        let problem = error.problem(Timestamp::UNIX_EPOCH, &RequestId::from_text("r1"));
        let text = serde_json::to_string(&problem).unwrap();
        assert!(!text.contains("users") && !text.contains("/srv"), "{text}");
        assert_eq!(
            (problem.status, problem.error_code.as_str()),
            (500, "internal")
        );
    }

    #[test]
    fn a_page_shows_no_markup_of_others() {
        let error = ApiError::bad_request("<script>alert(1)</script>");
        let text = page(&error.problem(Timestamp::UNIX_EPOCH, &RequestId::from_text("r1")));
        assert!(!text.contains("<script"), "{text}");
    }
}
