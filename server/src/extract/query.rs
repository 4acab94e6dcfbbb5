use axum::extract::FromRequestParts;
use domain::page::PageRequest;
use domain::{Error, FieldError};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The query of the URL, checked like a body: unknown parameters are refused by the type.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let decoder = serde_urlencoded::Deserializer::new(pairs);
        serde_path_to_error::deserialize(decoder)
            .map(Self)
            .map_err(|error| {
                let path = error.path().to_string();
                let reason = error.into_inner().to_string();
                Error::Invalid(vec![super::json::field_error(&path, &reason)]).into()
            })
    }
}

/// Where a page of a list starts, and how long it is.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 200; 50 unless told.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

impl PageQuery {
    /// # Errors
    /// A limit out of range.
    pub fn page(self) -> Result<PageRequest, Error> {
        PageRequest::new(self.cursor, self.limit)
    }
}

/// One bad parameter.
pub fn bad(parameter: &str, expected: &str, got: &str) -> Error {
    Error::Invalid(vec![
        FieldError::new(format!("/{parameter}"), "invalid", expected).got(got),
    ])
}
