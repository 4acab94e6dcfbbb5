use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use domain::ids::ApiKeyId;
use domain::{Scope, Timestamp};

const MAX_TOKENS: usize = 10_000;

/// A token whose signature has been checked. The API key behind it and the key that signed it must still be looked up:
/// either may have been revoked since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub key: ApiKeyId,
    pub scopes: Arc<[Scope]>,
    /// The public half of the key that signed it.
    pub signed_by: [u8; 32],
    pub expires_at: Timestamp,
}

/// Tokens that were good, by their SHA-256, so that a signature is checked once and not with every request.
#[derive(Debug, Default)]
pub struct Tokens(RwLock<HashMap<[u8; 32], Token>>);

impl Tokens {
    /// `None` when the token has not been seen, or has expired.
    pub fn get(&self, hash: &[u8; 32], now: Timestamp) -> Option<Token> {
        let tokens = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tokens
            .get(hash)
            .filter(|token| token.expires_at > now)
            .cloned()
    }

    pub fn insert(&self, hash: [u8; 32], token: Token, now: Timestamp) {
        let mut tokens = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.retain(|_, token| token.expires_at > now);
        }
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(hash, token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(expires_at: i64) -> Token {
        Token {
            key: ApiKeyId::at(Timestamp::UNIX_EPOCH),
            scopes: Arc::from([Scope::Read]),
            signed_by: [0; 32],
            expires_at: at(expires_at),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus_seconds(seconds)
    }

    fn hash(number: usize) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        hash
    }

    #[test]
    fn no_number_of_tokens_takes_more_than_its_share_of_memory() {
        let tokens = Tokens::default();
        for number in 0..3 * MAX_TOKENS {
            tokens.insert(hash(number), token(900), at(0));
            assert!(tokens.0.read().unwrap().len() <= MAX_TOKENS);
            assert!(tokens.get(&hash(number), at(0)).is_some());
        }
    }

    #[test]
    fn expired_tokens_make_room_before_good_ones_do() {
        let tokens = Tokens::default();
        tokens.insert(hash(0), token(900), at(0));
        for number in 1..MAX_TOKENS {
            tokens.insert(hash(number), token(1), at(0));
        }
        tokens.insert(hash(MAX_TOKENS), token(900), at(1));
        assert!(tokens.get(&hash(0), at(1)).is_some());
        assert!(tokens.get(&hash(1), at(1)).is_none());
    }
}
