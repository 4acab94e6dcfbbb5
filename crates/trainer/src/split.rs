use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Which rows training learns from and which it is judged by: places among the usable rows, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSplit {
    pub train: Vec<u32>,
    pub test: Vec<u32>,
}

/// Splits `count` rows at random.
///
/// Anybody can make the same split again, in any language: the random numbers are the 64-bit little-endian words of
/// the ChaCha20 key stream (nonce 0, counter from 0) whose 32-byte key begins with the seed as 8 little-endian bytes
/// and is 0 after that. The numbers 0 to count - 1 are shuffled as Fisher and Yates do it, from the last place down:
/// place `i` changes with place `word * (i + 1) / 2^64`, rounded down. The first `count * test_fraction` of them,
/// rounded to the nearest whole number but at least 1 and at most count - 1, are held out.
#[must_use]
pub fn split(count: u32, test_fraction: f64, seed: u64) -> RowSplit {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha20Rng::from_seed(key);
    let mut order: Vec<u32> = (0..count).collect();
    for place in (1..order.len()).rev() {
        let other = (u128::from(random.next_u64()) * (place as u128 + 1)) >> 64;
        order.swap(place, other as usize);
    }
    let held_out = (f64::from(count) * test_fraction).round() as usize;
    let held_out = held_out.clamp(1.min(order.len()), order.len().saturating_sub(1));
    let mut train = order.split_off(held_out);
    let mut test = order;
    train.sort_unstable();
    test.sort_unstable();
    RowSplit { train, test }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_split() {
        let once = split(20, 0.25, 42);
        assert_eq!(once, split(20, 0.25, 42));
        assert_ne!(once, split(20, 0.25, 43));
        assert_eq!(once.test.len(), 5);
    }

    proptest! {
        #[test]
        fn every_row_is_on_one_side(count in 2_u32..2_000, fraction in 0.05..0.5f64, seed in any::<u64>()) {
            let split = split(count, fraction, seed);
            prop_assert!(!split.train.is_empty() && !split.test.is_empty());
            let mut all: Vec<u32> = split.train.iter().chain(&split.test).copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
