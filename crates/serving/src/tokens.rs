use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use domain::ids::ApiKeyId;
use domain::{Scope, Timestamp};

const MAX_TOKENS: usize = 10_000;

/// A token whose signature has been checked. Its key must still be looked up: it may have been revoked since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub key: ApiKeyId,
    pub scopes: Arc<[Scope]>,
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
