//! How a call that failed says so: in headers, beside a status of HTTP that is always 200.

use std::fmt::Write as _;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::ApiError;
use crate::middleware::content_encoding;

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Of a message, in bytes as they are sent: clients take 8 KiB of headers in all.
const LONGEST_MESSAGE: usize = 3 << 10;

/// gRPC's codes that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Says in the headers of an answer without a message what went wrong.
pub fn refuse(error: &ApiError, headers: &mut HeaderMap) {
    headers.insert(GRPC_STATUS, (code(error) as u16).into());
    if let Ok(message) = HeaderValue::try_from(escaped(&error.problem_text())) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if error.code() == content_encoding::UNSUPPORTED {
        let accepted = HeaderValue::from_static("identity,gzip,deflate");
        headers.insert(GRPC_ACCEPT_ENCODING, accepted);
    }
}

fn code(error: &ApiError) -> Code {
    match error.status() {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::NOT_IMPLEMENTED => Code::Unimplemented,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::MISDIRECTED_REQUEST => Code::FailedPrecondition,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        status if status.is_server_error() => Code::Internal,
        _ => Code::InvalidArgument,
    }
}

/// Everything but visible ASCII and spaces as `%` and two digits, and no longer than clients take.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        let before = escaped.len();
        match char {
            ' '..='~' if char != '%' => escaped.push(char),
            _ => {
                for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                    // Text takes whatever is written to it.
                    write!(escaped, "%{byte:02X}").ok();
                }
            }
        }
        if escaped.len() > LONGEST_MESSAGE {
            escaped.truncate(before);
            escaped.push_str("...");
            break;
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use domain::{Error, FieldError};

    use super::*;

    #[test]
    fn every_refusal_has_its_code() {
        let invalid = Error::Invalid(vec![FieldError::new("/inputs/a", "wrong_type", "a number")]);
        for (error, expected) in [
            (ApiError::from(invalid), Code::InvalidArgument),
            (ApiError::bad_request("no"), Code::InvalidArgument),
            (
                Error::Unauthenticated(String::new()).into(),
                Code::Unauthenticated,
            ),
            (
                Error::Forbidden(String::new()).into(),
                Code::PermissionDenied,
            ),
            (Error::not_found("model").into(), Code::NotFound),
            (
                Error::RateLimited { retry_after: 1 }.into(),
                Code::ResourceExhausted,
            ),
            (
                crate::middleware::body_limit::too_large().into(),
                Code::ResourceExhausted,
            ),
            (Error::not_yet("soon", 1).into(), Code::Unavailable),
            (Error::ModelFailed(String::new()).into(), Code::Internal),
            (Error::internal("a secret").into(), Code::Internal),
        ] {
            assert_eq!(code(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn a_message_is_plain_ascii_and_not_too_long() {
        assert_eq!(escaped("100 % of Zürich\n"), "100 %25 of Z%C3%BCrich%0A");
        let long = escaped(&"ü".repeat(10_000));
        assert!(long.len() <= LONGEST_MESSAGE + 3 && long.ends_with("%BC..."));
    }
}
