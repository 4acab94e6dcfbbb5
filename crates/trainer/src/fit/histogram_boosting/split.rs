//! Where a node is parted: by a number's bins, or by categories in an order of their own in every node.

use super::grower::Limits;
use super::histogram::OfFeature;
use super::sums::{Lanes, Sums, Unit, add};
use crate::fit::bins::{Column, MISSING};

/// Which bins go left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Side([u64; 4]);

impl Side {
    fn all() -> Self {
        Self([u64::MAX; 4])
    }

    fn insert(&mut self, bin: u8) {
        self.0[usize::from(bin) / 64] |= 1 << (bin % 64);
    }

    fn remove(&mut self, bin: u8) {
        self.0[usize::from(bin) / 64] &= !(1 << (bin % 64));
    }

    #[inline]
    pub(super) fn has(&self, bin: u8) -> bool {
        self.0[usize::from(bin) / 64] >> (bin % 64) & 1 != 0
    }

    /// All up to `cut`.
    fn up_to(cut: u8) -> Self {
        let mut side = Self::default();
        (0..=cut).for_each(|bin| side.insert(bin));
        side
    }
}

/// The best split of a feature.
#[derive(Clone, Debug)]
pub(super) struct Branch<const W: usize> {
    pub(super) feature: usize,
    /// The last bin that goes left, of numbers.
    pub(super) cut: u8,
    pub(super) left: Side,
    /// What it takes off the loss, at the curvature that the rows have.
    pub(super) gain: f64,
    /// Of the rows that go left.
    pub(super) sums: Lanes<W>,
}

/// The least that the curvatures of a leaf add up to: beyond, a step of Newton's method is a leap.
const LEAST_CURVATURE: f64 = 1e-3;
/// Up to so many categories, each is tried against all others.
const ONE_AGAINST: usize = 4;
/// Rows of an average gradient that each category is taken to have beside its own, when categories are put in an order: what few
/// rows say is mostly chance.
const SMOOTHING: f64 = 10.0;
/// Of what categories differ by chance, the share that the best cut of their order gains: 2 / π of normal distributions. It is taken
/// off, or a column of many categories would always be the best, whether it says anything or not.
const CHANCE: f64 = std::f64::consts::FRAC_2_PI;
/// Numbers gain by chance, too, since they have many cuts: about as much as so many categories.
const AS_NUMBERS: usize = 10;
/// As part of the gradient that a row has: gains from what is lost by rounding are none.
const ROUNDING: f64 = 64.0;

/// What splits of a node are looked for by.
#[derive(Clone, Copy)]
pub(super) struct Search<'s, const W: usize> {
    pub(super) unit: &'s Unit,
    pub(super) limits: &'s Limits,
    pub(super) total: Lanes<W>,
    /// The squares of the gradients, for each unit of curvature: what a split gains by chance goes by it.
    pub(super) noise: f64,
}

