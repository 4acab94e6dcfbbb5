use std::sync::Arc;

use domain::{Actor, Error, Result, Scope, Timestamp, api_keys};
use platform::auth::{LONGEST_TOKEN, Verified};
use serving::keys::Key;
use serving::limits::Allowance;
use serving::tokens::Token;
use sha2::{Digest as _, Sha256};

use super::answer::Call;
use crate::extract::ClientIp;
use crate::state::AppState;

const BEARER: &str = "Bearer ";

/// A program whose key is in the snapshot and active, and may send this request.
pub(in crate::routes) struct Caller {
    pub(in crate::routes) key: Arc<Key>,
    /// What its token may do, if it came with one: no more than the key.
    token: Option<Arc<[Scope]>>,
    /// What is left of the key's quota.
    pub(super) allowance: Allowance,
}

impl Caller {
    /// Who asks, for use cases: what a token leaves out of its key's scopes is left out here.
    pub(in crate::routes) fn actor(&self) -> Actor {
        Actor::Key {
            id: self.key.id,
            name: self.key.name.clone(),
            project: self.key.project,
            scopes: self.scopes().to_vec(),
        }
    }

    pub(in crate::routes) fn scopes(&self) -> &[Scope] {
        self.token.as_deref().unwrap_or(&self.key.scopes)
    }
}

/// Finds out who calls, and takes one request from the key's quota. What is left of that comes along when there is a key.
///
/// # Errors
/// `RateLimited` for the address or the key, `BudgetUsedUp`, `Unavailable` while the snapshot is too old to be believed,
/// `Unauthenticated`.
pub(in crate::routes) fn admit(call: &Call<'_>) -> (Result<Caller>, Option<Allowance>) {
    let Opened { key, token } = match Opened::of(call) {
        Ok(opened) => opened,
        Err(error) => return (Err(error), None),
    };
    let (admitted, allowance) = key.take(call.now);
    let caller = admitted.map(|()| Caller {
        key,
        token,
        allowance,
    });
    (caller, Some(allowance))
}

/// A key, and what it may do here if that is less than all that it may.
struct Opened {
    key: Arc<Key>,
    token: Option<Arc<[Scope]>>,
}

impl Opened {
    fn of(call: &Call<'_>) -> Result<Self> {
        let Call {
            state,
            client: ClientIp(address),
            arrived,
            now,
            ..
        } = *call;
        let serving = &state.serving;
        serving
            .addresses
            .take(address)
            .map_err(|retry_after| Error::RateLimited { retry_after })?;
        let presented = presented(call).ok_or_else(|| {
            Error::Unauthenticated(
                "this needs an API key: send it as Authorization: Bearer, or as X-API-Key"
                    .to_owned(),
            )
        })?;
        if !serving.is_current(arrived) {
            let message =
                "keys can not be checked, because the database is away: try again in a moment";
            return Err(Error::not_yet(message, 2));
        }
        let found = if presented.starts_with("vol_") {
            by_key(call, presented).map(|key| Self { key, token: None })
        } else {
            by_token(call, presented)?
        };
        let Some(opened) = found.filter(|opened| opened.key.is_active(now)) else {
            serving
                .refusals
                .take(address)
                .map_err(|retry_after| Error::RateLimited { retry_after })?;
            return Err(Error::Unauthenticated(
                "the API key or token is not valid: it may be mistyped, expired or revoked"
                    .to_owned(),
            ));
        };
        opened.key.touch(now, address);
        Ok(opened)
    }
}

/// An unreadable header counts as an empty secret, so that it is refused instead of passed over.
fn presented<'a>(call: &Call<'a>) -> Option<&'a str> {
    if let Some(authorization) = call.authorization {
        let text = authorization.to_str().unwrap_or_default();
        let (_, secret) = text
            .split_at_checked(BEARER.len())
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER))
            .unwrap_or_default();
        return Some(secret.trim());
    }
    let key = call.rare.get("x-api-key")?;
    Some(key.to_str().unwrap_or_default().trim())
}

fn by_key(call: &Call<'_>, presented: &str) -> Option<Arc<Key>> {
    // Whether it is one at all, the snapshot says as well as its checksum would.
    if presented.len() != api_keys::KEY_LENGTH {
        return None;
    }
    let serving = &call.state.serving;
    let find = || {
        let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        serving.snapshot().key(&hash).map(Arc::clone)
    };
    match call.known {
        Some(known) => known.key(presented, serving.serial(), find),
        None => find(),
    }
}

/// A signature is checked once; the API key behind the token and the key that signed it are looked up every time, for they
/// may have been revoked.
fn by_token(call: &Call<'_>, presented: &str) -> Result<Option<Opened>> {
    let Call { state, now, .. } = *call;
    if presented.is_empty() || presented.len() > LONGEST_TOKEN {
        return Ok(None);
    }
    let serving = &state.serving;
    let auth = &state.platform.auth;
    let is_trusted = |token: &Token| auth.is_trusted(&token.signed_by, now);
    let find = || {
        let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let known = serving.tokens.get(&hash, now).filter(is_trusted);
        let token = if let Some(token) = known {
            token
        } else {
            // A signature takes far longer than anything else here.
            serving
                .refusals
                .take(call.client.0)
                .map_err(|retry_after| Error::RateLimited { retry_after })?;
            let Some(token) = verify(state, presented, now) else {
                return Ok(None);
            };
            serving.tokens.insert(hash, token.clone(), now);
            token
        };
        let key = serving.snapshot().key_by_id(token.key).map(Arc::clone);
        Ok(key.map(|key| (token, key)))
    };
    let found = match call.known {
        Some(known) => {
            let is_good = |token: &Token| token.expires_at > now && is_trusted(token);
            known.token(presented, serving.serial(), is_good, find)?
        }
        None => find()?,
    };
    Ok(found.map(|(token, key)| Opened {
        key,
        token: Some(token.scopes),
    }))
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
