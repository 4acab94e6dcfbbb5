//! The id that ties an answer, its log lines and its prediction together.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{NoContext, Timestamp, Uuid};

use crate::error::ApiError;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from outside, in characters.
const LONGEST: usize = 128;

/// The caller's id if it is well formed, else a new one; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    pub fn of(headers: &HeaderMap) -> Self {
        headers
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_well_formed(text))
            .map_or_else(Self::new, Self::from_text)
    }

    fn new() -> Self {
        // `now_v7` would count under a lock that all requests share.
        let id = Uuid::new_v7(Timestamp::now(NoContext));
        let mut buffer = Uuid::encode_buffer();
        Self(Arc::from(&*id.simple().encode_lower(&mut buffer)))
    }

    /// An id known to be well formed.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
    }
}

pub fn is_well_formed(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| {
            domain::Error::internal(
                "a handler ran outside the middleware that gives requests their id",
            )
            .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_ids_are_taken_from_outside() {
        let id = |text: &'static str| {
            let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(text))]);
            RequestId::of(&headers)
        };
        assert_eq!(id("Order-7.retry_2").as_str(), "Order-7.retry_2");
        for bad in ["", "a b", "a/b", "a\"b"] {
            assert_ne!(id(bad).as_str(), bad);
        }
        assert!(!is_well_formed(&"x".repeat(129)));
        assert_ne!(
            RequestId::of(&HeaderMap::new()),
            RequestId::of(&HeaderMap::new())
        );
    }
}
