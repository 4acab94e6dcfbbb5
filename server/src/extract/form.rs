use axum::extract::{FromRequest, Request};
use domain::Error;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::json;
use crate::error::ApiError;

/// A posted form, `application/x-www-form-urlencoded`.
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

impl<T, S> FromRequest<S> for Form<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let media = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|media| media.to_str().ok())
            .unwrap_or_default();
        if !media
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(ApiError::http(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the form as application/x-www-form-urlencoded",
            ));
        }
        let body = json::body(request, state).await?;
        let decoder = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(&body));
        serde_path_to_error::deserialize(decoder)
            .map(Self)
            .map_err(|error| {
                let path = error.path().to_string();
                Error::Invalid(vec![json::field_error(
                    &path,
                    &error.into_inner().to_string(),
                )])
                .into()
            })
    }
}
