//! Rows that stay together.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{RowSplit, random, share, shuffle};

/// Splits rows so that those of a group are on one side. `groups` has the group of each row.
///
/// The groups, in the order of their first rows, are shuffled by [`split`](super::split)'s random numbers. One after the other is held
/// out if it fits into the `count * test_fraction` rows that are wanted; then the smallest of the others (the first of them in
/// that order), if the number comes nearer by it or nothing is held out yet. Of a single group nothing is held out.
pub(crate) fn split_groups(groups: &[u32], test_fraction: f64, seed: u64) -> RowSplit {
    let Groups { of_row, sizes } = Groups::new(groups);
    if sizes.len() < 2 {
        return RowSplit {
            train: (0..groups.len() as u32).collect(),
            test: Vec::new(),
        };
    }
    let wanted = share(groups.len(), test_fraction);
    let mut is_held_out = vec![false; sizes.len()];
    let mut held_out = 0;
    let order = shuffled(sizes.len(), seed);
    for &group in &order {
        if held_out + sizes[group] <= wanted {
            held_out += sizes[group];
            is_held_out[group] = true;
        }
    }
    let others = order.iter().filter(|&&group| !is_held_out[group]);
    if let Some(&smallest) = others.min_by_key(|&&group| sizes[group]) {
        let with = held_out + sizes[smallest];
        let is_nearer = with.abs_diff(wanted) < wanted - held_out;
        if held_out == 0 || (is_nearer && with < groups.len()) {
            is_held_out[smallest] = true;
        }
    }
    let rows = 0..groups.len() as u32;
    let (test, train) = rows.partition(|&row| is_held_out[of_row[row as usize]]);
    RowSplit { train, test }
}

/// Of each of at most `count` folds, the rows to learn from and those that it holds out, groups whole. The groups, shuffled, go from
/// the largest to the smallest, each to the fold that has the fewest rows.
pub(crate) fn fold_groups(groups: &[u32], count: usize, seed: u64) -> Vec<RowSplit> {
    let Groups { of_row, sizes } = Groups::new(groups);
    let count = count.min(sizes.len());
    if count < 2 {
        return Vec::new();
    }
    let mut order = shuffled(sizes.len(), seed);
    order.sort_by_key(|&group| Reverse(sizes[group]));
    let mut fold_of = vec![0; sizes.len()];
    let mut rows = vec![0; count];
    for group in order {
        let least = (0..count).min_by_key(|&fold| rows[fold]).unwrap_or(0);
        rows[least] += sizes[group];
        fold_of[group] = least;
    }
    (0..count)
        .map(|fold| {
            let rows = 0..groups.len() as u32;
            let (test, train) = rows.partition(|&row| fold_of[of_row[row as usize]] == fold);
            RowSplit { train, test }
        })
        .collect()
}

/// Groups by their place in the order of their first rows.
struct Groups {
    of_row: Vec<usize>,
    /// In rows.
    sizes: Vec<usize>,
}

impl Groups {
    fn new(groups: &[u32]) -> Self {
        let mut places: HashMap<u32, usize> = HashMap::new();
        let mut sizes = Vec::new();
        let of_row = groups
            .iter()
            .map(|&group| {
                let place = *places.entry(group).or_insert(sizes.len());
                if place == sizes.len() {
                    sizes.push(0);
                }
                sizes[place] += 1;
                place
            })
            .collect();
        Self { of_row, sizes }
    }
}

fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    shuffle(&mut random(seed), &mut order);
    order.into_iter().map(|group| group as usize).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::tests::{whole, whole_folds};
    use super::*;

    fn of(groups: &[u32], rows: &[u32]) -> BTreeSet<u32> {
        rows.iter().map(|&row| groups[row as usize]).collect()
    }

    #[test]
    fn a_large_group_does_not_crowd_out_the_share() {
        let mut groups = vec![0; 40];
        groups.extend((0..60).map(|row| 1 + row / 2));
        for seed in 0..20 {
            let split = split_groups(&groups, 0.2, seed);
            assert_eq!(split.test.len(), 20, "{seed}");
        }
    }

    #[test]
    fn a_single_group_is_learned_from() {
        let split = split_groups(&[7; 30], 0.2, 42);
        assert_eq!((split.train.len(), split.test.len()), (30, 0));
        assert!(fold_groups(&[7; 30], 5, 42).is_empty());
    }

    proptest! {
        #[test]
        fn groups_stay_whole(
            groups in proptest::collection::vec(0_u32..12, 2..300),
            fraction in 0.05..0.5f64,
            seed in any::<u64>(),
        ) {
            let split = split_groups(&groups, fraction, seed);
            whole(&split, groups.len())?;
            prop_assert!(of(&groups, &split.train).is_disjoint(&of(&groups, &split.test)));
            prop_assert_eq!(&split, &split_groups(&groups, fraction, seed));
            let all: Vec<u32> = (0..groups.len() as u32).collect();
            let kinds = of(&groups, &all);
            prop_assert_eq!(split.test.is_empty(), kinds.len() < 2);
            prop_assert!(!split.train.is_empty());
            // No group that is learned from would bring the share nearer.
            let wanted = (groups.len() as f64 * fraction).round().max(1.0);
            let off = (split.test.len() as f64 - wanted).abs();
            for group in of(&groups, &split.train) {
                let size = groups.iter().filter(|&&other| other == group).count();
                prop_assert!((split.test.len() as f64 + size as f64 - wanted).abs() >= off || kinds.len() < 2);
            }
        }

        #[test]
        fn folds_keep_groups_whole(
            groups in proptest::collection::vec(0_u32..30, 2..300),
            count in 2_usize..=10,
            seed in any::<u64>(),
        ) {
            let folds = fold_groups(&groups, count, seed);
            let all: Vec<u32> = (0..groups.len() as u32).collect();
            let kinds = of(&groups, &all).len();
            prop_assert_eq!(folds.len(), if kinds < 2 { 0 } else { count.min(kinds) });
            whole_folds(&folds, groups.len())?;
            for fold in &folds {
                prop_assert!(of(&groups, &fold.train).is_disjoint(&of(&groups, &fold.test)));
            }
            prop_assert_eq!(&folds, &fold_groups(&groups, count, seed));
        }
    }
}
