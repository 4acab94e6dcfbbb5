use axum::extract::FromRequestParts;
use axum::extract::path::Path as AxumPath;
use domain::Error;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The parameters of the path. What can not be a name or a number names nothing, so it is not found.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = AxumPath::<T>::from_request_parts(parts, state).await;
        found
            .map(|AxumPath(found)| Self(found))
            .map_err(|_| Error::not_found("path").into())
    }
}
