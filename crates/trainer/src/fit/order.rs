//! Categories in an order, so that trees can split them as they split numbers. perpetual's own splits of categories go astray:
//! in version 3.0.0-rc.2 they make trees thousands of splits deep that tell nothing apart.

use super::Rows;
use crate::features::{Categorical, Encoding, Feature};

/// Of a categorical feature, the rank of each category by the mean of the target: among all ways to cut the categories in two,
/// the best one cuts this order.
pub(super) struct Order {
    /// By the category's place. The last is that of any other category.
    ranks: Vec<f64>,
}

/// Rounds after which an axis of class shares stands still, or two are about as long.
const ROUNDS: usize = 32;

impl Order {
    /// Of each feature, over the training rows, by the mean of `value`; none for a number. `mean` is that over all rows.
    pub(super) fn of_all(
        rows: &Rows<'_>,
        value: impl Fn(u32) -> f64,
        mean: f64,
    ) -> Vec<Option<Self>> {
        of_each(rows, |feature, categorical| {
            let mut sums = vec![(0.0, 0_u32); categorical.categories.len() + 1];
            for &row in rows.train {
                let place = feature.code(row);
                if !place.is_nan() {
                    let (sum, count) = &mut sums[place as usize];
                    *sum += value(row) - mean;
                    *count += 1;
                }
            }
            Self::of(&sums)
        })
    }

    /// Of each feature, by what the classes of each category's rows are; none for a number. Of several classes no order is the
    /// best for all: this one goes along the axis on which the categories' shares of the classes differ most (Coppersmith, Hong
    /// and Hosking, 1999).
    pub(super) fn of_classes(rows: &Rows<'_>, classes: usize) -> Vec<Option<Self>> {
        of_each(rows, |feature, categorical| {
            let mut counts = vec![vec![0.0; classes]; categorical.categories.len() + 1];
            for &row in rows.train {
                let place = feature.code(row);
                if !place.is_nan() {
                    counts[place as usize][rows.target[row as usize] as usize] += 1.0;
                }
            }
            Self::of(&along(&counts, &axis(&counts)))
        })
    }

    /// `sums` has what the target of each category's rows lies above the mean, and how many rows these are.
    fn of(sums: &[(f64, u32)]) -> Self {
        let mean = |&(sum, count): &(f64, u32)| {
            if count == 0 {
                0.0
            } else {
                sum / f64::from(count)
            }
        };
        let mut places: Vec<usize> = (0..sums.len()).collect();
        places.sort_by(|&a, &b| mean(&sums[a]).total_cmp(&mean(&sums[b])));
        let mut ranks = vec![0.0; sums.len()];
        for (rank, place) in places.into_iter().enumerate() {
            ranks[place] = rank as f64;
        }
        Self { ranks }
    }

    /// How many ranks there are.
    pub(super) fn len(&self) -> usize {
        self.ranks.len()
    }

    pub(super) fn rank(&self, place: f64) -> f64 {
        if place.is_nan() {
            f64::NAN
        } else {
            self.ranks[place as usize]
        }
    }

    /// The categories that stand before a threshold, and whether any other one does.
    pub(super) fn below(&self, threshold: f64) -> (Vec<u32>, bool) {
        self.among(|rank| rank < threshold)
    }

    /// The categories of such ranks, and whether any other one has one.
    pub(super) fn among(&self, is_in: impl Fn(f64) -> bool) -> (Vec<u32>, bool) {
        let known = self.ranks.len() - 1;
        let of = |place: &u32| is_in(self.ranks[*place as usize]);
        let categories = (0..known as u32).filter(of).collect();
        (categories, of(&(known as u32)))
    }
}

