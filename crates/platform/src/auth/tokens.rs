use std::fmt;

use domain::ids::ApiKeyId;
use domain::{Error, Result, Scope, Timestamp};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::api_keys::ProjectKey;

use crate::secrets;

/// How long a token is good for, in seconds.
const LIFETIME: i64 = 15 * 60;
/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY: i64 = 5;
/// The longest token that is looked at, in bytes: far more than one of ours takes.
const LONGEST: usize = 16 * 1024;

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

pub(super) struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    header: Header,
    validation: Validation,
    issuer: String,
    audience: String,
    jwks: Value,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(pem: &str, issuer: String, audience: String) -> Result<Self> {
        let refused = |_| {
            Error::internal(
                "the signing key is not an Ed25519 private key in PKCS #8 PEM: make another",
            )
        };
        let signing = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(refused)?;
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(refused)?;
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(refused)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_algorithm = Some(KeyAlgorithm::EdDSA);

        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(id);
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        // The platform's clock decides below, not the system's.
        validation.validate_exp = false;
        Ok(Self {
            verifying: DecodingKey::from_jwk(&public).map_err(refused)?,
            jwks: json!({ "keys": [public] }),
            signing,
            header,
            validation,
            issuer,
            audience,
        })
    }

    pub(super) fn issue(
        &self,
        key: &ProjectKey,
        project: &str,
        now: Timestamp,
    ) -> Result<IssuedToken> {
        let iat = now.unix_seconds();
        // No token outlives its key.
        let exp = key
            .key
            .expires_at
            .map_or(iat + LIFETIME, |end| end.unix_seconds().min(iat + LIFETIME));
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
        let token = encode(&self.header, &claims, &self.signing).map_err(Error::internal)?;
        Ok(IssuedToken {
            token,
            expires_in: u64::try_from(exp - iat).unwrap_or(0),
            scopes: claims.scopes,
        })
    }

    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims> {
        let refused = |what| {
            Error::Unauthenticated(format!("the token {what}: get a new one from /oauth/token"))
        };
        if token.len() > LONGEST {
            return Err(refused("is not valid"));
        }
        let read = decode::<Claims>(token, &self.verifying, &self.validation);
        let read = read.map_err(|_| refused("is not valid"))?;
        let (header, claims) = (read.header, read.claims);
        if header.typ != self.header.typ || header.crit.is_some() {
            return Err(refused("is not valid"));
        }
        let now = now.unix_seconds();
        if now > claims.exp.saturating_add(LEEWAY) {
            return Err(refused("has expired"));
        }
        if claims
            .nbf
            .is_some_and(|nbf| nbf > now.saturating_add(LEEWAY))
        {
            return Err(refused("is not good yet"));
        }
        Ok(claims)
    }

    pub(super) fn jwks(&self) -> &Value {
        &self.jwks
    }
}
