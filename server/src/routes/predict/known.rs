//! What a connection knows of the program at its other end from one request to the next. Clients send the same key or token
//! over and over, and to hash it each time takes longer than all else that is asked of it.

use std::sync::{Arc, Mutex};

use domain::Result;
use domain::api_keys::KEY_LENGTH;
use serving::keys::Key;
use serving::tokens::Token;
use subtle::ConstantTimeEq as _;

/// A key's secret, in words.
type Secret = [u64; KEY_LENGTH.div_ceil(size_of::<u64>())];

#[derive(Default)]
pub struct Known {
    key: Mutex<Option<Found>>,
    token: Mutex<Option<FoundToken>>,
}

/// The key that was found last. It goes with its connection, and is never shown.
struct Found {
    secret: Secret,
    key: Arc<Key>,
    /// The snapshot that has the key: in the next one it may be revoked.
    snapshot: u64,
}

impl Known {
    /// The key of this secret: the last one if it is that, else what `find` finds. `snapshot` is the present one's number, asked
    /// for before `find` looks at a snapshot.
    pub(super) fn key(
        &self,
        secret: &str,
        snapshot: u64,
        find: impl FnOnce() -> Option<Arc<Key>>,
    ) -> Option<Arc<Key>> {
        let secret = words(secret)?;
        // Requests that come over one connection at once need not wait for each other.
        let Ok(mut last) = self.key.try_lock() else {
            return find();
        };
        if let Some(last) = &*last
            && last.snapshot == snapshot
            && last.secret.ct_eq(&secret).into()
        {
            return Some(Arc::clone(&last.key));
        }
        let key = find()?;
        *last = Some(Found {
            secret,
            key: Arc::clone(&key),
            snapshot,
        });
        Some(key)
    }
}

/// The token that was found last, and the key behind it.
struct FoundToken {
    text: Box<str>,
    token: Token,
    key: Arc<Key>,
    /// The snapshot that has the key.
    snapshot: u64,
}

impl Known {
    /// The same for a token. It may have expired since, or the key that signed it may have been revoked: `is_good` says whether
    /// it is what it was.
    pub(super) fn token(
        &self,
        text: &str,
        snapshot: u64,
        is_good: impl FnOnce(&Token) -> bool,
        find: impl FnOnce() -> Result<Option<(Token, Arc<Key>)>>,
    ) -> Result<Option<(Token, Arc<Key>)>> {
        let Ok(mut last) = self.token.try_lock() else {
            return find();
        };
        if let Some(last) = &*last
            && last.snapshot == snapshot
            && is_same(&last.text, text)
            && is_good(&last.token)
        {
            return Ok(Some((last.token.clone(), Arc::clone(&last.key))));
        }
        let Some((token, key)) = find()? else {
            return Ok(None);
        };
        *last = Some(FoundToken {
            text: text.into(),
            token: token.clone(),
            key: Arc::clone(&key),
            snapshot,
        });
        Ok(Some((token, key)))
    }
}

/// Takes as long for any two texts of a length: one connection may bring the requests of several programs. In words, since a
/// token is several hundred bytes.
fn is_same(one: &str, other: &str) -> bool {
    let (one, one_rest) = one.as_bytes().as_chunks::<8>();
    let (other, other_rest) = other.as_bytes().as_chunks::<8>();
    if one.len() != other.len() {
        return false;
    }
    let pairs = one.iter().zip(other);
    let differing = pairs.fold(0, |differing, (one, other)| {
        differing | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other))
    });
    (differing.ct_eq(&0) & one_rest.ct_eq(other_rest)).into()
}

