//! Errors as MLflow's scoring server has them: `{"error_code":"...","message":"..."}`, with its own codes and their statuses.

use domain::{Error, FieldError};
use http::StatusCode;
use serde::Serialize;
use serving::dialects::invocations::MALFORMED;
use utoipa::ToSchema;

use crate::error::ApiError;

/// Most bad fields that a message names.
const SHOWN: usize = 10;
/// Of a column's name in a message, in characters.
const LONGEST_NAME: usize = 80;

/// Whether errors of this path have this shape.
pub fn is_path(path: &str) -> bool {
    let deployment = path
        .strip_prefix("/deployments/")
        .and_then(|rest| rest.strip_suffix("/invocations"));
    deployment.is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// MLflow knows no 422.
pub fn status(error: &ApiError) -> StatusCode {
    match error {
        ApiError::Domain(Error::Invalid(_)) => StatusCode::BAD_REQUEST,
        error => error.status(),
    }
}

pub fn error_body(error: &ApiError) -> String {
    let body = InvocationsError {
        error_code: code(error),
        message: message(error),
    };
    serde_json::to_string(&body).unwrap_or_default()
}

#[derive(Serialize, ToSchema)]
pub(super) struct InvocationsError {
    error_code: MlflowCode,
    /// Names the rows and columns that are wrong, the first ten of them.
    message: String,
}

/// Those of MLflow's codes that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum MlflowCode {
    BadRequest,
    InvalidParameterValue,
    Unauthenticated,
    PermissionDenied,
    ResourceDoesNotExist,
    ResourceExhausted,
    TemporarilyUnavailable,
    InternalError,
}

fn code(error: &ApiError) -> MlflowCode {
    let is_malformed = |error: &FieldError| error.code.starts_with(MALFORMED);
    match status(error) {
        StatusCode::UNAUTHORIZED => MlflowCode::Unauthenticated,
        StatusCode::FORBIDDEN => MlflowCode::PermissionDenied,
        StatusCode::NOT_FOUND => MlflowCode::ResourceDoesNotExist,
        StatusCode::TOO_MANY_REQUESTS => MlflowCode::ResourceExhausted,
        StatusCode::SERVICE_UNAVAILABLE => MlflowCode::TemporarilyUnavailable,
        status if status.is_server_error() => MlflowCode::InternalError,
        _ if !error.fields().is_empty() && !error.fields().iter().any(is_malformed) => {
            MlflowCode::InvalidParameterValue
        }
        _ => MlflowCode::BadRequest,
    }
}

fn message(error: &ApiError) -> String {
    let fields = error.fields();
    if fields.is_empty() {
        return error.problem_text();
    }
    let shown: Vec<String> = fields.iter().take(SHOWN).map(describe).collect();
    let shown = shown.join("; ");
    match fields.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

fn describe(error: &FieldError) -> String {
    let row = error.row.map(|row| format!("row {row}"));
    let name = error.pointer.trim_start_matches('/');
    let column = (!name.is_empty()).then(|| {
        let name = name.replace("~1", "/").replace("~0", "~");
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        format!("column {shown}")
    });
    let place: Vec<String> = row.into_iter().chain(column).collect();
    let mut text = place.join(", ");
    if !text.is_empty() {
        text.push_str(": ");
    }
    text = format!("{text}expected {}", error.expected);
    match &error.got {
        Some(got) => format!("{text}, got {got}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_decides_on_the_shape() {
        assert!(is_path("/deployments/price/invocations"));
        for other in [
            "/deployments//invocations",
            "/deployments/a/b/invocations",
            "/deployments/price",
            "/p/deployments/price/invocations",
        ] {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn errors_have_mlflows_codes_and_their_statuses() {
        let codes = |error: Error| {
            let error = ApiError::from(error);
            (status(&error).as_u16(), code(&error))
        };
        let invalid = |code: &str| Error::Invalid(vec![FieldError::new("", code, "better")]);
        assert_eq!(
            codes(invalid("malformed_csv")),
            (400, MlflowCode::BadRequest)
        );
        assert_eq!(
            codes(invalid("wrong_type")),
            (400, MlflowCode::InvalidParameterValue)
        );
        assert_eq!(
            codes(Error::not_found("deployment")),
            (404, MlflowCode::ResourceDoesNotExist)
        );
        assert_eq!(
            codes(Error::RateLimited { retry_after: 1 }),
            (429, MlflowCode::ResourceExhausted)
        );
        assert_eq!(
            codes(Error::internal("a secret")),
            (500, MlflowCode::InternalError)
        );
        assert!(!error_body(&Error::internal("a secret").into()).contains("secret"));
    }

    #[test]
    fn a_message_names_rows_and_columns() {
        let bad = |row| {
            FieldError::new("/a~1b", "wrong_type", "a number")
                .got("\"x\"")
                .row(row)
        };
        let text = message(&Error::Invalid((0..12).map(bad).collect()).into());
        assert!(
            text.starts_with("row 0, column a/b: expected a number, got \"x\"; row 1, column a/b:"),
            "{text}"
        );
        assert!(text.ends_with("; and 2 more"), "{text}");
    }
}
