/// Count, range, mean and spread of numbers, in one pass and without the loss of digits that sums of squares suffer
/// (Welford's method).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Moments {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        if self.count == 0 {
            self.min = value;
            self.max = value;
        } else if value < self.min {
            self.min = value;
        } else if value > self.max {
            self.max = value;
        }
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    pub(crate) fn count(self) -> u64 {
        self.count
    }

    pub(crate) fn min(self) -> f64 {
        self.min
    }

    pub(crate) fn max(self) -> f64 {
        self.max
    }

    pub(crate) fn mean(self) -> f64 {
        self.mean
    }

    /// Of the sample: divided by one less than the count. None for fewer than two values, and when the values are so
    /// large that it overflows.
    pub(crate) fn std(self) -> Option<f64> {
        let variance = (self.count > 1).then(|| self.squares / (self.count - 1) as f64)?;
        variance.is_finite().then(|| variance.max(0.0).sqrt())
    }

    /// Divided by the count, as standardising does. Infinite when the values are so large that it overflows.
    pub(crate) fn population_std(self) -> f64 {
        (self.squares / self.count.max(1) as f64).max(0.0).sqrt()
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        for value in values {
            moments.add(value);
        }
        moments
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_two_passes_would_have_it(values in proptest::collection::vec(-1e6..1e6f64, 2..200), offset in -1e9..1e9f64) {
            let values: Vec<f64> = values.into_iter().map(|value| value + offset).collect();
            let moments: Moments = values.iter().copied().collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            prop_assert!((moments.mean() - mean).abs() <= 1e-12 * mean.abs().max(1e6));
            prop_assert!((moments.std().unwrap() - variance.sqrt()).abs() <= 1e-6 * variance.sqrt().max(1e-3));
            prop_assert!(values.iter().all(|&value| (moments.min()..=moments.max()).contains(&value)));
            prop_assert!(values.contains(&moments.min()) && values.contains(&moments.max()));
        }
    }
}