/// `None`: it is no key's secret.
fn words(secret: &str) -> Option<Secret> {
    if secret.len() != KEY_LENGTH {
        return None;
    }
    let mut words = Secret::default();
    for (word, bytes) in words
        .iter_mut()
        .zip(secret.as_bytes().chunks(size_of::<u64>()))
    {
        let mut whole = [0; size_of::<u64>()];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(whole);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::api_keys::RateLimit;
    use domain::ids::{ApiKeyId, ProjectId};
    use domain::serving::{ServingKey, ServingTable};
    use serving::Serving;

    use super::*;

    #[test]
    fn a_token_is_looked_for_again_once_it_is_not_good_any_more() {
        let mut asked = Asked {
            serving: Serving::default(),
            known: Known::default(),
            looks: 0,
        };
        asked.swap(&[1]);
        let key = asked
            .serving
            .snapshot()
            .key(&[1; 32])
            .map(Arc::clone)
            .unwrap();
        let token = |expires: i64| Token {
            key: key.id,
            scopes: Arc::from([]),
            signed_by: [0; 32],
            expires_at: Timestamp::UNIX_EPOCH.plus_seconds(expires),
        };
        let mut ask = |text: &str, snapshot, is_good: bool, found: Option<i64>| {
            let looks = asked.looks;
            let token = asked.known.token(
                text,
                snapshot,
                |_| is_good,
                || {
                    asked.looks += 1;
                    Ok(found.map(|expires| (token(expires), Arc::clone(&key))))
                },
            );
            let expires = token
                .unwrap()
                .map(|(token, _)| token.expires_at.unix_seconds());
            (expires, asked.looks - looks)
        };
        let long = "a".repeat(515);
        assert_eq!(ask(&long, 1, true, Some(1)), (Some(1), 1));
        assert_eq!(ask(&long, 1, true, None), (Some(1), 0));
        assert_eq!(ask(&long[1..], 1, true, None), (None, 1));
        let other = format!("{}b", &long[1..]);
        assert_eq!(ask(&other, 1, true, None), (None, 1));
        assert_eq!(ask(&long, 2, true, Some(2)), (Some(2), 1));
        assert_eq!(ask(&long, 2, false, None), (None, 1));
        assert_eq!(ask(&long, 2, true, None), (Some(2), 0));
    }

    /// What the server asks, and how often it had to look into a snapshot.
    struct Asked {
        serving: Serving,
        known: Known,
        looks: usize,
    }

    impl Asked {
        fn swap(&self, keys: &[u8]) {
            let key = |number: u8| ServingKey {
                id: ApiKeyId::at(Timestamp::UNIX_EPOCH),
                line: ApiKeyId::at(Timestamp::UNIX_EPOCH),
                project: ProjectId::at(Timestamp::UNIX_EPOCH),
                name: number.to_string(),
                hash: [number; 32],
                scopes: Vec::new(),
                expires_at: None,
                rate: RateLimit {
                    requests: 1,
                    per_seconds: 1,
                },
                budget: None,
            };
            let table = ServingTable {
                keys: keys.iter().copied().map(key).collect(),
                ..ServingTable::default()
            };
            let next =
                self.serving
                    .snapshot()
                    .next(table, &Default::default(), &self.serving.recorder);
            self.serving.swap(next);
        }

        /// The name of the key that is found for the secret of this number.
        fn ask(&mut self, number: u8) -> Option<String> {
            let secret = format!("{number:0KEY_LENGTH$}");
            let snapshot = self.serving.serial();
            let key = self.known.key(&secret, snapshot, || {
                self.looks += 1;
                self.serving.snapshot().key(&[number; 32]).map(Arc::clone)
            });
            key.map(|key| key.name.clone())
        }
    }

    #[test]
    fn a_key_is_looked_for_once_a_snapshot_and_never_taken_for_another_one() {
        let mut asked = Asked {
            serving: Serving::default(),
            known: Known::default(),
            looks: 0,
        };
        asked.swap(&[1, 2]);
        for (number, expected, looks) in [
            (1, Some("1"), 1),
            (1, Some("1"), 1),
            (2, Some("2"), 2),
            (3, None, 3),
            (2, Some("2"), 3),
            (1, Some("1"), 4),
        ] {
            assert_eq!(asked.ask(number).as_deref(), expected);
            assert_eq!(asked.looks, looks);
        }
        // The key is revoked.
        asked.swap(&[2]);
        assert_eq!(asked.ask(1), None);
        assert_eq!(asked.known.key("vol_short", 1, || None).map(drop), None);
    }
}
