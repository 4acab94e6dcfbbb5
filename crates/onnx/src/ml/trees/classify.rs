//! From the sums of trees to a class, as onnxruntime does it: what two classes make of one sum depends on its weights.

use super::grove::Scores;
use crate::ml::score::{Second, Transform};
use crate::tensor::Number;

#[derive(Debug)]
pub(super) struct Classes {
    pub(super) count: usize,
    pub(super) base: Vec<f64>,
    pub(super) transform: Transform,
    /// Two classes with weights for only one of them.
    pub(super) is_binary: bool,
    pub(super) all_positive: bool,
}

impl Classes {
    /// The place of each row's class, and the probabilities of all.
    pub(super) fn told<X: Number>(&self, scores: &mut Scores<X>) -> (Vec<usize>, Vec<f32>) {
        let mut chosen = Vec::with_capacity(scores.sums.len() / self.count);
        let mut probabilities = Vec::with_capacity(scores.sums.len());
        let rows = scores.sums.chunks_exact_mut(self.count);
        for (sums, has) in rows.zip(scores.has.chunks_exact_mut(self.count)) {
            if let ([first, second], [has_first, has_second]) = (&mut *sums, &mut *has) {
                let sums = [*first, *second];
                let (class, pair) = self.of_two(sums, [*has_first, *has_second]);
                chosen.push(class);
                probabilities.extend(pair);
            } else {
                chosen.push(self.of_many(sums, has));
                let start = probabilities.len();
                probabilities.extend(sums.iter().map(|sum| sum.to_f64() as f32));
                self.transform.apply(&mut probabilities[start..]);
            }
        }
        (chosen, probabilities)
    }

    fn base<X: Number>(&self, place: usize) -> X {
        self.base
            .get(place)
            .map_or(X::ZERO, |&base| X::from_f64(base))
    }

    fn of_many<X: Number>(&self, sums: &mut [X], has: &mut [bool]) -> usize {
        let mut best: Option<usize> = None;
        for place in 0..sums.len() {
            if place < self.base.len() {
                sums[place] = sums[place].plus(self.base(place));
                has[place] = true;
            }
            if has[place] && best.is_none_or(|best| sums[place] > sums[best]) {
                best = Some(place);
            }
        }
        best.unwrap_or(0)
    }

    fn of_two<X: Number>(&self, sums: [X; 2], has: [bool; 2]) -> (usize, [f32; 2]) {
        let [mut first, mut second] = sums;
        let [has_first, has_second] = has;
        let mut how = Second::None;
        let mut alone = !has_second;
        match self.base.len() {
            0 => how = Second::Opposite,
            1 if has_first => first = first.plus(self.base(0)),
            1 => {}
            _ if has_second => {
                second = first.plus(self.base(1));
                first = X::ZERO.minus(second);
            }
            _ => {
                first = first.plus(self.base(0));
                second = second.plus(self.base(1));
                alone = false;
            }
        }
        let decisive = if has_second {
            second
        } else if has_first {
            first
        } else {
            X::ZERO
        };
        let mut threshold = 0.0;
        if self.is_binary {
            how = Second::Opposite;
            if self.all_positive {
                how = Second::Rest;
                threshold = 0.5;
            }
        }
        let class = usize::from(decisive.to_f64() > threshold);
        let [first, second] = [first, second].map(|sum| sum.to_f64() as f32);
        if alone {
            return (class, self.transform.spread(first, how));
        }
        let mut pair = [first, second];
        self.transform.apply(&mut pair);
        (class, pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(base: &[f64], is_binary: bool, all_positive: bool) -> Classes {
        Classes {
            count: 2,
            base: base.to_vec(),
            transform: Transform::None,
            is_binary,
            all_positive,
        }
    }

    #[test]
    fn one_sum_of_shares_decides_at_a_half() {
        let classes = classes(&[], true, true);
        assert_eq!(
            classes.of_two([0.25_f32, 0.0], [true, false]),
            (0, [0.75, 0.25])
        );
        assert_eq!(
            classes.of_two([0.75_f32, 0.0], [true, false]),
            (1, [0.25, 0.75])
        );
    }

    #[test]
    fn one_sum_of_either_sign_decides_at_zero() {
        let mut classes = classes(&[0.5], true, false);
        assert_eq!(
            classes.of_two([0.25_f32, 0.0], [true, false]),
            (1, [-0.75, 0.75])
        );
        classes.transform = Transform::Logistic;
        let (class, [no, yes]) = classes.of_two([-2.5_f32, 0.0], [true, false]);
        assert_eq!(class, 0);
        assert!((yes - 0.119203).abs() < 1e-6 && (no - 0.880797).abs() < 1e-6);
    }

    #[test]
    fn two_sums_are_two_scores() {
        let classes = classes(&[], false, true);
        assert_eq!(
            classes.of_two([0.25_f32, 0.75], [true, true]),
            (1, [0.25, 0.75])
        );
    }

    #[test]
    fn of_many_the_first_of_the_greatest_is_chosen() {
        let classes = Classes {
            count: 3,
            ..classes(&[1.0, 2.0, 0.0], false, true)
        };
        let mut scores = Scores {
            sums: vec![2.0_f32, 1.0, -1.0, 0.0, 0.0, 4.0],
            has: vec![true, true, true, false, false, true],
        };
        assert_eq!(
            classes.told(&mut scores),
            (vec![0, 2], vec![3.0, 3.0, -1.0, 1.0, 2.0, 4.0])
        );
    }
}
