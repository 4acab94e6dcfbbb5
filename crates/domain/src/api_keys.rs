//! API keys: `vol_<30 base62>_<6 base62 of the CRC-32>`. The checksum lets a mistyped or foreign key be refused without a
//! look-up; only the SHA-256 of a key is ever stored.

use serde::{Deserialize, Serialize};

use crate::budgets::Budget;
use crate::ids::ApiKeyId;
use crate::{Scope, Timestamp};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH: usize = 30;
const CHECKSUM_LENGTH: usize = 6;
/// `vol_`, 30 characters, `_`, 6 characters.
pub const KEY_LENGTH: usize = 4 + SECRET_LENGTH + 1 + CHECKSUM_LENGTH;
/// `vol_` and the first 8 characters: public, unique, the client id of the token endpoint.
pub const PREFIX_LENGTH: usize = 12;

/// Builds a key from random bytes: each byte below 248 gives one character, so none is likelier than another.
/// `None` when `random` runs out first; 64 bytes are plenty.
#[must_use]
pub fn from_random(random: &[u8]) -> Option<String> {
    let secret: String = random
        .iter()
        .filter(|byte| **byte < 248)
        .take(SECRET_LENGTH)
        .map(|byte| char::from(BASE62[usize::from(byte % 62)]))
        .collect();
    (secret.len() == SECRET_LENGTH).then(|| format!("vol_{secret}_{}", checksum(&secret)))
}

/// Whether the text has the form of a key and its checksum is right. Says nothing about whether the key exists.
#[must_use]
pub fn is_well_formed(key: &str) -> bool {
    if key.len() != KEY_LENGTH || !key.is_ascii() {
        return false;
    }
    let Some(rest) = key.strip_prefix("vol_") else {
        return false;
    };
    let Some((secret, sum)) = rest.split_once('_') else {
        return false;
    };
    secret.len() == SECRET_LENGTH
        && secret.bytes().all(|b| b.is_ascii_alphanumeric())
        && sum == checksum(secret)
}

/// The public part of a well-formed key.
#[must_use]
pub fn prefix(key: &str) -> Option<&str> {
    is_well_formed(key).then(|| &key[..PREFIX_LENGTH])
}

fn checksum(secret: &str) -> String {
    let mut value = crc32fast::hash(secret.as_bytes());
    let mut sum = [b'0'; CHECKSUM_LENGTH];
    for digit in sum.iter_mut().rev() {
        *digit = BASE62[(value % 62) as usize];
        value /= 62;
    }
    sum.iter().map(|byte| char::from(*byte)).collect()
}

/// So many requests in so many seconds, spread evenly with bursts up to the whole quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
// A request with a field too many is refused; an answer may have one that this page does not know.
#[cfg_attr(not(target_arch = "wasm32"), serde(deny_unknown_fields))]
pub struct RateLimit {
    pub requests: u32,
    pub per_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// For people: 1 to 100 characters.
    pub name: String,
    pub scopes: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// 10,000 requests in 10 seconds unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// None unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyStatus {
    Active,
    /// Rotated away, still valid until `expires_at`.
    Rotating,
    Expired,
    Revoked,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    /// `vol_` and 8 characters; the client id of the token endpoint.
    pub prefix: String,
    pub scopes: Vec<Scope>,
    pub status: ApiKeyStatus,
    pub rate_limit: RateLimit,
    pub budget: Option<Budget>,
    /// Since midnight, UTC, as of a few seconds ago. A key and those it was rotated from and to are counted, and limited by
    /// the budget, as one.
    pub requests_today: u64,
    /// As `requests_today`, since the first of the month.
    pub requests_this_month: u64,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub last_used_ip: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// The key this one was rotated from.
    pub rotated_from: Option<ApiKeyId>,
}

/// A new key with its secret, shown this once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedApiKey {
    #[serde(flatten)]
    pub api_key: ApiKey,
    pub key: String,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            requests: 10_000,
            per_seconds: 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_well_formed_and_any_changed_character_is_not() {
        let key = from_random(&[7; 64]).unwrap();
        assert_eq!(key.len(), KEY_LENGTH);
        assert!(is_well_formed(&key));
        for index in 4..KEY_LENGTH {
            let mut bytes = key.clone().into_bytes();
            bytes[index] = if bytes[index] == b'a' { b'b' } else { b'a' };
            assert!(
                !is_well_formed(&String::from_utf8(bytes).unwrap()),
                "character {index}"
            );
        }
        assert!(!is_well_formed(""));
        assert!(!is_well_formed(&"é".repeat(KEY_LENGTH / 2)));
        assert_eq!(from_random(&[255; 64]), None);
    }
}
