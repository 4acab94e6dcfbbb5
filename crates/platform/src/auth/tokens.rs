use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use domain::ids::ApiKeyId;
use domain::signing_keys::{LEEWAY, SigningKey, TOKEN_LIFETIME, next_start};
use domain::{Error, Result, Scope, Timestamp};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::api_keys::ProjectKey;

use super::{PrivateKeys, public_key};
use crate::secrets;

/// The longest token that is looked at, in bytes: far more than one of ours takes.
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// What a token says: this key, in this project, may do this until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    /// The API key it was issued for.
    pub sub: ApiKeyId,
    /// The project's name.
    pub project: String,
    pub scopes: Vec<Scope>,
    /// Seconds since the Unix epoch.
    pub exp: i64,
    pub iat: i64,
    /// Not good before then; ours have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    pub jti: String,
}

/// The answer of the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    pub token: String,
    /// Seconds.
    pub expires_in: u64,
    pub scopes: Vec<Scope>,
}

/// A token that is good for itself: whether the API key behind it still is, the caller asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub claims: Claims,
    /// The public half of the key that signed it.
    pub signed_by: [u8; 32],
}

pub(super) struct Tokens {
    private: PrivateKeys,
    /// As Postgres had them when last asked, in its order.
    keys: RwLock<Arc<[Key]>>,
    validation: Validation,
    issuer: String,
    audience: String,
}

/// A key as it is used here.
struct Key {
    known: SigningKey,
    /// The private half, where this process has it.
    signing: Option<EncodingKey>,
    verifying: DecodingKey,
    /// Of every token that it signs.
    header: Header,
    published: Jwk,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn new(known: &SigningKey, private: &PrivateKeys) -> Result<Self> {
        let published = public_key::jwk(&known.public)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid.clone_from(&published.common.key_id);
        Ok(Self {
            known: *known,
            signing: private.find(&known.public),
            verifying: public_key::verifying(&known.public)?,
            header,
            published,
        })
    }
}

impl Tokens {
    pub(super) fn new(private: PrivateKeys, issuer: String, audience: String) -> Result<Self> {
        private.check()?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        // The platform's clock decides below, not the system's.
        validation.validate_exp = false;
        Ok(Self {
            private,
            keys: RwLock::default(),
            validation,
            issuer,
            audience,
        })
    }

    /// From now on these keys are good, and no others. Reads and removes files.
    pub(super) fn learn(&self, known: &[SigningKey]) -> Result<()> {
        let old = self.keys();
        if old.iter().map(|key| &key.known).eq(known) {
            return Ok(());
        }
        let new = known
            .iter()
            .map(|known| Key::new(known, &self.private))
            .collect::<Result<_>>()?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = new;
        for old in old.iter().map(|key| &key.known.public) {
            if !known.iter().any(|key| key.public == *old) {
                self.private.forget(old);
            }
        }
        Ok(())
    }

    /// When this process's next key is to begin to sign, if it is time to make it.
    pub(super) fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        let keys = self.keys();
        let own = keys.iter().filter(|key| key.signing.is_some());
        next_start(&own.map(|key| key.known).collect::<Vec<_>>(), now)
    }

    /// Writes a file.
    pub(super) fn make_key(&self, signs_from: Timestamp) -> Result<SigningKey> {
        Ok(SigningKey {
            public: self.private.make()?,
            signs_from,
            signs_until: signs_from.plus_seconds(self.private.period()),
        })
    }

    pub(super) fn issue(
        &self,
        key: &ProjectKey,
        project: &str,
        now: Timestamp,
    ) -> Result<IssuedToken> {
        let keys = self.keys();
        let mut signing = keys.iter().filter(|key| key.known.signs_at(now));
        let (header, signing) = signing
            .find_map(|key| Some((&key.header, key.signing.as_ref()?)))
            .ok_or_else(|| {
                let message = "there is no key to sign the token with: try again in a moment";
                Error::not_yet(message, 2)
            })?;
        let iat = now.unix_seconds();
        let lasts = iat.saturating_add(TOKEN_LIFETIME);
        // No token outlives its key.
        let exp = key
            .key
            .expires_at
            .map_or(lasts, |end| end.unix_seconds().min(lasts));
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: key.key.id,
            project: project.to_owned(),
            scopes: key.key.scopes.clone(),
            exp,
            iat,
            nbf: None,
            jti: secrets::token()?,
        };
        let token = encode(header, &claims, signing).map_err(Error::internal)?;
        Ok(IssuedToken {
            token,
            expires_in: u64::try_from(exp - iat).unwrap_or(0),
            scopes: claims.scopes,
        })
    }

    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Verified> {
        let refused = |what| {
            Error::Unauthenticated(format!("the token {what}: get a new one from /oauth/token"))
        };
        let invalid = || refused("is not valid");
        if token.len() > LONGEST_TOKEN {
            return Err(invalid());
        }
        let header = decode_header(token).map_err(|_| invalid())?;
        let keys = self.keys();
        // The whole header has to be ours, to the letter: then nothing in it can choose an algorithm or bring a key.
        let key = keys
            .iter()
            .find(|key| key.header == header && key.known.verifies_at(now))
            .ok_or_else(invalid)?;
        let read = decode::<Claims>(token, &key.verifying, &self.validation);
        let claims = read.map_err(|_| invalid())?.claims;
        let earliest = now.unix_seconds().saturating_sub(LEEWAY);
        let latest = now.unix_seconds().saturating_add(LEEWAY);
        if claims.exp < earliest {
            return Err(refused("has expired"));
        }
        if claims.iat > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(refused("is not good yet"));
        }
        // We give none that lasts longer, whoever has our key.
        if claims.exp > claims.iat.saturating_add(TOKEN_LIFETIME) {
            return Err(invalid());
        }
        Ok(Verified {
            claims,
            signed_by: key.known.public,
        })
    }

    pub(super) fn is_trusted(&self, public: &[u8; 32], now: Timestamp) -> bool {
        let keys = self.keys();
        let key = keys.iter().find(|key| key.known.public == *public);
        key.is_some_and(|key| key.known.verifies_at(now))
    }

    pub(super) fn jwks(&self, now: Timestamp) -> Value {
        let keys = self.keys();
        let good = keys.iter().filter(|key| key.known.verifies_at(now));
        json!({ "keys": good.map(|key| &key.published).collect::<Vec<_>>() })
    }

    fn keys(&self) -> Arc<[Key]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}
