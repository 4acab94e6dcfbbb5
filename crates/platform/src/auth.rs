//! Passwords and short-lived tokens.

mod passwords;
mod signing_key;
mod tokens;

use std::sync::Arc;

use domain::{Result, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

pub use passwords::Cost;
pub use signing_key::load_or_create;
pub use tokens::{Claims, IssuedToken};

/// Hashes passwords, signs and verifies tokens; cheap to clone.
#[derive(Clone, Debug)]
pub struct Auth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    passwords: passwords::Passwords,
    tokens: tokens::Tokens,
}

/// What [`Auth`] is made from.
#[derive(Debug)]
pub struct AuthOptions {
    /// Ed25519 private key, PKCS #8 PEM; see [`load_or_create`].
    pub signing_key: SecretString,
    /// `iss` of the tokens: the public address of this platform.
    pub issuer: String,
    /// `aud` of the tokens: who may accept them.
    pub audience: String,
    pub cost: Cost,
}

impl AuthOptions {
    /// The recommended cost, and tokens from and for this platform.
    pub fn new(signing_key: SecretString, issuer: impl Into<String>) -> Self {
        Self {
            signing_key,
            issuer: issuer.into(),
            audience: "volary".to_owned(),
            cost: Cost::default(),
        }
    }
}

impl Auth {
    /// # Errors
    /// A signing key that is not an Ed25519 key in PKCS #8 PEM.
    pub fn new(options: AuthOptions) -> Result<Self> {
        let passwords = passwords::Passwords::new(options.cost)?;
        let tokens = tokens::Tokens::new(
            options.signing_key.expose_secret(),
            options.issuer,
            options.audience,
        )?;
        Ok(Self(Arc::new(Inner { passwords, tokens })))
    }

    /// A PHC string with a fresh salt.
    pub(crate) async fn hash_password(&self, password: &SecretString) -> Result<String> {
        self.0.passwords.hash(password).await
    }

    /// Takes as long for an unknown user (`None`) as for a wrong password.
    pub(crate) async fn verify_password(
        &self,
        password: &SecretString,
        hash: Option<&str>,
    ) -> Result<bool> {
        self.0.passwords.verify(password, hash).await
    }

    /// Whether the hash was made at a lower cost than today's.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        self.0.passwords.is_outdated(hash)
    }

    pub(crate) fn issue(
        &self,
        key: &store::api_keys::ProjectKey,
        project: &str,
        now: Timestamp,
    ) -> Result<IssuedToken> {
        self.0.tokens.issue(key, project, now)
    }

    /// The claims of a token of ours that is still good. Whether its key still is, the caller asks.
    ///
    /// # Errors
    /// `Unauthenticated` for everything else, without saying what was wrong.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims> {
        self.0.tokens.verify(token, now)
    }

    /// The public keys, as `/.well-known/jwks.json` shows them.
    pub fn jwks(&self) -> &serde_json::Value {
        self.0.tokens.jwks()
    }
}

/// At most so many hashes at once: each takes 19 MiB and a core.
fn gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(4))
}
