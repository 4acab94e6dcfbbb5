//! What trees are to say of a row, and how alike rows are in it.

use crate::fit::Rows;

pub(super) enum Goal {
    Numbers {
        /// Of each training row.
        values: Vec<f64>,
        /// The same without their mean, in standard deviations.
        scaled: Vec<f64>,
    },
    Classes {
        /// Of each training row, the place of its class.
        places: Vec<u8>,
        count: usize,
        /// Of each class, its share of the training rows.
        shares: Vec<f64>,
        /// Rows of these shares that every leaf is taken to have beside its own, so that no class is impossible.
        smoothing: f64,
    },
}

/// What rows have in common: of numbers, how many there are and what they add up to beyond the mean, in standard deviations; of
/// classes, how many are of each.
pub(super) type Sums = [f64];

impl Goal {
    pub(super) fn of(rows: &Rows<'_>, smoothing: f64) -> Self {
        let values = rows.train.iter().map(|&row| rows.target[row as usize]);
        match rows.classes {
            None => {
                let (mean, std) = rows.scale;
                let values: Vec<f64> = values.collect();
                Self::Numbers {
                    scaled: values.iter().map(|value| (value - mean) / std).collect(),
                    values,
                }
            }
            Some(count) => {
                let places: Vec<u8> = values.map(|place| place as u8).collect();
                let mut shares = vec![0.0; count];
                for &place in &places {
                    shares[usize::from(place)] += 1.0 / places.len() as f64;
                }
                Self::Classes {
                    places,
                    count,
                    shares,
                    smoothing,
                }
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Numbers { values, .. } => values.len(),
            Self::Classes { places, .. } => places.len(),
        }
    }

    /// How long [`Sums`] are.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Numbers { .. } => 2,
            Self::Classes { count, .. } => *count,
        }
    }

    /// How many numbers a leaf says: of two classes the share of the second, of more one of each.
    pub(super) fn scores(&self) -> usize {
        match self {
            Self::Numbers { .. } | Self::Classes { count: 2, .. } => 1,
            Self::Classes { count, .. } => *count,
        }
    }

    /// What the trees' scores are said beside: of classes one more tree, which knows their shares alone.
    pub(super) fn shares(&self) -> Option<&[f64]> {
        match self {
            Self::Numbers { .. } => None,
            Self::Classes {
                shares, count: 2, ..
            } => Some(&shares[1..]),
            Self::Classes { shares, .. } => Some(shares),
        }
    }

    /// Adds each row as often as it was drawn to the sums of its bin.
    pub(super) fn add(&self, rows: &[u32], drawn: &[u32], codes: &[u8], sums: &mut [f64]) {
        match self {
            Self::Numbers { scaled, .. } => {
                for &row in rows {
                    let row = row as usize;
                    let (weight, bin) = (f64::from(drawn[row]), usize::from(codes[row]));
                    sums[2 * bin] += weight;
                    sums[2 * bin + 1] += weight * scaled[row];
                }
            }
            Self::Classes { places, count, .. } => {
                for &row in rows {
                    let row = row as usize;
                    let (bin, place) = (usize::from(codes[row]), usize::from(places[row]));
                    sums[bin * count + place] += f64::from(drawn[row]);
                }
            }
        }
    }

    /// What rows have in common, and whether they are all the same.
    pub(super) fn total(&self, rows: &[u32], drawn: &[u32]) -> (Vec<f64>, bool) {
        let mut sums = vec![0.0; self.width()];
        let is_same = match self {
            Self::Numbers { values, scaled } => {
                for &row in rows {
                    let weight = f64::from(drawn[row as usize]);
                    sums[0] += weight;
                    sums[1] += weight * scaled[row as usize];
                }
                same(rows, values).is_some()
            }
            Self::Classes { places, .. } => {
                for &row in rows {
                    sums[usize::from(places[row as usize])] += f64::from(drawn[row as usize]);
                }
                sums.iter().filter(|sum| **sum > 0.0).count() < 2
            }
        };
        (sums, is_same)
    }

    /// The larger, the more alike the rows are; what a split adds to it is what it gains. Of numbers that is what it takes off the
    /// squared error, in variances, of classes what it takes off the Gini impurity, each times the rows.
    pub(super) fn likeness(&self, sums: &Sums) -> f64 {
        match self {
            Self::Numbers { .. } => sums[1] * sums[1] / sums[0],
            Self::Classes { .. } => {
                let (mut all, mut squares) = (0.0, 0.0);
                for sum in sums {
                    all += sum;
                    squares += sum * sum;
                }
                squares / all
            }
        }
    }

    /// How many rows the sums are of, each counted as often as it was drawn.
    pub(super) fn weight(&self, sums: &Sums) -> f64 {
        match self {
            Self::Numbers { .. } => sums[0],
            Self::Classes { .. } => sums.iter().sum(),
        }
    }

    /// What a leaf of these rows says, at the end of `out`.
    pub(super) fn answer(&self, rows: &[u32], drawn: &[u32], sums: &Sums, out: &mut Vec<f64>) {
        match self {
            Self::Numbers { values, .. } => {
                let places = rows.iter().map(|&row| row as usize);
                let sum: f64 = places.map(|row| f64::from(drawn[row]) * values[row]).sum();
                // What all rows have, to the last digit.
                out.push(same(rows, values).unwrap_or(sum / sums[0]));
            }
            Self::Classes {
                shares,
                count,
                smoothing,
                ..
            } => {
                let all = self.weight(sums) + smoothing;
                let share = |place: usize| (sums[place] + smoothing * shares[place]) / all;
                if *count == 2 {
                    out.push(share(1));
                } else {
                    out.extend((0..*count).map(share));
                }
            }
        }
    }
}

/// The value of all these rows, if it is one.
fn same(rows: &[u32], values: &[f64]) -> Option<f64> {
    let mut own = rows.iter().map(|&row| values[row as usize]);
    let first = own.next()?;
    own.all(|value| value.to_bits() == first.to_bits())
        .then_some(first)
}
