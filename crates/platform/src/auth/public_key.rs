use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{Error, Result};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};

pub(super) fn verifying(public: &[u8; 32]) -> Result<DecodingKey> {
    DecodingKey::from_ed_components(&BASE64_URL_SAFE_NO_PAD.encode(public)).map_err(Error::internal)
}

/// The thumbprint of RFC 7638.
pub(super) fn id(public: &[u8; 32]) -> Result<String> {
    bare(public)?
        .thumbprint(ThumbprintHash::SHA256)
        .map_err(Error::internal)
}

/// As it is published.
pub(super) fn jwk(public: &[u8; 32]) -> Result<Jwk> {
    let mut jwk = bare(public)?;
    jwk.common.key_id = Some(id(public)?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(jwk)
}

fn bare(public: &[u8; 32]) -> Result<Jwk> {
    Jwk::from_decoding_key(&verifying(public)?, Some(Algorithm::EdDSA)).map_err(Error::internal)
}
