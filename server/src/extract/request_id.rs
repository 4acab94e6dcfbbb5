//! The id that ties an answer, its log lines and its prediction together.

use std::cell::RefCell;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use domain::Timestamp;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::rngs::{OsRng, SmallRng};
use rand::{RngCore as _, SeedableRng as _, TryRngCore as _};
use uuid::Builder;
use uuid::fmt::Simple;

use crate::error::ApiError;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from outside, in characters.
const LONGEST: usize = 128;

/// The caller's id if it is well formed, else a new one; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Text);

/// Most requests leave the id to us: one of ours takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Text {
    Own([u8; Simple::LENGTH]),
    Given(Arc<str>),
}

impl RequestId {
    pub fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        headers
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_well_formed(text))
            .map_or_else(|| Self::new(now), Self::from_text)
    }

    /// Of version 7, as all ids are. It is no secret, so what is random in it comes from the calling thread's own generator.
    pub fn new(now: Timestamp) -> Self {
        thread_local! {
            static RANDOM: RefCell<SmallRng> = RefCell::new(seeded());
        }
        let mut random = [0; 10];
        RANDOM.with_borrow_mut(|generator| generator.fill_bytes(&mut random));
        let millis = u64::try_from(now.unix_millis()).unwrap_or(0);
        let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut text = [0; Simple::LENGTH];
        id.simple().encode_lower(&mut text);
        Self(Text::Own(text))
    }

    /// An id known to be well formed.
    pub fn from_text(text: &str) -> Self {
        Self(Text::Given(text.into()))
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Own(text) => str::from_utf8(text).unwrap_or_default(),
            Text::Given(text) => text,
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Own(text) => text,
            Text::Given(text) => text.as_bytes(),
        }
    }

    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(self.as_bytes())
            .unwrap_or_else(|_| HeaderValue::from_static("invalid"))
    }
}

/// Another sequence for every thread and process. Without randomness from the system there is no key and no session either.
fn seeded() -> SmallRng {
    let mut seed = [0; 32];
    OsRng.try_fill_bytes(&mut seed).ok();
    SmallRng::from_seed(seed)
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
            RequestId::of(&headers, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(id("Order-7.retry_2").as_str(), "Order-7.retry_2");
        for bad in ["", "a b", "a/b", "a\"b"] {
            assert_ne!(id(bad).as_str(), bad);
        }
        assert!(!is_well_formed(&"x".repeat(129)));
    }

    #[test]
    fn every_new_id_is_another_one_and_says_when_it_was_made() {
        let now = Timestamp::from_unix_seconds(1_700_000_000).unwrap();
        let make = move || (0..1000).map(|_| RequestId::new(now)).collect::<Vec<_>>();
        let other = std::thread::spawn(make).join().unwrap();
        let ids: std::collections::BTreeSet<String> = make()
            .into_iter()
            .chain(other)
            .map(|id| id.as_str().to_owned())
            .collect();
        assert_eq!(ids.len(), 2000);
        for id in ids {
            let uuid: uuid::Uuid = id.parse().unwrap();
            assert_eq!(uuid.get_version_num(), 7);
            assert_eq!(
                uuid.get_timestamp().unwrap().to_unix().0,
                1_700_000_000,
                "{id}"
            );
            assert!(is_well_formed(&id));
        }
    }
}
