//! One error for every layer below the edges. It knows nothing of HTTP; each edge turns it into its own shape once.

use std::error::Error as StdError;

use serde::{Deserialize, Serialize};

use crate::budgets::Budget;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Zero-based row of a batch, when the input was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// JSON pointer into the request body, such as `/inputs/age`.
    pub pointer: String,
    /// A stable word for programs: `missing`, `unknown_field`, `wrong_type`, `out_of_range`, `invalid`, `taken`.
    pub code: String,
    /// What would have been right, in words.
    pub expected: String,
    /// What stood there, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
}

impl FieldError {
    pub fn new(
        pointer: impl Into<String>,
        code: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            row: None,
            pointer: pointer.into(),
            code: code.into(),
            expected: expected.into(),
            got: None,
        }
    }

    #[must_use]
    pub fn got(mut self, got: impl Into<String>) -> Self {
        let got: String = got.into();
        self.got = Some(if got.chars().count() > 80 {
            got.chars().take(79).chain(['…']).collect()
        } else {
            got
        });
        self
    }

    #[must_use]
    pub fn row(mut self, row: usize) -> Self {
        self.row = Some(row);
        self
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Also the answer for a thing of another project: the two look the same.
    #[error("{what} not found")]
    NotFound { what: String },
    #[error("{}", message(.0))]
    Invalid(Vec<FieldError>),
    /// The request is well formed, but does not fit the present state.
    #[error("{message}")]
    Conflict { code: &'static str, message: String },
    /// `If-Match` named another revision than the present one.
    #[error("{message}")]
    PreconditionFailed { message: String },
    /// The request is right, but asks for something that this model can not do.
    #[error("{message}")]
    Unsupported { code: &'static str, message: String },
    #[error("{0}")]
    Unauthenticated(String),
    #[error("{0}")]
    Forbidden(String),
    /// `limit` in the unit the message names.
    #[error("{message}")]
    TooLarge { message: String },
    #[error("too many requests: try again in {retry_after} s")]
    RateLimited { retry_after: u64 },
    #[error("the key's budget of {} requests a {} is used up: it begins anew in {retry_after} s", .budget.requests, .budget.per)]
    BudgetUsedUp { budget: Budget, retry_after: u64 },
    /// No room on the disk for what was sent.
    #[error("{0}")]
    InsufficientStorage(String),
    /// Something this server needs is away for now.
    #[error("{message}")]
    Unavailable {
        message: String,
        retry_after: u64,
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// So much is under way that more would only make all of it slower.
    #[error("{message}")]
    Overloaded { message: String, retry_after: u64 },
    /// The model that answers failed on this request.
    #[error("{0}")]
    ModelFailed(String),
    /// The engine that computes the model did not do so.
    #[error("{message}")]
    Engine {
        fault: EngineFault,
        message: String,
        retry_after: u64,
    },
    /// A fault of ours. The source goes to the log and never to the caller.
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

/// What an engine that computes a model did instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineFault {
    /// It can not be reached, is not ready, or is left alone since it failed too often.
    Away,
    /// It failed, or gave what is no prediction.
    Failed,
    /// It gave no answer in time.
    TimedOut,
}

impl Error {
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// One bad field.
    pub fn invalid(pointer: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, "invalid", expected)])
    }

    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            message: message.into(),
        }
    }

    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Something that is not there now, and may be after `retry_after` seconds.
    pub fn not_yet(message: impl Into<String>, retry_after: u64) -> Self {
        Self::Unavailable {
            message: message.into(),
            retry_after,
            source: None,
        }
    }

    pub fn unavailable(
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            message: message.into(),
            retry_after: 2,
            source: Some(source.into()),
        }
    }

    /// The stable word of this error for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Invalid(_) => "invalid_input",
            Self::Conflict { code, .. } | Self::Unsupported { code, .. } => code,
            Self::PreconditionFailed { .. } => "precondition_failed",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::TooLarge { .. } => "too_large",
            Self::RateLimited { .. } => "rate_limited",
            Self::BudgetUsedUp { .. } => "budget_used_up",
            Self::InsufficientStorage(_) => "insufficient_storage",
            Self::Unavailable { .. } => "unavailable",
            Self::Overloaded { .. } => "overloaded",
            Self::ModelFailed(_) => "model_failed",
            Self::Engine { fault, .. } => match fault {
                EngineFault::Away => "engine_unavailable",
                EngineFault::Failed => "engine_failed",
                EngineFault::TimedOut => "engine_timed_out",
            },
            Self::Internal(_) => "internal",
        }
    }

    /// The status of a problem document about this error.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated(_) => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::PreconditionFailed { .. } => 412,
            Self::TooLarge { .. } => 413,
            Self::Invalid(_) | Self::Unsupported { .. } => 422,
            Self::RateLimited { .. } | Self::BudgetUsedUp { .. } => 429,
            Self::ModelFailed(_) | Self::Internal(_) => 500,
            Self::Unavailable { .. } | Self::Overloaded { .. } => 503,
            Self::Engine { fault, .. } => match fault {
                EngineFault::Failed => 502,
                EngineFault::Away => 503,
                EngineFault::TimedOut => 504,
            },
            Self::InsufficientStorage(_) => 507,
        }
    }

    /// Whole seconds after which another try may succeed.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after }
            | Self::BudgetUsedUp { retry_after, .. }
            | Self::Unavailable { retry_after, .. }
            | Self::Overloaded { retry_after, .. }
            | Self::Engine { retry_after, .. } => Some((*retry_after).max(1)),
            _ => None,
        }
    }
}

fn message(errors: &[FieldError]) -> String {
    let Some(first) = errors.first() else {
        return "the input is not valid".to_owned();
    };
    let place = match first.pointer.as_str() {
        "" => "the body",
        pointer => pointer,
    };
    let mut text = format!("{place}: expected {}", first.expected);
    if let Some(row) = first.row {
        text = format!("row {row}, {text}");
    }
    if let Some(got) = &first.got {
        text = format!("{text}, got {got}");
    }
    match errors.len() {
        1 => text,
        n => format!("{text} (and {} more)", n - 1),
    }
}
