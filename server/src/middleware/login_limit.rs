//! How often a password may be tried: a few times a minute for one account from one address, more for one address over
//! all accounts. Signing in forgives what went wrong before.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::COOKIE;
use http::{HeaderMap, StatusCode};
use tower_governor::errors::GovernorError;
use tower_governor::key_extractor::KeyExtractor;

use crate::error::ApiError;
use crate::extract::ClientIp;
use crate::state::AppState;

/// Forms of a person are small.
const LARGEST_FORM: usize = 16 << 10;

/// One account, as tried from one address. The series changes with every success, so that failures before it do not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    account: u64,
    address: IpAddr,
    series: u32,
}

/// Successes by account and address; the limits' only state that is ours.
#[derive(Debug, Default)]
pub struct LoginLimits {
    successes: Mutex<HashMap<(u64, IpAddr), u32>>,
}

impl LoginLimits {
    fn attempt(&self, email: &str, address: IpAddr) -> Attempt {
        let account = account(email);
        let successes = self
            .successes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let series = successes.get(&(account, address)).copied().unwrap_or(0);
        Attempt {
            account,
            address,
            series,
        }
    }

    /// To be called when somebody signed in.
    pub fn succeeded(&self, email: &str, address: IpAddr) {
        let mut successes = self
            .successes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let series = successes.entry((account(email), address)).or_insert(0);
        *series = series.wrapping_add(1);
    }
}

/// The same account however its address is typed; nothing that could be read back.
fn account(email: &str) -> u64 {
    use sha2::{Digest as _, Sha256};

    let hash = Sha256::digest(email.trim().to_lowercase());
    u64::from_le_bytes(std::array::from_fn(|i| hash[i]))
}

#[derive(Clone, Copy, Debug)]
pub struct ByAttempt;

impl KeyExtractor for ByAttempt {
    type Key = Attempt;

    fn extract<T>(&self, request: &Request<T>) -> Result<Attempt, GovernorError> {
        request
            .extensions()
            .get::<Attempt>()
            .cloned()
            .ok_or(GovernorError::UnableToExtractKey)
    }
}

/// Reads the form once, to know whose password is tried; the limits inside count by that.
pub async fn name_attempt(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let limited = Request::new(Body::new(http_body_util::Limited::new(body, LARGEST_FORM)));
    let Ok(form) = Bytes::from_request(limited, &()).await else {
        return ApiError::http(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the form is over the limit of {LARGEST_FORM} bytes"),
        )
        .into_response();
    };
    let account = account_in(&form, &parts.headers);
    let mut request = Request::from_parts(parts, Body::from(form));
    if let Some(client) = request.extensions().get::<ClientIp>() {
        let attempt = state.login_limits.attempt(&account, client.0);
        request.extensions_mut().insert(attempt);
    }
    next.run(request).await
}

/// Whose account the form is about: by its address, by the secret link it comes from, or by its session.
fn account_in(form: &[u8], headers: &HeaderMap) -> String {
    let field = |wanted: &str| {
        let found = url::form_urlencoded::parse(form).find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    };
    let session = || {
        let cookies = headers.get(COOKIE)?.to_str().ok()?;
        Some(cookies.to_owned())
    };
    field("email")
        .or_else(|| field("token"))
        .or_else(session)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_same_however_it_is_typed_and_success_starts_anew() {
        let limits = LoginLimits::default();
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let first = limits.attempt("Ada@Example.com ", here);
        assert_eq!(first, limits.attempt("ada@example.com", here));
        assert_ne!(first, limits.attempt("eve@example.com", here));
        assert_ne!(
            first,
            limits.attempt("ada@example.com", "192.0.2.2".parse().unwrap())
        );
        limits.succeeded("ada@example.com", here);
        assert_ne!(first, limits.attempt("ada@example.com", here));
    }
}
