//! Maps by keys that are random already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// By a SHA-256, or by an id of ours: the last bytes of either are as good as a hash of all of them, and nobody outside can choose
/// those of what stands in such a map.
pub(crate) type RandomMap<K, V> = HashMap<K, V, BuildHasherDefault<LastBytes>>;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastBytes(u64);

impl Hasher for LastBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_be_bytes(*last);
        }
    }

    /// How many bytes there are, which is the same for all keys of a map.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher as _;

    use domain::Timestamp;
    use domain::ids::ApiKeyId;

    use super::*;

    #[test]
    fn keys_are_told_apart_by_their_last_bytes() {
        let hasher = BuildHasherDefault::<LastBytes>::default();
        let ids = (0..1000).map(|_| ApiKeyId::at(Timestamp::UNIX_EPOCH));
        let hashes: HashSet<u64> = ids.map(|id| hasher.hash_one(id)).collect();
        assert_eq!(hashes.len(), 1000);
        let mut hash = [0_u8; 32];
        hash[31] = 7;
        assert_eq!(hasher.hash_one(hash), 7);
    }
}
