//! What every threshold of a class's probability gives.

use domain::models::{Calibration, ClassCurves, CurvePoint};

const POINTS: usize = 101;
const BINS: usize = 10;

/// A class against all others.
pub(super) struct Ranking {
    /// From the highest threshold to the lowest, one for each different probability: how many rows of the class, and how many
    /// others, are at least so probable. The first is (0, 0).
    found: Vec<(u64, u64)>,
}

impl Ranking {
    /// Of each row its probability of the class, and whether it is of it.
    pub(super) fn new(mut rows: Vec<(f64, bool)>) -> Self {
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut found = vec![(0, 0)];
        let (mut own, mut others) = (0, 0);
        let mut rows = rows.into_iter().peekable();
        while let Some((probability, is_own)) = rows.next() {
            if is_own {
                own += 1;
            } else {
                others += 1;
            }
            if rows.peek().is_none_or(|(next, _)| *next < probability) {
                found.push((own, others));
            }
        }
        Self { found }
    }

    fn all(&self) -> (u64, u64) {
        self.found.last().copied().unwrap_or_default()
    }

    /// None without a row of the class, or without another one.
    pub(super) fn roc_auc(&self) -> Option<f64> {
        let (own, others) = self.all();
        if own == 0 || others == 0 {
            return None;
        }
        let area: f64 = self
            .found
            .windows(2)
            .map(|pair| {
                let width = (pair[1].1 - pair[0].1) as f64;
                width * (pair[0].0 + pair[1].0) as f64 / 2.0
            })
            .sum();
        Some(area / (own as f64 * others as f64))
    }

    /// Average precision: each threshold's precision, weighed by what it finds more than the one before. None without a row of
    /// the class.
    pub(super) fn pr_auc(&self) -> Option<f64> {
        let (own, _) = self.all();
        if own == 0 {
            return None;
        }
        let area: f64 = self
            .found
            .windows(2)
            .map(|pair| (pair[1].0 - pair[0].0) as f64 * precision(pair[1]))
            .sum();
        Some(area / own as f64)
    }

    pub(super) fn roc(&self) -> Vec<CurvePoint> {
        let (own, others) = self.all();
        if own == 0 || others == 0 {
            return Vec::new();
        }
        let points = self.found.iter().map(|found| CurvePoint {
            x: found.1 as f64 / others as f64,
            y: found.0 as f64 / own as f64,
        });
        thin(points.collect(), POINTS)
    }

    pub(super) fn precision_recall(&self) -> Vec<CurvePoint> {
        let (own, _) = self.all();
        if own == 0 {
            return Vec::new();
        }
        let points = self.found.iter().skip(1).map(|found| CurvePoint {
            x: found.0 as f64 / own as f64,
            y: precision(*found),
        });
        thin(points.collect(), POINTS)
    }
}

/// Something is found.
fn precision((own, others): (u64, u64)) -> f64 {
    own as f64 / (own + others) as f64
}

pub(super) fn curves(class: &str, rows: &[(f64, bool)]) -> ClassCurves {
    let ranking = Ranking::new(rows.to_vec());
    ClassCurves {
        class: class.to_owned(),
        roc: ranking.roc(),
        precision_recall: ranking.precision_recall(),
        calibration: calibration(rows),
    }
}

fn calibration(rows: &[(f64, bool)]) -> Vec<Calibration> {
    let mut bins = [(0.0, 0_u64, 0_u64); BINS];
    for &(probability, is_own) in rows {
        let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
        let (sum, own, count) = &mut bins[bin];
        *sum += probability;
        *own += u64::from(is_own);
        *count += 1;
    }
    bins.into_iter()
        .filter(|(.., count)| *count > 0)
        .map(|(sum, own, count)| Calibration {
            predicted: sum / count as f64,
            actual: own as f64 / count as f64,
            rows: count,
        })
        .collect()
}

/// At most `most` of the points, evenly spread from the first to the last.
pub(super) fn thin<T: Copy>(points: Vec<T>, most: usize) -> Vec<T> {
    if points.len() <= most {
        return points;
    }
    let last = (points.len() - 1) as f64;
    (0..most)
        .map(|index| points[(index as f64 / (most - 1) as f64 * last).round() as usize])
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn areas_as_by_hand() {
        let rows = vec![(0.9, true), (0.8, false), (0.7, true), (0.2, false)];
        let ranking = Ranking::new(rows);
        // Of the four pairs of a row of the class and another one, three stand in the right order.
        assert_eq!(ranking.roc_auc(), Some(0.75));
        assert_eq!(
            ranking.pr_auc(),
            Some(f64::midpoint(1.0, 2.0 / 3.0)),
            "found at 0.9 and at 0.7"
        );
        let tied = Ranking::new(vec![(0.5, true), (0.5, false)]);
        assert_eq!(tied.roc_auc(), Some(0.5));
        assert_eq!(Ranking::new(vec![(0.5, true)]).roc_auc(), None);
        assert_eq!(Ranking::new(vec![(0.5, false)]).pr_auc(), None);
    }

    proptest! {
        /// The area is the share of pairs in the right order, half of a tie.
        #[test]
        fn the_area_is_the_share_of_pairs(rows in proptest::collection::vec((0_u8..6, any::<bool>()), 2..60)) {
            let rows: Vec<(f64, bool)> = rows.into_iter().map(|(tenths, own)| (f64::from(tenths) / 10.0, own)).collect();
            let (mut pairs, mut right) = (0.0, 0.0);
            for own in rows.iter().filter(|row| row.1) {
                for other in rows.iter().filter(|row| !row.1) {
                    pairs += 1.0;
                    right += match own.0.total_cmp(&other.0) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            let ranking = Ranking::new(rows.clone());
            match ranking.roc_auc() {
                None => prop_assert!(pairs == 0.0),
                Some(area) => prop_assert!((area - right / pairs).abs() < 1e-12),
            }
            let roc = ranking.roc();
            prop_assert!(roc.windows(2).all(|pair| pair[0].x <= pair[1].x && pair[0].y <= pair[1].y));
            let counted: u64 = calibration(&rows).iter().map(|bin| bin.rows).sum();
            prop_assert_eq!(counted, rows.len() as u64);
        }
    }
}
