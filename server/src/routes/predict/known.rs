//! What a connection knows of the program at its other end from one request to the next. Clients send the same key over and
//! over, and to hash it each time takes longer than all else that is asked of a key.

use std::sync::{Arc, Mutex};

use domain::api_keys::KEY_LENGTH;
use serving::keys::Key;
use subtle::ConstantTimeEq as _;

/// A key's secret, in words.
type Secret = [u64; KEY_LENGTH.div_ceil(size_of::<u64>())];

#[derive(Default)]
pub struct Known {
    key: Mutex<Option<Found>>,
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
