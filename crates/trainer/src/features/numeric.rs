use crate::profile::Moments;

/// `(x - mean) / std`, with the median for a missing `x`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numeric {
    pub(crate) impute: f64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A spread below this share of the mean is what rounding leaves of none.
const CONSTANT: f64 = 1e-13;

impl Numeric {
    /// Or why the column is of no use.
    pub(super) fn fit(numbers: &[f64], train: &[u32]) -> Result<Self, String> {
        let mut present: Vec<f64> = train
            .iter()
            .map(|&row| numbers[row as usize])
            .filter(|x| !x.is_nan())
            .collect();
        if present.is_empty() {
            return Err("all missing: no training row has a value".to_owned());
        }
        let seen: Moments = present.iter().copied().collect();
        let impute = median(&mut present);
        let stand_in = |x: f64| if x.is_nan() { impute } else { x };
        let imputed: Moments = train
            .iter()
            .map(|&row| stand_in(numbers[row as usize]))
            .collect();
        let (mean, std) = (imputed.mean(), imputed.population_std());
        if !mean.is_finite() || !std.is_finite() {
            return Err("its values are too large to compute with".to_owned());
        }
        if std <= CONSTANT * mean.abs() {
            return Err(format!("constant: every training row has {}", seen.min()));
        }
        Ok(Self {
            impute,
            mean,
            std,
            min: seen.min(),
            max: seen.max(),
        })
    }

    /// Of the same numbers, `x - mean`.
    pub(super) fn centred(self) -> Self {
        Self { std: 1.0, ..self }
    }

    #[inline]
    pub(crate) fn encode(&self, x: f64) -> f64 {
        ((if x.is_nan() { self.impute } else { x }) - self.mean) / self.std
    }
}

/// Of values that are all numbers; changes their order. The middle of the two middle ones when they are even.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        lower / 2.0 + upper / 2.0
    } else {
        upper
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_of_odd_and_even_counts() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-15);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-15);
        assert!((median(&mut [7.0]) - 7.0).abs() < 1e-15);
    }

    #[test]
    fn useless_columns_say_why() {
        let train = [0, 1, 2];
        assert!(
            Numeric::fit(&[f64::NAN; 3], &train)
                .unwrap_err()
                .starts_with("all missing")
        );
        assert!(
            Numeric::fit(&[0.1; 3], &train)
                .unwrap_err()
                .starts_with("constant")
        );
        assert!(
            Numeric::fit(&[1e308, -1e308, 0.0], &train)
                .unwrap_err()
                .contains("too large")
        );
        // What is in other rows is not looked at.
        assert!(
            Numeric::fit(&[5.0, 5.0, 5.0, 9.0], &train)
                .unwrap_err()
                .starts_with("constant")
        );
    }

    proptest! {
        #[test]
        fn training_rows_come_out_standardised(
            mut numbers in proptest::collection::vec(prop_oneof![9 => -1e6..1e6f64, 1 => Just(f64::NAN)], 3..200),
        ) {
            numbers.extend([1.0, 2.0]);
            let train: Vec<u32> = (0..numbers.len() as u32).collect();
            let numeric = Numeric::fit(&numbers, &train).unwrap();
            let encoded: Vec<f64> = numbers.iter().map(|&x| numeric.encode(x)).collect();
            let count = encoded.len() as f64;
            let mean = encoded.iter().sum::<f64>() / count;
            let variance = encoded.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            prop_assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9, "{} {}", mean, variance);
        }
    }
}
