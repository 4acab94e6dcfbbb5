//! Rows in the order of time.

use super::{RowSplit, share};

/// Splits rows so that the newest are held out. `moments` has the moment of each row; a row without one has NaN, and is learned from.
///
/// Of the rows that have a moment, `count * test_fraction` are wanted; rows of the same moment stay on one side, so it is the
/// nearest number that goes, the larger one of two. Where there is a single moment nothing is held out.
pub(crate) fn split_time(moments: &[f64], test_fraction: f64) -> RowSplit {
    let Order { order, undated } = Order::new(moments);
    let ideal = order.len() - share(order.len(), test_fraction);
    match boundary(moments, &order, ideal) {
        Some(cut) => ahead(&order[..cut], &order[cut..], &undated),
        None => ahead(&order, &[], &undated),
    }
}

/// Of each of at most `count` folds, the rows to learn from and those that it holds out. The rows in the order of time make `count + 1`
/// parts of about the same size; each part but the oldest is held out from what was learned before it. Rows without a
/// moment are learned from in every fold.
pub(crate) fn fold_time(moments: &[f64], count: usize) -> Vec<RowSplit> {
    let Order { order, undated } = Order::new(moments);
    let mut cuts: Vec<usize> = (1..=count)
        .filter_map(|part| boundary(moments, &order, order.len() * part / (count + 1)))
        .collect();
    cuts.dedup();
    let ends = cuts.iter().skip(1).copied().chain([order.len()]);
    cuts.iter()
        .zip(ends)
        .map(|(&cut, end)| ahead(&order[..cut], &order[cut..end], &undated))
        .collect()
}

fn ahead(before: &[u32], after: &[u32], undated: &[u32]) -> RowSplit {
    let mut train = [before, undated].concat();
    let mut test = after.to_vec();
    train.sort_unstable();
    test.sort_unstable();
    RowSplit { train, test }
}

struct Order {
    /// The rows that have a moment, oldest first.
    order: Vec<u32>,
    undated: Vec<u32>,
}

impl Order {
    fn new(moments: &[f64]) -> Self {
        let rows = 0..moments.len() as u32;
        let (mut order, undated): (Vec<u32>, Vec<u32>) =
            rows.partition(|&row| !moments[row as usize].is_nan());
        order.sort_by(|&a, &b| moments[a as usize].total_cmp(&moments[b as usize]));
        Self { order, undated }
    }
}

/// The place nearest to `ideal` at which a later moment begins.
fn boundary(moments: &[f64], order: &[u32], ideal: usize) -> Option<usize> {
    let is_later = |&cut: &usize| moments[order[cut - 1] as usize] < moments[order[cut] as usize];
    let cuts = (1..order.len()).filter(is_later);
    cuts.min_by_key(|cut| cut.abs_diff(ideal))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::whole;
    use super::*;

    fn moments() -> impl Strategy<Value = Vec<f64>> {
        let moment = prop_oneof![9 => (-20_i32..20).prop_map(f64::from), 1 => Just(f64::NAN)];
        proptest::collection::vec(moment, 2..300)
    }

    /// The oldest and the newest of the rows that have a moment.
    fn range(moments: &[f64], rows: &[u32]) -> (f64, f64) {
        let of = rows.iter().map(|&row| moments[row as usize]);
        let of = of.filter(|moment| !moment.is_nan());
        of.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), moment| {
            (low.min(moment), high.max(moment))
        })
    }

    #[test]
    fn ties_go_to_the_side_that_is_nearer_to_the_share() {
        // 20 % of ten rows are two; of the newest moment there are three, of the next six.
        let moments = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0];
        assert_eq!(split_time(&moments, 0.2).test, [7, 8, 9]);
        assert_eq!(split_time(&moments, 0.5).test, [7, 8, 9]);
        let moments = [3.0, 1.0, f64::NAN, 2.0];
        let split = split_time(&moments, 0.34);
        assert_eq!((split.train, split.test), (vec![1, 2, 3], vec![0]));
        assert_eq!(split_time(&[4.0, 4.0, f64::NAN], 0.5).test, [] as [u32; 0]);
    }

    #[test]
    fn a_fold_is_held_out_from_all_that_came_before_it() {
        let moments: Vec<f64> = (0..12).map(f64::from).collect();
        let folds = fold_time(&moments, 3);
        let sizes: Vec<_> = folds
            .iter()
            .map(|fold| (fold.train.len(), fold.test.len()))
            .collect();
        assert_eq!(sizes, [(3, 3), (6, 3), (9, 3)]);
    }

    proptest! {
        #[test]
        fn what_is_held_out_is_newer(moments in moments(), fraction in 0.05..0.5f64) {
            let split = split_time(&moments, fraction);
            whole(&split, moments.len())?;
            let (oldest, newest) = (range(&moments, &split.test).0, range(&moments, &split.train).1);
            prop_assert!(newest < oldest || split.test.is_empty());
            prop_assert!(split.test.iter().all(|&row| !moments[row as usize].is_nan()));
            let all: Vec<u32> = (0..moments.len() as u32).collect();
            let (low, high) = range(&moments, &all);
            prop_assert_eq!(split.test.is_empty(), low >= high);
        }

        #[test]
        fn folds_go_forward(moments in moments(), count in 2_usize..=10) {
            let folds = fold_time(&moments, count);
            prop_assert!(folds.len() <= count);
            let mut before = f64::NEG_INFINITY;
            for fold in &folds {
                prop_assert!(!fold.train.is_empty() && !fold.test.is_empty());
                let (oldest, newest) = range(&moments, &fold.test);
                prop_assert!(range(&moments, &fold.train).1 < oldest && before < oldest);
                before = newest;
                let both = fold.train.len() + fold.test.len();
                let distinct: std::collections::BTreeSet<&u32> = fold.train.iter().chain(&fold.test).collect();
                prop_assert_eq!(distinct.len(), both);
            }
        }
    }
}
