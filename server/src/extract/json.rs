use std::error::Error as _;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use domain::{Error, FieldError};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::middleware::body_limit::too_large;

/// A JSON body in either direction. A body that does not fit its type is refused naming the field.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::http(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be JSON: send content-type: application/json",
            ));
        }
        parse(&body(request, state).await?).map(Self)
    }
}

/// Reads the whole body, up to the limit of its route.
pub async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return too_large().into();
            }
            ApiError::bad_request("the body broke off")
        })
}

/// As [`body`], of a route that has no limit of its own.
pub async fn body_within(body: Body, longest: usize) -> Result<Bytes, ApiError> {
    to_bytes(body, longest).await.map_err(|error| {
        let cause = error.source();
        if cause.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            let message = format!("the body is over the limit of {longest} bytes");
            return Error::TooLarge { message }.into();
        }
        ApiError::bad_request(format!("the body broke off: {error}"))
    })
}

pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut decoder = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut decoder).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        match cause.classify() {
            serde_json::error::Category::Data => {
                ApiError::from(Error::Invalid(vec![field_error(&path, &cause.to_string())]))
            }
            _ => ApiError::bad_request(format!("the body is not JSON: {cause}")),
        }
    })?;
    decoder
        .end()
        .map_err(|error| ApiError::bad_request(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// Whether the body is said to be JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|media| media.to_str().ok())
        .unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

/// What serde says about a value, as an error of the field at `path` (`split.seed`, `features[2]`).
pub fn field_error(path: &str, reason: &str) -> FieldError {
    // serde_json adds where in the text it happened; the pointer says it better.
    let reason = reason.split(" at line ").next().unwrap_or(reason);
    let pointer = pointer(path);
    let quoted = || reason.split('`').nth(1).unwrap_or_default().to_owned();
    if reason.starts_with("missing field") {
        return FieldError::new(
            format!("{pointer}/{}", quoted()),
            "missing",
            "a value for this field",
        );
    }
    if reason.starts_with("unknown field") {
        let known = reason
            .split_once("expected ")
            .map_or("no field at all", |(_, known)| known)
            .replace('`', "");
        let name = quoted();
        let pointer = pointer
            .strip_suffix(&format!("/{name}"))
            .unwrap_or(&pointer);
        return FieldError::new(format!("{pointer}/{name}"), "unknown_field", known);
    }
    if reason.starts_with("duplicate field") {
        return FieldError::new(
            format!("{pointer}/{}", quoted()),
            "invalid",
            "the field once",
        );
    }
    for (start, code) in [
        ("invalid type: ", "wrong_type"),
        ("invalid value: ", "out_of_range"),
        ("unknown variant ", "invalid"),
    ] {
        if let Some((got, expected)) = reason
            .strip_prefix(start)
            .and_then(|rest| rest.split_once(", expected "))
        {
            return FieldError::new(pointer, code, expected.replace('`', ""))
                .got(got.replace('`', ""));
        }
    }
    FieldError::new(pointer, "invalid", reason)
}

fn pointer(path: &str) -> String {
    // The last of these is the path in a text that is no JSON.
    if [".", "", "?"].contains(&path) {
        return String::new();
    }
    path.replace('[', ".")
        .replace(']', "")
        .split('.')
        .fold(String::new(), |pointer, part| pointer + "/" + part)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => (
                [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
                body,
            )
                .into_response(),
            Err(error) => ApiError::from(Error::internal(error)).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::rollouts::RolloutSpec;

    use super::*;

    fn refused(body: &str) -> FieldError {
        match parse::<RolloutSpec>(body.as_bytes()) {
            Err(ApiError::Domain(Error::Invalid(mut errors))) => errors.remove(0),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_that_does_not_fit_names_the_field() {
        let missing = refused(r#"{"mode":"canary"}"#);
        assert_eq!(
            (missing.pointer.as_str(), missing.code.as_str()),
            ("/version", "missing")
        );
        let wrong = refused(r#"{"version":"two","mode":"canary"}"#);
        assert_eq!(
            (
                wrong.pointer.as_str(),
                wrong.code.as_str(),
                wrong.expected.as_str()
            ),
            ("/version", "wrong_type", "i32")
        );
        assert_eq!(wrong.got.as_deref(), Some("string \"two\""));
        let unknown = refused(
            r#"{"version":2,"mode":"canary","steps":[{"weight":1,"seconds":1,"role":"admin"}]}"#,
        );
        assert_eq!(
            (unknown.pointer.as_str(), unknown.code.as_str()),
            ("/steps/0/role", "unknown_field")
        );
        let variant = refused(r#"{"version":2,"mode":"big_bang"}"#);
        assert_eq!(
            (
                variant.pointer.as_str(),
                variant.code.as_str(),
                variant.got.as_deref()
            ),
            ("/mode", "invalid", Some("big_bang"))
        );
        let twice = refused(r#"{"version":2,"version":3,"mode":"canary"}"#);
        assert_eq!(twice.pointer, "/version");
    }

    #[test]
    fn text_that_is_not_json_is_a_bad_request() {
        for bad in ["", "{", "{\"version\":2,\"mode\":\"canary\"} x", "\u{0}"] {
            let error = parse::<RolloutSpec>(bad.as_bytes()).unwrap_err();
            assert_eq!(error.status(), StatusCode::BAD_REQUEST, "{bad}");
        }
    }
}
