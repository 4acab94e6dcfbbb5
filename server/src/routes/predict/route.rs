//! What the head of a request says of which arm is to answer.

use std::ops::Deref;

use domain::ids::ApiKeyId;
use domain::{Error, Scope};
use http::HeaderMap;
use http::header::HeaderName;
use serving::predict::Forced;
use uuid::fmt::Simple;

use super::Caller;
use super::answer::Call;
use crate::error::{ApiError, ApiResult};
use crate::extract::RequestId;

const X_ROUTE_KEY: HeaderName = HeaderName::from_static("x-route-key");
const X_CANARY: HeaderName = HeaderName::from_static("x-canary");

/// A key's id and a request id that is ours, in bytes.
const OWN: usize = size_of::<ApiKeyId>() + Simple::LENGTH;

/// The same key goes the same way. Most requests name none: theirs takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::routes) enum RoutingKey {
    Own([u8; OWN]),
    Given(Vec<u8>),
}

impl RoutingKey {
    pub(in crate::routes) fn of(call: &Call<'_>, caller: &Caller) -> Self {
        match call.rare.get(X_ROUTE_KEY) {
            Some(given) => Self::Given(given.as_bytes().to_vec()),
            None => Self::own(caller.key.id, &call.request_id),
        }
    }

    /// Of a request that names none.
    fn own(key: ApiKeyId, request_id: &RequestId) -> Self {
        let (key, request_id) = (key.0.as_bytes().as_slice(), request_id.as_bytes());
        let mut own = [0; OWN];
        let (first, second) = own.split_at_mut(key.len());
        if second.len() != request_id.len() {
            return Self::Given([key, request_id].concat());
        }
        first.copy_from_slice(key);
        second.copy_from_slice(request_id);
        Self::Own(own)
    }
}

impl Deref for RoutingKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(key) => key,
            Self::Given(key) => key,
        }
    }
}

pub(in crate::routes) fn forced(
    headers: &HeaderMap,
    scopes: &[Scope],
) -> ApiResult<Option<Forced>> {
    let Some(value) = headers.get(X_CANARY) else {
        return Ok(None);
    };
    let forced = match value.as_bytes() {
        b"always" => Forced::Canary,
        b"never" => Forced::Stable,
        _ => {
            return Err(ApiError::bad_request(
                "the header x-canary is not known with this value: use always or never",
            ));
        }
    };
    if !scopes
        .iter()
        .any(|scope| matches!(scope, Scope::Write | Scope::Admin))
    {
        let message = "the header x-canary needs an API key that also has the scope write or admin";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    Ok(Some(forced))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn whose_id_it_is_does_not_change_the_way() {
        let key = ApiKeyId::at(Timestamp::UNIX_EPOCH);
        let own = RequestId::new(Timestamp::UNIX_EPOCH);
        let same = RequestId::from_text(own.as_str());
        let expected = [key.0.as_bytes().as_slice(), own.as_str().as_bytes()].concat();
        for request_id in [own, same] {
            assert_eq!(*RoutingKey::own(key, &request_id), *expected);
        }
        let other = RequestId::from_text("order-7");
        let expected = [key.0.as_bytes().as_slice(), b"order-7"].concat();
        assert_eq!(*RoutingKey::own(key, &other), *expected);
    }
}
