//! The keys that tokens are signed with: when each begins to sign, stops, and is forgotten.

use crate::Timestamp;

/// How long a token is good for, in seconds.
pub const TOKEN_LIFETIME: i64 = 15 * 60;
/// How far the clocks of two machines may be apart, in seconds.
pub const LEEWAY: i64 = 5;
/// How long a key is published before it signs, in seconds: twice as long as the published keys may be cached.
pub const PUBLISHED_BEFORE: i64 = 10 * 60;

/// What everybody may know of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Ed25519.
    pub public: [u8; 32],
    pub signs_from: Timestamp,
    /// The first moment at which it signs no more.
    pub signs_until: Timestamp,
}

impl SigningKey {
    #[must_use]
    pub fn signs_at(&self, now: Timestamp) -> bool {
        self.signs_from <= now && now < self.signs_until
    }

    /// Whether tokens of this key may still be good. That begins before it signs, because clocks differ, and ends when
    /// the last of them has expired; a token tells whole seconds, which is the one second more.
    #[must_use]
    pub fn verifies_at(&self, now: Timestamp) -> bool {
        now < self.signs_until.plus_seconds(TOKEN_LIFETIME + LEEWAY + 1)
    }
}

/// When a key that is made now is to begin to sign; `None` while a process can go on with those that it has.
#[must_use]
pub fn next_start(own: &[SigningKey], now: Timestamp) -> Option<Timestamp> {
    if !own.iter().any(|key| key.signs_at(now)) {
        return Some(now);
    }
    let last = own.iter().map(|key| key.signs_until).max()?;
    (last <= now.plus_seconds(PUBLISHED_BEFORE)).then_some(last)
}
