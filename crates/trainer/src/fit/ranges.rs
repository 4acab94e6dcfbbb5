//! Numbers cut into ranges, by their order alone.

/// Of ascending values, what parts them into ranges: a cut between each two that differ, or where that would be more ranges than
/// `most`, so that each has about as many values. A value is in the range behind the cuts that are not above it.
pub(super) fn cuts(sorted: &[f64], most: usize) -> Vec<f64> {
    let count = sorted.len();
    let steps = || (1..count).filter(|&place| sorted[place - 1] < sorted[place]);
    let places: Vec<usize> = if steps().nth(most - 1).is_none() {
        steps().collect()
    } else {
        let mut places: Vec<usize> = (1..most)
            .map(|range| {
                let value = sorted[range * count / most];
                sorted.partition_point(|other| *other < value)
            })
            .filter(|&place| place > 0)
            .collect();
        places.dedup();
        places
    };
    places
        .into_iter()
        .map(|place| between(sorted[place - 1], sorted[place]))
        .collect()
}

/// The place of the range that a value is in.
pub(super) fn place(cuts: &[f64], value: f64) -> usize {
    cuts.partition_point(|cut| *cut <= value)
}

/// Above `low`, and at most `high`.
fn between(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle > low && middle <= high {
        middle
    } else {
        high
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_lies_between_two_values() {
        assert!((between(1.0, 2.0) - 1.5).abs() < 1e-15);
        let next = 1.0_f64.next_up();
        assert!((between(1.0, next) - next).abs() < 1e-300);
        assert!(between(-f64::MAX, f64::MAX).abs() < 1e-300);
    }

    proptest! {
        #[test]
        fn every_value_is_in_a_range_and_ranges_ascend(
            mut values in proptest::collection::vec(prop_oneof![-9..9i32, any::<i32>()], 1..2_000),
            most in 2..256_usize,
        ) {
            values.sort_unstable();
            let places = |bend: fn(f64) -> f64| {
                let numbers: Vec<f64> = values.iter().map(|value| bend(f64::from(*value))).collect();
                let cuts = cuts(&numbers, most);
                assert!(cuts.len() < most && cuts.is_sorted_by(|a, b| a < b));
                let places: Vec<usize> = numbers.iter().map(|value| place(&cuts, *value)).collect();
                assert!(places.is_sorted() && places[0] == 0);
                let mut used = places.clone();
                used.dedup();
                assert_eq!(used.len(), cuts.len() + 1, "no range is empty");
                places
            };
            let mut distinct = values.clone();
            distinct.dedup();
            let straight = places(|value| value);
            if distinct.len() <= most {
                prop_assert_eq!(straight.last().unwrap() + 1, distinct.len());
            }
            // Where values of the same order are others, the ranges are the same.
            prop_assert_eq!(straight, places(|value| value.cbrt() * 3.0 - 7.0));
        }
    }
}
