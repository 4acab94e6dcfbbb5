//! The one error of server functions: the same problem document that the HTTP API answers with.

use domain::problem::Problem;
use domain::{FieldError, Timestamp};
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppError(Box<Problem>);

impl AppError {
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What is wrong with the field at `pointer`, as a sentence fragment for beneath it.
    #[must_use]
    pub fn field(&self, pointer: &str) -> Option<String> {
        self.0
            .errors
            .iter()
            .find(|error| error.pointer == pointer)
            .map(describe)
    }

    /// What is wrong with the fields whose pointers begin so, each with its name.
    #[must_use]
    pub fn fields_below(&self, prefix: &str) -> Option<String> {
        let errors = self.0.errors.iter();
        let below: Vec<String> = errors
            .filter_map(|error| {
                let field = error.pointer.strip_prefix(prefix)?;
                let field = field.replace("~1", "/").replace("~0", "~");
                Some(format!("{field}: {}", describe(error)))
            })
            .collect();
        (!below.is_empty()).then(|| below.join("; "))
    }

    fn new(
        status: u16,
        code: &str,
        detail: String,
        timestamp: Timestamp,
        request_id: String,
    ) -> Self {
        Self(Box::new(Problem {
            kind: "about:blank".to_owned(),
            title: title(status).to_owned(),
            status,
            message: detail.clone(),
            detail,
            error_code: code.to_owned(),
            timestamp,
            request_id,
            errors: Vec::new(),
            retry_after: None,
        }))
    }

    /// A problem the browser itself found.
    #[must_use]
    pub fn local(code: &str, detail: impl Into<String>) -> Self {
        Self::new(0, code, detail.into(), Timestamp::UNIX_EPOCH, String::new())
    }
}

impl From<Problem> for AppError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

/// A field's error as a sentence fragment: what was expected, and what stood there.
#[must_use]
pub fn describe(error: &FieldError) -> String {
    match &error.got {
        Some(got) => format!("expected {}, got {got}", error.expected),
        None => format!("expected {}", error.expected),
    }
}

fn title(status: u16) -> &'static str {
    match status {
        0 => "The server can not be reached",
        400 => "The request was not understood",
        401 => "Signed out",
        403 => "Not allowed",
        404 => "Not found",
        409 => "That does not fit the present state",
        412 => "Changed meanwhile",
        413 => "Too large",
        422 => "The input is not valid",
        429 => "Too many requests",
        502 | 504 => "The model's engine gave no answer",
        503 => "Unavailable for now",
        507 => "No room left on the disk",
        _ => "A fault of ours",
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let (status, code) = match &error {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => (422, "invalid_input"),
            ServerFnErrorErr::Request(_) => (0, "unreachable"),
            _ => (500, "internal"),
        };
        let detail = match &error {
            ServerFnErrorErr::Args(text) | ServerFnErrorErr::MissingArg(text) => text.clone(),
            ServerFnErrorErr::Request(_) => {
                "the server does not answer: check that it runs and that you are online, then retry"
                    .to_owned()
            }
            other => other.to_string(),
        };
        let (timestamp, request_id) = origin();
        respond_with(status);
        Self::new(status, code, detail, timestamp, request_id)
    }
}

#[cfg(feature = "ssr")]
mod from_domain {
    use domain::Error;
    use domain::Timestamp;
    use http::StatusCode;
    use http::request::Parts;
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    use super::AppError;
    use crate::context::{RequestContext, is_plain_form, now};

    impl From<Error> for AppError {
        fn from(error: Error) -> Self {
            let (timestamp, request_id) = origin();
            if let Error::Internal(source) = &error {
                tracing::error!(%request_id, error = %source, source = ?source.source(), "internal error");
            }
            let status = error.status();
            respond_with(status);
            let mut app_error = Self::new(
                status,
                error.code(),
                error.to_string(),
                timestamp,
                request_id,
            );
            app_error.0.retry_after = error.retry_after();
            if let Error::Invalid(errors) = error {
                app_error.0.errors = errors;
            }
            app_error
        }
    }

    pub(super) fn origin() -> (Timestamp, String) {
        (
            now(),
            use_context::<RequestContext>()
                .map(|request| request.request_id)
                .unwrap_or_default(),
        )
    }

    /// The status of a server function's answer. A page sets its own: one failed part does not fail it.
    pub(super) fn respond_with(status: u16) {
        let is_call =
            use_context::<Parts>().is_some_and(|parts| parts.uri.path().starts_with("/_fn/"));
        if is_call && !is_plain_form() {
            set_status(status);
        }
    }

    pub(crate) fn set_status(status: u16) {
        if let (Some(options), Ok(status)) = (
            use_context::<ResponseOptions>(),
            StatusCode::from_u16(status),
        ) {
            options.set_status(status);
        }
    }
}

#[cfg(feature = "ssr")]
pub(crate) use from_domain::set_status;
#[cfg(feature = "ssr")]
use from_domain::{origin, respond_with};

#[cfg(not(feature = "ssr"))]
fn origin() -> (Timestamp, String) {
    (Timestamp::UNIX_EPOCH, String::new())
}

#[cfg(not(feature = "ssr"))]
fn respond_with(_status: u16) {}

/// The status of the page; without meaning in the browser.
#[cfg(not(feature = "ssr"))]
pub(crate) fn set_status(_status: u16) {}
