//! Categories in an order, so that trees can split them as they split numbers. perpetual's own splits of categories go astray:
//! in version 3.0.0-rc.2 they make trees thousands of splits deep that tell nothing apart.

use super::Aim;
use crate::features::Encoding;

/// Of a categorical feature, the rank of each category by the mean of the target: among all ways to cut the categories in two,
/// the best one cuts this order.
pub(super) struct Order {
    /// By the category's place. The last is that of any other category.
    ranks: Vec<f64>,
}

impl Order {
    /// Of each feature, over the training rows; none for a number.
    pub(super) fn of_all(aim: &Aim<'_>) -> Vec<Option<Self>> {
        let rows = aim.rows;
        let mean = aim.mean();
        rows.features
            .features
            .iter()
            .map(|feature| match &feature.encoding {
                Encoding::Numeric(_) => None,
                Encoding::Categorical(categorical) => {
                    let mut sums = vec![(0.0, 0_u32); categorical.categories.len() + 1];
                    for &row in rows.train {
                        let place = feature.code(row);
                        if !place.is_nan() {
                            let (sum, count) = &mut sums[place as usize];
                            *sum += aim.value(row) - mean;
                            *count += 1;
                        }
                    }
                    Some(Self::of(&sums))
                }
            })
            .collect()
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

    pub(super) fn rank(&self, place: f64) -> f64 {
        if place.is_nan() {
            f64::NAN
        } else {
            self.ranks[place as usize]
        }
    }

    /// The categories that stand before a threshold, and whether any other one does.
    pub(super) fn below(&self, threshold: f64) -> (Vec<u32>, bool) {
        let known = self.ranks.len() - 1;
        let before = |place: &u32| self.ranks[*place as usize] < threshold;
        let categories = (0..known as u32).filter(before).collect();
        (categories, before(&(known as u32)))
    }
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
}
