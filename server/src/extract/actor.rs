//! Who calls: a program by its API key or token, a person by his session. Use cases decide what he may do.

use axum::extract::FromRequestParts;
use domain::ids::UserId;
use domain::{Actor, Error};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use platform::{Platform, api_keys, sessions, users};
use secrecy::SecretString;
use tower_sessions::Session;
use tower_sessions::session::Id;
use tower_sessions::session_store;

use crate::error::ApiError;
use crate::state::AppState;

/// The caller of a route that needs one. Looked up once a request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub actor: Actor,
    proof: Proof,
}

/// What the caller showed; looked at again by what stays open for long.
#[derive(Clone, Debug)]
enum Proof {
    Session(Id),
    Key(SecretString),
    Token(SecretString),
}

/// The caller, if there is one.
#[derive(Clone, Debug)]
pub struct MaybeCaller(pub Option<Caller>);

impl Caller {
    /// The user of a route that is for people.
    ///
    /// # Errors
    /// `Forbidden` for a program.
    pub fn user(&self) -> Result<UserId, Error> {
        match &self.actor {
            Actor::User { id, .. } => Ok(*id),
            _ => Err(Error::Forbidden(
                "this is for people: sign in instead of sending an API key".to_owned(),
            )),
        }
    }

    /// Whether what the caller showed is still good. Does not count as a use of a session.
    pub async fn is_still_good(&self, platform: &Platform) -> Result<bool, Error> {
        match &self.proof {
            Proof::Session(id) => {
                Ok(sessions::is_open(platform, id).await?
                    && is_enabled(platform, &self.actor).await?)
            }
            Proof::Key(key) => Ok(api_keys::find(platform, key).await?.is_some()),
            Proof::Token(token) => Ok(by_token(platform, token).await?.is_some()),
        }
    }
}

/// What a program presents: an API key or a token. A header that is there and can not be read is an empty one, so that it
/// is refused instead of passed over.
pub fn presented(headers: &HeaderMap) -> Option<SecretString> {
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        let text = authorization.to_str().unwrap_or_default();
        let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
        let secret = if scheme.eq_ignore_ascii_case("bearer") {
            secret.trim()
        } else {
            ""
        };
        return Some(SecretString::from(secret));
    }
    let key = headers.get("x-api-key")?;
    Some(SecretString::from(key.to_str().unwrap_or_default()))
}

async fn identify(parts: &Parts, state: &AppState) -> Result<Option<Caller>, Error> {
    use secrecy::ExposeSecret as _;

    let platform = &state.platform;
    if let Some(secret) = presented(&parts.headers) {
        let refused = || {
            Error::Unauthenticated(
                "the API key or token is not valid: it may be mistyped, expired or revoked"
                    .to_owned(),
            )
        };
        let (actor, proof) = if secret.expose_secret().starts_with("vol_") {
            (api_keys::find(platform, &secret).await?, Proof::Key(secret))
        } else {
            (by_token(platform, &secret).await?, Proof::Token(secret))
        };
        return Ok(Some(Caller {
            actor: actor.ok_or_else(refused)?,
            proof,
        }));
    }
    let Some(session) = parts.extensions.get::<Session>() else {
        return Ok(None);
    };
    let Some(user) = session
        .get::<String>(sessions::USER_ID)
        .await
        .map_err(session_error)?
    else {
        return Ok(None);
    };
    let (Ok(user), Some(id)) = (user.parse::<UserId>(), session.id()) else {
        return Ok(None);
    };
    match users::get(platform, user).await {
        Ok(user) => {
            let actor = Actor::User {
                id: user.id,
                email: user.email,
            };
            Ok(Some(Caller {
                actor,
                proof: Proof::Session(id),
            }))
        }
        // Disabled or gone: his sessions are worth nothing.
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn by_token(platform: &Platform, token: &SecretString) -> Result<Option<Actor>, Error> {
    use secrecy::ExposeSecret as _;

    api_keys::from_token(platform, token.expose_secret()).await
}

async fn is_enabled(platform: &Platform, actor: &Actor) -> Result<bool, Error> {
    let Actor::User { id, .. } = actor else {
        return Ok(true);
    };
    match users::get(platform, *id).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The session's store is the database: when it is away, so is the session.
pub fn session_error(error: tower_sessions::session::Error) -> Error {
    match error {
        tower_sessions::session::Error::Store(session_store::Error::Backend(_)) => {
            Error::unavailable("the database is away: try again in a moment", error)
        }
        error => Error::internal(error),
    }
}

impl FromRequestParts<AppState> for MaybeCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let found = Self(identify(parts, state).await?);
        parts.extensions.insert(found.clone());
        Ok(found)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let MaybeCaller(found) =
            <MaybeCaller as FromRequestParts<AppState>>::from_request_parts(parts, state).await?;
        found.ok_or_else(|| {
            Error::Unauthenticated(
                "this needs an API key, a token or a session: see /api/docs".to_owned(),
            )
            .into()
        })
    }
}
