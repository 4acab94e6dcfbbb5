//! The training rows as trees see them: of each feature, which of at most 255 bins a row's value lies in.

use model::Test;
use rayon::prelude::*;

use crate::features::Feature;
use crate::fit::Rows;
use crate::fit::order::Order;
use crate::fit::ranges;

/// The bin of a missing value.
pub(super) const MISSING: u8 = u8::MAX;

/// Most bins of values.
const MOST: usize = MISSING as usize;

/// Of each feature.
pub(super) struct Bins(pub(super) Vec<Column>);

pub(super) struct Column {
    /// Of each training row, in their order.
    pub(super) codes: Vec<u8>,
    cuts: Cuts,
}

enum Cuts {
    /// A bin is a range.
    Numbers(Vec<f64>),
    /// A bin is a rank.
    Categories(Order),
}

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
            let values = train.iter().map(|&row| feature.code(row));
            let mut present: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
            present.sort_unstable_by(f64::total_cmp);
            Cuts::Numbers(ranges::cuts(&present, MOST))
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
            Cuts::Numbers(cuts) => cuts.len() + 1,
            Cuts::Categories(order) => order.len(),
        }
    }

    /// What a value in one of the bins up to `cut`, and in no other, passes.
    pub(super) fn test(&self, cut: u8) -> Test {
        match &self.cuts {
            // Behind the last bin there is no cut: any number passes.
            Cuts::Numbers(cuts) => {
                Test::Below(cuts.get(usize::from(cut)).copied().unwrap_or(f64::MAX))
            }
            Cuts::Categories(order) => {
                let (categories, other) = order.below(f64::from(cut) + 0.5);
                Test::Among { categories, other }
            }
        }
    }
}

impl Cuts {
    fn bin(&self, value: f64) -> u8 {
        if value.is_nan() {
            return MISSING;
        }
        match self {
            Self::Numbers(cuts) => ranges::place(cuts, value) as u8,
            Self::Categories(order) => order.rank(value) as u8,
        }
    }
}
