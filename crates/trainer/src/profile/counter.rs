use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::hyperloglog::HyperLogLog;

/// Counts how often each key comes: exactly up to a number of different keys, and then, in the same memory, the number
/// of different keys as an estimate, and each frequent key's count as a lower bound.
///
/// When there is no more room, every count is lowered by the median and the keys that reach 0 go, so a key that is
/// more frequent than the losses stays (the idea of Misra and Gries).
#[derive(Debug)]
pub(super) struct Counter {
    counts: HashMap<u64, u64, BuildHasherDefault<MixHasher>>,
    limit: usize,
    sketch: Option<HyperLogLog>,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Known,
    New,
    /// It is new, and rare keys were dropped before it found room.
    AfterPruning,
}

impl Counter {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            counts: HashMap::default(),
            limit: limit.max(2),
            sketch: None,
        }
    }

    #[inline]
    pub(super) fn add(&mut self, key: u64) -> Added {
        if let Some(sketch) = &mut self.sketch {
            sketch.add(mix(key));
        }
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
            return Added::Known;
        }
        let full = self.counts.len() >= self.limit;
        if full {
            self.prune();
        }
        self.counts.insert(key, 1);
        if let (true, Some(sketch)) = (full, &mut self.sketch) {
            sketch.add(mix(key));
        }
        if full {
            Added::AfterPruning
        } else {
            Added::New
        }
    }

    /// Makes room for about half of the keys.
    pub(super) fn prune(&mut self) {
        if self.sketch.is_none() {
            let mut sketch = HyperLogLog::new();
            self.counts.keys().for_each(|&key| sketch.add(mix(key)));
            self.sketch = Some(sketch);
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        if counts.is_empty() {
            return;
        }
        let middle = counts.len() / 2;
        let (_, &mut median, _) = counts.select_nth_unstable(middle);
        self.counts.retain(|_, count| {
            *count -= median.min(*count);
            *count > 0
        });
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.counts.contains_key(&key)
    }

    pub(super) fn distinct(&self) -> u64 {
        self.sketch
            .as_ref()
            .map_or(self.counts.len() as u64, HyperLogLog::estimate)
    }

    /// Keys and counts, the most frequent first and, among equals, the smallest key first.
    pub(super) fn top(&self, limit: usize) -> Vec<(u64, u64)> {
        let mut all: Vec<(u64, u64)> = self
            .counts
            .iter()
            .map(|(&key, &count)| (key, count))
            .collect();
        all.sort_unstable_by_key(|&(key, count)| (std::cmp::Reverse(count), key));
        all.truncate(limit);
        all
    }
}

/// Spreads a key over all 64 bits; different keys stay different.
#[inline]
pub(crate) fn mix(key: u64) -> u64 {
    let key = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}

#[derive(Debug, Default)]
struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = mix(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = mix(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_exact_below_its_limit() {
        let mut counter = Counter::new(100);
        for key in 0..100_u64 {
            for _ in 0..=key {
                counter.add(key);
            }
        }
        assert_eq!(counter.distinct(), 100);
        assert_eq!(counter.top(3), [(99, 100), (98, 99), (97, 98)]);
    }

    #[test]
    fn keeps_frequent_keys_above_its_limit() {
        let mut counter = Counter::new(1_000);
        for round in 0..100_000_u64 {
            counter.add(1_000_000 + round);
            if round % 10 == 0 {
                counter.add(7);
            }
        }
        let (key, count) = counter.top(1)[0];
        assert_eq!(key, 7);
        assert!((9_000..=10_000).contains(&count), "{count}");
        assert!(
            counter.distinct().abs_diff(100_001) < 3_000,
            "{}",
            counter.distinct()
        );
    }
}
