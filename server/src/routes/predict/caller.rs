use std::net::IpAddr;
use std::sync::Arc;

use domain::{Actor, Error, Result, Scope, Timestamp, api_keys};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use platform::auth::{LONGEST_TOKEN, Verified};
use serving::keys::Key;
use serving::tokens::Token;
use sha2::{Digest as _, Sha256};

use super::answer::Call;
use crate::extract::ClientIp;
use crate::state::AppState;

const BEARER: &str = "Bearer ";

/// A program whose key is in the snapshot and active.
pub(in crate::routes) struct Caller {
    pub(in crate::routes) key: Arc<Key>,
    /// The key's, or those of them that its token has.
    pub(in crate::routes) scopes: Arc<[Scope]>,
}

impl Caller {
    /// Who asks, for use cases: what a token leaves out of its key's scopes is left out here.
    pub(in crate::routes) fn actor(&self) -> Actor {
        Actor::Key {
            id: self.key.id,
            name: self.key.name.clone(),
            project: self.key.project,
            scopes: self.scopes.to_vec(),
        }
    }

    /// # Errors
    /// `RateLimited` for the address, `Unavailable` while the snapshot is too old to be believed, `Unauthenticated`.
    pub(super) fn of(call: &Call<'_>) -> Result<Self> {
        let Call {
            state,
            client: ClientIp(address),
            now,
            ..
        } = *call;
        let serving = &state.serving;
        serving
            .addresses
            .take(address)
            .map_err(|retry_after| Error::RateLimited { retry_after })?;
        let presented = presented(call.headers).ok_or_else(|| {
            Error::Unauthenticated(
                "this needs an API key: send it as Authorization: Bearer, or as X-API-Key"
                    .to_owned(),
            )
        })?;
        if !serving.is_current(call.arrived) {
            let message =
                "keys can not be checked, because the database is away: try again in a moment";
            return Err(Error::not_yet(message, 2));
        }
        let found = if presented.starts_with("vol_") {
            by_key(state, presented).map(|key| (Arc::clone(&key.scopes), key))
        } else {
            by_token(state, presented, address, now)?
        };
        let Some((scopes, key)) = found.filter(|(_, key)| key.is_active(now)) else {
            serving
                .refusals
                .take(address)
                .map_err(|retry_after| Error::RateLimited { retry_after })?;
            return Err(Error::Unauthenticated(
                "the API key or token is not valid: it may be mistyped, expired or revoked"
                    .to_owned(),
            ));
        };
        key.touch(now, address);
        Ok(Self { key, scopes })
    }
}

/// An unreadable header counts as an empty secret, so that it is refused instead of passed over.
fn presented(headers: &HeaderMap) -> Option<&str> {
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        let text = authorization.to_str().unwrap_or_default();
        let (_, secret) = text
            .split_at_checked(BEARER.len())
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER))
            .unwrap_or_default();
        return Some(secret.trim());
    }
    headers
        .get("x-api-key")
        .map(|key| key.to_str().unwrap_or_default().trim())
}

fn by_key(state: &AppState, presented: &str) -> Option<Arc<Key>> {
    // Whether it is one at all, the snapshot says as well as its checksum would.
    if presented.len() != api_keys::KEY_LENGTH {
        return None;
    }
    let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
    state.serving.snapshot().key(&hash).map(Arc::clone)
}

/// A key, and what it may do here: a token may carry less than its key.
type Opened = (Arc<[Scope]>, Arc<Key>);

/// A signature is checked once; the API key behind the token and the key that signed it are looked up every time, for they
/// may have been revoked.
fn by_token(
    state: &AppState,
    presented: &str,
    address: IpAddr,
    now: Timestamp,
) -> Result<Option<Opened>> {
    if presented.is_empty() || presented.len() > LONGEST_TOKEN {
        return Ok(None);
    }
    let serving = &state.serving;
    let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
    let known = serving.tokens.get(&hash, now);
    let auth = &state.platform.auth;
    let token = if let Some(token) = known.filter(|known| auth.is_trusted(&known.signed_by, now)) {
        token
    } else {
        // A signature takes far longer than anything else here.
        serving
            .refusals
            .take(address)
            .map_err(|retry_after| Error::RateLimited { retry_after })?;
        let Some(token) = verify(state, presented, now) else {
            return Ok(None);
        };
        serving.tokens.insert(hash, token.clone(), now);
        token
    };
    let key = serving.snapshot().key_by_id(token.key).map(Arc::clone);
    Ok(key.map(|key| (token.scopes, key)))
}

fn verify(state: &AppState, presented: &str, now: Timestamp) -> Option<Token> {
    let Verified { claims, signed_by } = state.platform.auth.verify(presented, now).ok()?;
    let key = state
        .serving
        .snapshot()
        .key_by_id(claims.sub)
        .map(Arc::clone)?;
    if !platform::api_keys::covers(&key.scopes, &claims.scopes) {
        return None;
    }
    Some(Token {
        key: claims.sub,
        scopes: claims.scopes.into(),
        signed_by,
        expires_at: Timestamp::from_unix_seconds(claims.exp)?,
    })
}
