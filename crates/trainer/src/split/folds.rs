//! Rows in several parts, each of which is held out once.

use super::{RowSplit, split, split_stratified};

/// Of each of `count` folds, the rows to learn from and those that it holds out: parts of about the same size, taken one after the other
/// as [`split`] holds rows out of those that are left.
pub(crate) fn fold(rows: u32, count: usize, seed: u64) -> Vec<RowSplit> {
    let rows: Vec<u32> = (0..rows).collect();
    folds(&parts(rows, count, |rest, share| {
        split(rest.len() as u32, share, seed)
    }))
}

/// The same, with the same share of each class in every fold. A class of fewer rows than folds is learned from in each and held out
/// in none. `classes` has the class of each row.
pub(crate) fn fold_stratified(classes: &[u32], count: usize, seed: u64) -> Vec<RowSplit> {
    let of = |row: u32| classes[row as usize] as usize;
    let mut sizes = vec![0_usize; classes.iter().max().map_or(0, |&last| last as usize + 1)];
    for &class in classes {
        sizes[class as usize] += 1;
    }
    let rows = 0..classes.len() as u32;
    let (rare, common): (Vec<u32>, Vec<u32>) = rows.partition(|&row| sizes[of(row)] < count);
    let mut folds = folds(&parts(common, count, |rest, share| {
        let classes: Vec<u32> = rest.iter().map(|&row| of(row) as u32).collect();
        split_stratified(&classes, share, seed)
    }));
    for fold in &mut folds {
        fold.train.extend(&rare);
        fold.train.sort_unstable();
    }
    folds
}

fn parts(
    mut rest: Vec<u32>,
    count: usize,
    split: impl Fn(&[u32], f64) -> RowSplit,
) -> Vec<Vec<u32>> {
    let mut parts = Vec::with_capacity(count);
    for left in (2..=count).rev() {
        let cut = split(&rest, 1.0 / left as f64).of(&rest);
        parts.push(cut.test);
        rest = cut.train;
    }
    parts.push(rest);
    parts
}

/// Without those that would hold nothing out or learn from nothing.
fn folds(parts: &[Vec<u32>]) -> Vec<RowSplit> {
    let folds = parts.iter().enumerate().map(|(fold, test)| {
        let others = parts.iter().enumerate().filter(|(part, _)| *part != fold);
        let mut train: Vec<u32> = others.flat_map(|(_, rows)| rows.iter().copied()).collect();
        train.sort_unstable();
        RowSplit {
            train,
            test: test.clone(),
        }
    });
    folds
        .filter(|fold| !fold.train.is_empty() && !fold.test.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::whole_folds;
    use super::*;

    #[test]
    fn folds_are_about_the_same_size() {
        for fold in fold(100, 3, 42) {
            assert!((33..=34).contains(&fold.test.len()));
        }
        for fold in fold(103, 10, 42) {
            assert!((9..=11).contains(&fold.test.len()));
        }
    }

    #[test]
    fn a_rare_class_is_learned_from_in_every_fold() {
        let mut classes = vec![0; 40];
        classes.extend([1; 30]);
        classes.extend([2; 3]);
        let folds = fold_stratified(&classes, 5, 42);
        assert_eq!(folds.len(), 5);
        for fold in folds {
            let count = |class: u32, rows: &[u32]| {
                rows.iter()
                    .filter(|&&row| classes[row as usize] == class)
                    .count()
            };
            assert_eq!((count(0, &fold.test), count(1, &fold.test)), (8, 6));
            assert_eq!((count(2, &fold.train), count(2, &fold.test)), (3, 0));
        }
    }

    proptest! {
        #[test]
        fn every_row_is_held_out_once(rows in 2_u32..500, count in 2_usize..=10, seed in any::<u64>()) {
            let folds = fold(rows, count, seed);
            prop_assert_eq!(folds.len(), count.min(rows as usize));
            whole_folds(&folds, rows as usize)?;
            prop_assert_eq!(&folds, &fold(rows, count, seed));
        }
    }
}
