//! The training rows as trees see them: of each feature, which of at most 255 bins a row's value lies in.

use std::ops::Range;

use model::Test;
use rayon::prelude::*;

use super::order::Order;
use super::{Rows, ranges};
use crate::features::Feature;

/// The bin of a missing value.
pub(super) const MISSING: u8 = u8::MAX;

/// Most bins of values.
const MOST: usize = MISSING as usize;
/// Rows that numbers are cut by: of more some, spread evenly. A bin has hundreds of these.
const MOST_CUT_BY: usize = 1 << 16;

/// Of each feature.
pub(super) struct Bins(pub(super) Vec<Column>);

pub(super) struct Column {
    /// Of each training row, in their order.
    pub(super) codes: Vec<u8>,
    cuts: Cuts,
}

enum Cuts {
    /// A bin is a range.
    Numbers(Numbers),
    /// A bin is a rank, or of more than there are bins some that follow each other.
    Categories(Order),
}

/// Ranges of numbers, and a way to find the one of a number that takes few steps.
struct Numbers {
    cuts: Vec<f64>,
    low: f64,
    /// Slots of the guide for a unit.
    scale: f64,
    /// Of each of so many slots of equal width, how many cuts are at most its beginning.
    guide: Vec<u8>,
}

/// Slots of a guide.
const SLOTS: usize = 1_024;

impl Bins {
    /// `orders` has one for each feature of categories. Uses the pool of threads that it is called in.
    pub(super) fn of(rows: &Rows<'_>, orders: Vec<Option<Order>>) -> Self {
        let features = &rows.features.features;
        let columns = features.par_iter().zip(orders);
        Self(
            columns
                .map(|(feature, order)| Column::of(feature, order, rows.train))
                .collect(),
        )
    }
}

impl Column {
    fn of(feature: &Feature<'_>, order: Option<Order>, train: &[u32]) -> Self {
        let cuts = if let Some(order) = order {
            Cuts::Categories(order)
        } else {
            let count = train.len().min(MOST_CUT_BY);
            let some = (0..count).map(|place| train[place * train.len() / count.max(1)]);
            let values = some.map(|row| feature.code(row));
            let mut present: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
            present.sort_unstable_by(f64::total_cmp);
            Cuts::Numbers(Numbers::new(ranges::cuts(&present, MOST)))
        };
        let codes = train.iter().map(|&row| cuts.bin(feature.code(row)));
        Self {
            codes: codes.collect(),
            cuts,
        }
    }

    /// How many bins of values there are.
    pub(super) fn bins(&self) -> usize {
        match &self.cuts {
            Cuts::Numbers(numbers) => numbers.cuts.len() + 1,
            Cuts::Categories(order) => order.len().min(MOST),
        }
    }

    pub(super) fn is_categorical(&self) -> bool {
        matches!(self.cuts, Cuts::Categories(_))
    }

    /// What a value in one of the bins up to `cut`, and in no other, passes.
    pub(super) fn test(&self, cut: u8) -> Test {
        match &self.cuts {
            // Behind the last bin there is no cut: any number passes.
            Cuts::Numbers(Numbers { cuts, .. }) => {
                Test::Below(cuts.get(usize::from(cut)).copied().unwrap_or(f64::MAX))
            }
            Cuts::Categories(_) => self.among(|bin| bin <= cut),
        }
    }

    /// What a category in one of these bins, and in no other, passes.
    pub(super) fn among(&self, is_in: impl Fn(u8) -> bool) -> Test {
        match &self.cuts {
            Cuts::Numbers(_) => Test::Below(f64::MAX),
            Cuts::Categories(order) => {
                let (categories, other) = order.among(|rank| is_in(bin_of(rank, order.len())));
                Test::Among { categories, other }
            }
        }
    }
}

/// Of so many ranks.
fn bin_of(rank: f64, ranks: usize) -> u8 {
    if ranks <= MOST {
        rank as u8
    } else {
        (rank as usize * MOST / ranks) as u8
    }
}

impl Cuts {
    fn bin(&self, value: f64) -> u8 {
        if value.is_nan() {
            return MISSING;
        }
        match self {
            Self::Numbers(numbers) => numbers.place(value),
            Self::Categories(order) => bin_of(order.rank(value), order.len()),
        }
    }
}

impl Numbers {
    fn new(cuts: Vec<f64>) -> Self {
        let (low, high) = match (cuts.first(), cuts.last()) {
            (Some(&low), Some(&high)) => (low, high),
            _ => (0.0, 0.0),
        };
        let scale = SLOTS as f64 / (high - low);
        let guide = if scale.is_normal() {
            let begin = |slot: usize| low + slot as f64 / scale;
            // One less than what is below each slot, so that rounding does no harm.
            (0..=SLOTS)
                .map(|slot| ranges::place(&cuts, begin(slot)).saturating_sub(1) as u8)
                .collect()
        } else {
            Vec::new()
        };
        Self {
            cuts,
            low,
            scale,
            guide,
        }
    }

    fn place(&self, value: f64) -> u8 {
        let Range { start, end } = self.about(value);
        (start + ranges::place(&self.cuts[start..end], value)) as u8
    }

    /// Places of the cuts that it is to be compared with: all before are at most the value, all behind are above it.
    fn about(&self, value: f64) -> Range<usize> {
        let all = 0..self.cuts.len();
        let slot = ((value - self.low) * self.scale) as usize;
        let slot = slot.min(SLOTS);
        let (Some(&begin), Some(&end)) = (
            self.guide.get(slot.saturating_sub(1)),
            self.guide.get(slot + 2),
        ) else {
            return match self.guide.get(slot.saturating_sub(1)) {
                Some(&begin) => usize::from(begin)..all.end,
                None => all,
            };
        };
        usize::from(begin)..(usize::from(end) + 2).min(all.end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn more_categories_than_bins_share_them() {
        for ranks in [3, 255, 256, 1_001] {
            let bins: Vec<u8> = (0..ranks).map(|rank| bin_of(rank as f64, ranks)).collect();
            assert!(bins.is_sorted() && bins[0] == 0);
            assert_eq!(usize::from(bins[ranks - 1]) + 1, ranks.min(MOST));
        }
    }

    proptest! {
        #[test]
        fn a_guide_leads_to_the_bin(
            mut cuts in proptest::collection::vec(prop_oneof![-9.0..9.0f64, any::<f64>()], 0..254),
            more in proptest::collection::vec(prop_oneof![-10.0..10.0f64, any::<f64>()], 1..99),
        ) {
            cuts.retain(|cut| cut.is_finite());
            cuts.sort_unstable_by(f64::total_cmp);
            cuts.dedup();
            let numbers = Numbers::new(cuts.clone());
            let near = cuts.iter().flat_map(|cut| [cut.next_down(), *cut, cut.next_up()]);
            for value in near.chain(more).filter(|value| !value.is_nan()) {
                prop_assert_eq!(usize::from(numbers.place(value)), ranges::place(&cuts, value));
            }
        }
    }
}