impl<const W: usize> Search<'_, W> {
    /// How much of the loss a step takes off.
    #[inline]
    fn worth(&self, sums: &Sums) -> f64 {
        sums.gradient * sums.gradient / (sums.curvature + self.limits.penalty)
    }

    #[inline]
    fn is_enough(&self, sums: &Sums) -> bool {
        sums.rows >= self.limits.leaf_rows && sums.curvature >= LEAST_CURVATURE
    }

    /// What a cut gains if `left` goes left; less than nothing where it leaves too little on a side.
    #[inline]
    fn gain(&self, left: &Lanes<W>, total: &Sums) -> f64 {
        let left = self.unit.read(left);
        let right = Sums {
            gradient: total.gradient - left.gradient,
            curvature: total.curvature - left.curvature,
            rows: total.rows - left.rows,
        };
        if self.is_enough(&left) && self.is_enough(&right) {
            self.worth(&left) + self.worth(&right)
        } else {
            f64::NEG_INFINITY
        }
    }

    pub(super) fn best(
        &self,
        feature: usize,
        column: &Column,
        sums: &OfFeature<W>,
    ) -> Option<Branch<W>> {
        let total = self.unit.read(&self.total);
        if total.rows < 2 * self.limits.leaf_rows {
            return None;
        }
        let least = self.worth(&total) + (ROUNDING * self.unit.rounding()).powi(2);
        let found = if column.is_categorical() {
            self.of_categories(sums, &total, least)
        } else {
            self.of_numbers(sums, column.bins(), &total, least)
        };
        let alike = self.worth(&total);
        found.map(|found| Branch {
            feature,
            gain: found.gain - alike,
            ..found
        })
    }

    /// Tries every cut between two bins that have rows, with the missing values on either side, and the cut that parts these from
    /// all others.
    fn of_numbers(
        &self,
        sums: &OfFeature<W>,
        bins: usize,
        total: &Sums,
        least: f64,
    ) -> Option<Branch<W>> {
        let missing = &sums[usize::from(MISSING)];
        let has_missing = self.unit.read(missing).rows > 0;
        let mut best = least;
        let mut found: Option<(u8, bool, Lanes<W>)> = None;
        let mut past = [0; W];
        // The last bin that has rows.
        let mut before = None;
        for (bin, own) in sums[..bins].iter().enumerate() {
            if *own == [0; W] {
                continue;
            }
            if let Some(before) = before {
                // In the middle of the bins between, which have no rows.
                let cut = ((before + bin - 1) / 2) as u8;
                let gain = self.gain(&past, total);
                if gain > best {
                    best = gain;
                    found = Some((cut, false, past));
                }
                if has_missing {
                    let mut left = past;
                    add(&mut left, missing);
                    let gain = self.gain(&left, total);
                    if gain > best {
                        best = gain;
                        found = Some((cut, true, left));
                    }
                }
            }
            add(&mut past, own);
            before = Some(bin);
        }
        if has_missing {
            let gain = self.gain(&past, total);
            if gain > best {
                best = gain;
                found = Some(((bins - 1) as u8, false, past));
            }
        }
        let (cut, missing_left, sums) = found?;
        let mut left = Side::up_to(cut);
        // Where no row says where they belong, they go with the most.
        if missing_left || (!has_missing && self.is_most(&sums, total)) {
            left.insert(MISSING);
        }
        Some(Branch {
            feature: 0,
            cut,
            left,
            gain: best,
            sums,
        })
    }

    /// A missing value is a category like others. Categories that have no rows in the node go with the most.
    fn of_categories(&self, sums: &OfFeature<W>, total: &Sums, least: f64) -> Option<Branch<W>> {
        let mut present: Vec<(f64, u8)> = Vec::new();
        let beside = SMOOTHING * total.curvature / f64::from(total.rows);
        let mean = total.gradient / total.curvature;
        for (bin, own) in (0..=MISSING).zip(sums) {
            let own = self.unit.read(own);
            if own.rows > 0 {
                let slope = (own.gradient + beside * mean) / (own.curvature + beside);
                present.push((slope, bin));
            }
        }
        let mut best = least;
        let mut found: Option<(usize, usize, Lanes<W>)> = None;
        if present.len() <= ONE_AGAINST {
            for (place, (_, bin)) in present.iter().enumerate() {
                let left = sums[usize::from(*bin)];
                let gain = self.gain(&left, total);
                if gain > best {
                    best = gain;
                    found = Some((place, place + 1, left));
                }
            }
        } else {
            present.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let categories = present.len().saturating_sub(AS_NUMBERS) as f64;
            let chance = CHANCE * categories * self.noise;
            let mut past = [0; W];
            for (place, (_, bin)) in present.iter().enumerate() {
                add(&mut past, &sums[usize::from(*bin)]);
                let gain = self.gain(&past, total) - chance;
                if gain > best {
                    best = gain;
                    found = Some((0, place + 1, past));
                }
            }
        }
        let (begin, end, sums) = found?;
        let mut left = if self.is_most(&sums, total) {
            Side::all()
        } else {
            Side::default()
        };
        for (place, (_, bin)) in present.iter().enumerate() {
            if (begin..end).contains(&place) {
                left.insert(*bin);
            } else {
                left.remove(*bin);
            }
        }
        Some(Branch {
            feature: 0,
            cut: 0,
            left,
            gain: best,
            sums,
        })
    }

    fn is_most(&self, left: &Lanes<W>, total: &Sums) -> bool {
        let rows = self.unit.read(left).rows;
        rows >= total.rows - rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        leaves: 31,
        leaf_rows: 2,
        penalty: 0.5,
        features: 1,
        histograms: 32,
    };

    proptest! {
        /// What a split is said to gain is what it gains when its sides are added up anew, and no other cut gains more.
        #[test]
        fn a_gain_is_what_adding_up_anew_says(
            rows in proptest::collection::vec((0..9_u8, -9.0..9.0f64, 0.05..1.0f64), 8..90),
            is_categorical in any::<bool>(),
        ) {
            // The last of the bins stands for missing values.
            let bin = |bin: u8| if bin == 8 { MISSING } else { bin };
            let unit = Unit::new::<2>(rows.len(), 9.0, 1.0);
            let mut sums = [[0; 2]; 256];
            let mut total = [0; 2];
            for (of, gradient, curvature) in &rows {
                let lanes = unit.row(*gradient, *curvature);
                add(&mut sums[usize::from(bin(*of))], &lanes);
                add(&mut total, &lanes);
            }
            let search = Search { unit: &unit, limits: &LIMITS, total, noise: 0.0 };
            let all = unit.read(&total);
            let alike = search.worth(&all);
            let gain = |is_left: &dyn Fn(u8) -> bool| {
                let mut left = [0.0, 0.0, 0.0];
                for (of, gradient, curvature) in &rows {
                    if is_left(bin(*of)) {
                        left[0] += gradient;
                        left[1] += curvature;
                        left[2] += 1.0;
                    }
                }
                let right = [all.gradient - left[0], all.curvature - left[1], f64::from(all.rows) - left[2]];
                let worth = |side: &[f64; 3]| side[0] * side[0] / (side[1] + LIMITS.penalty);
                (left[2] >= 2.0 && right[2] >= 2.0).then(|| worth(&left) + worth(&right) - alike)
            };
            let found = if is_categorical {
                search.of_categories(&sums, &all, alike)
            } else {
                search.of_numbers(&sums, 8, &all, alike)
            };
            let best = found.as_ref().map(|found| found.gain - alike);
            if let Some(found) = &found {
                let anew = gain(&|bin| found.left.has(bin)).unwrap();
                prop_assert!((anew - best.unwrap()).abs() < 1e-6 * anew.abs().max(1.0));
                let mut left = [0; 2];
                for (bin, own) in (0..=MISSING).zip(&sums) {
                    if found.left.has(bin) {
                        add(&mut left, own);
                    }
                }
                prop_assert_eq!(left, found.sums);
            }
            if !is_categorical {
                for cut in 0..8 {
                    for with_missing in [false, true] {
                        let other = gain(&|bin| bin <= cut || (with_missing && bin == MISSING));
                        prop_assert!(other.unwrap_or(0.0) <= best.unwrap_or(0.0) + 1e-6);
                    }
                }
            }
        }
    }
}
