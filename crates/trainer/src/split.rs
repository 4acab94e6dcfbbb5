mod by_group;
mod by_time;
mod folds;

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

pub(crate) use by_group::{fold_groups, split_groups};
pub(crate) use by_time::{fold_time, split_time};
pub(crate) use folds::{fold, fold_stratified};

/// Which rows training learns from and which it is judged by: places among the usable rows, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSplit {
    pub train: Vec<u32>,
    pub test: Vec<u32>,
}

impl RowSplit {
    /// Of places among `rows`, those rows.
    pub(crate) fn of(mut self, rows: &[u32]) -> Self {
        for place in self.train.iter_mut().chain(&mut self.test) {
            *place = rows[*place as usize];
        }
        self
    }
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
    split_by(&mut random(seed), (0..count).collect(), test_fraction)
}

/// Splits rows so that of each class the same share is held out: class after class as [`split`] does it with the rows of the
/// class, all of them by one stream of random numbers. `classes` has the class of each row.
///
/// Of a class with a single row none is held out.
#[must_use]
pub fn split_stratified(classes: &[u32], test_fraction: f64, seed: u64) -> RowSplit {
    let mut rows: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, &class) in (0..).zip(classes) {
        rows.entry(class).or_default().push(row);
    }
    let mut random = random(seed);
    let mut all = RowSplit::default();
    for rows in rows.into_values() {
        let of_class = split_by(&mut random, rows, test_fraction);
        all.train.extend(of_class.train);
        all.test.extend(of_class.test);
    }
    all.train.sort_unstable();
    all.test.sort_unstable();
    all
}

fn random(seed: u64) -> ChaCha20Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha20Rng::from_seed(key)
}

fn shuffle(random: &mut ChaCha20Rng, order: &mut [u32]) {
    for place in (1..order.len()).rev() {
        let other = (u128::from(random.next_u64()) * (place as u128 + 1)) >> 64;
        order.swap(place, other as usize);
    }
}

/// How many of `count` rows are held out. Two rows and more have one on either side; a single one is learned from.
fn share(count: usize, test_fraction: f64) -> usize {
    let last = count.saturating_sub(1);
    let held_out = (count as f64 * test_fraction).round() as usize;
    held_out.clamp(1.min(last), last)
}

fn split_by(random: &mut ChaCha20Rng, mut order: Vec<u32>, test_fraction: f64) -> RowSplit {
    shuffle(random, &mut order);
    let held_out = share(order.len(), test_fraction);
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

    /// Every row is on one side.
    pub(super) fn whole(split: &RowSplit, rows: usize) -> Result<(), TestCaseError> {
        prop_assert!(split.train.is_sorted() && split.test.is_sorted());
        let mut all = [split.train.as_slice(), &split.test].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..rows as u32).collect::<Vec<_>>());
        Ok(())
    }

    /// Every row is held out once, and learned from in all other folds.
    pub(super) fn whole_folds(folds: &[RowSplit], rows: usize) -> Result<(), TestCaseError> {
        let mut all: Vec<u32> = Vec::new();
        for fold in folds {
            prop_assert!(!fold.train.is_empty() && !fold.test.is_empty());
            whole(fold, rows)?;
            all.extend(&fold.test);
        }
        all.sort_unstable();
        prop_assert!(folds.is_empty() || all.into_iter().eq(0..rows as u32));
        Ok(())
    }

    #[test]
    fn a_seed_always_gives_the_same_split() {
        let once = split(20, 0.25, 42);
        assert_eq!(once, split(20, 0.25, 42));
        assert_ne!(once, split(20, 0.25, 43));
        assert_eq!(once.test.len(), 5);
    }

    proptest! {
        #[test]
        fn of_every_class_the_same_share_is_held_out(
            classes in proptest::collection::vec(0_u32..6, 2..500),
            fraction in 0.05..0.5f64,
            seed in any::<u64>(),
        ) {
            let split = split_stratified(&classes, fraction, seed);
            let mut all: Vec<u32> = split.train.iter().chain(&split.test).copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..classes.len() as u32).collect::<Vec<_>>());
            for class in 0..6 {
                let count = |rows: &[u32]| rows.iter().filter(|&&row| classes[row as usize] == class).count();
                let (train, test) = (count(&split.train), count(&split.test));
                let rows = train + test;
                if rows >= 2 {
                    prop_assert!(train >= 1 && test >= 1);
                    let share = (rows as f64 * fraction).round().max(1.0);
                    prop_assert!((test as f64 - share).abs() < 0.5, "{test} of {rows}");
                } else {
                    prop_assert_eq!(test, 0);
                }
            }
        }

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
