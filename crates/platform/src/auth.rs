//! Passwords and short-lived tokens.

mod passwords;
mod private_keys;
mod public_key;
mod tokens;

use std::sync::Arc;

use domain::signing_keys::SigningKey;
use domain::{Error, Result, Timestamp};
use secrecy::SecretString;
use tokio::sync::Semaphore;

pub use passwords::Cost;
pub use private_keys::PrivateKeys;
pub use tokens::{Claims, IssuedToken, LONGEST_TOKEN, Verified};

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
    /// What tokens are signed with.
    pub private_keys: PrivateKeys,
    /// `iss` of the tokens: the public address of this platform.
    pub issuer: String,
    /// `aud` of the tokens: who may accept them.
    pub audience: String,
    pub cost: Cost,
}

impl AuthOptions {
    /// The recommended cost, and tokens from and for this platform.
    pub fn new(private_keys: PrivateKeys, issuer: impl Into<String>) -> Self {
        Self {
            private_keys,
            issuer: issuer.into(),
            audience: "volary".to_owned(),
            cost: Cost::default(),
        }
    }
}

impl Auth {
    /// Neither signs nor takes a token before [`crate::signing_keys::keep`] has run.
    ///
    /// # Errors
    /// A given private key that is not an Ed25519 key in PKCS #8 PEM.
    pub fn new(options: AuthOptions) -> Result<Self> {
        let passwords = passwords::Passwords::new(options.cost)?;
        let tokens = tokens::Tokens::new(options.private_keys, options.issuer, options.audience)?;
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

    /// From now on these are the keys that tokens may be signed with.
    pub(crate) async fn learn_keys(&self, known: Vec<SigningKey>) -> Result<()> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.0.tokens.learn(&known))
            .await
            .map_err(Error::internal)?
    }

    /// When the next key of this process is to begin to sign, if it is time to make it.
    pub(crate) fn next_key_start(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.tokens.next_start(now)
    }

    /// The private half is kept; the public one is to be made known.
    pub(crate) async fn make_key(&self, signs_from: Timestamp) -> Result<SigningKey> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.0.tokens.make_key(signs_from))
            .await
            .map_err(Error::internal)?
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
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified> {
        self.0.tokens.verify(token, now)
    }

    /// Whether tokens of this key are still good: for those that were verified before.
    pub fn is_trusted(&self, signed_by: &[u8; 32], now: Timestamp) -> bool {
        self.0.tokens.is_trusted(signed_by, now)
    }

    /// The public keys, as `/.well-known/jwks.json` shows them.
    pub fn jwks(&self, now: Timestamp) -> serde_json::Value {
        self.0.tokens.jwks(now)
    }
}

/// At most so many hashes at once: each takes 19 MiB and a core.
fn gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(4))
}