fn of_each(
    rows: &Rows<'_>,
    order: impl Fn(&Feature<'_>, &Categorical) -> Order,
) -> Vec<Option<Order>> {
    let features = rows.features.features.iter();
    let orders = features.map(|feature| match &feature.encoding {
        Encoding::Numeric(_) => None,
        Encoding::Categorical(categorical) => Some(order(feature, categorical)),
    });
    orders.collect()
}

/// The direction in which the categories' shares of the classes differ most, each category weighed by its rows. `counts` has
/// each category's rows of each class.
fn axis(counts: &[Vec<f64>]) -> Vec<f64> {
    let classes = counts.first().map_or(0, Vec::len);
    if classes == 2 {
        return vec![0.0, 1.0];
    }
    let rows = |of: &[f64]| of.iter().sum::<f64>();
    let all: f64 = counts.iter().map(|of| rows(of)).sum();
    let mean = |class: usize| counts.iter().map(|of| of[class]).sum::<f64>() / all.max(1.0);
    let means: Vec<f64> = (0..classes).map(mean).collect();
    let seen = counts.iter().filter(|of| rows(of) > 0.0);
    // Of each category, its rows and how far its shares are from those of all rows.
    let apart: Vec<(f64, Vec<f64>)> = seen
        .map(|of| {
            let count = rows(of);
            let shares = of.iter().zip(&means);
            (
                count,
                shares.map(|(own, mean)| own / count - mean).collect(),
            )
        })
        .collect();
    let length = |of: &[f64]| of.iter().map(|part| part * part).sum::<f64>().sqrt();
    let farthest = apart
        .iter()
        .max_by(|a, b| (a.0 * length(&a.1)).total_cmp(&(b.0 * length(&b.1))));
    let mut axis = farthest.map_or_else(|| vec![0.0; classes], |(_, apart)| apart.clone());
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; classes];
        for (count, apart) in &apart {
            let along: f64 = apart.iter().zip(&axis).map(|(a, b)| a * b).sum();
            for (sum, part) in next.iter_mut().zip(apart) {
                *sum += count * along * part;
            }
        }
        let size = length(&next);
        if size <= f64::MIN_POSITIVE {
            break;
        }
        axis = next.into_iter().map(|part| part / size).collect();
    }
    axis
}

/// How far the classes of each category's rows lie along the axis beyond those of all rows, summed up, and how many rows there are.
fn along(counts: &[Vec<f64>], axis: &[f64]) -> Vec<(f64, u32)> {
    let sum = |of: &Vec<f64>| {
        of.iter()
            .zip(axis)
            .map(|(count, at)| count * at)
            .sum::<f64>()
    };
    let rows = |of: &Vec<f64>| of.iter().sum::<f64>();
    let all: f64 = counts.iter().map(rows).sum();
    let mean = counts.iter().map(sum).sum::<f64>() / all.max(1.0);
    counts
        .iter()
        .map(|of| (sum(of) - mean * rows(of), rows(of) as u32))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_stand_by_their_mean_and_unknown_ones_in_the_middle() {
        let order = Order::of(&[(30.0, 3), (-8.0, 2), (2.0, 2), (0.0, 0)]);
        assert_eq!(
            [0.0, 1.0, 2.0, 3.0].map(|place| order.rank(place) as u32),
            [3, 0, 2, 1]
        );
        assert!(order.rank(f64::NAN).is_nan());
        assert_eq!(order.below(0.5), (vec![1], false));
        assert_eq!(order.below(2.0), (vec![1], true));
        assert_eq!(order.below(9.0), (vec![0, 1, 2], true));
    }
    #[test]
    fn of_several_classes_categories_stand_along_the_axis_that_tells_them_apart() {
        // Of a mixture of the first and the last class, in steps; the middle one has the same share everywhere.
        let counts: Vec<Vec<f64>> = [3.0, 0.0, 4.0, 1.0, 2.0]
            .map(|step| vec![4.0 - step, 5.0, step])
            .to_vec();
        let order = Order::of(&along(&counts, &axis(&counts)));
        let ranks = [0.0, 1.0, 2.0, 3.0, 4.0].map(|place| order.rank(place) as u32);
        assert!(
            ranks == [3, 0, 4, 1, 2] || ranks == [1, 4, 0, 3, 2],
            "{ranks:?}"
        );
        // Of two classes the axis is the second one's share.
        let counts = [vec![1.0, 3.0], vec![9.0, 1.0], vec![2.0, 2.0]];
        let order = Order::of(&along(&counts, &axis(&counts)));
        assert_eq!(
            [0.0, 1.0, 2.0].map(|place| order.rank(place) as u32),
            [2, 0, 1]
        );
        // Where nothing is told apart, any order will do.
        let same = [vec![2.0, 2.0, 2.0], vec![1.0, 1.0, 1.0], vec![0.0; 3]];
        assert_eq!(Order::of(&along(&same, &axis(&same))).len(), 3);
    }
}
