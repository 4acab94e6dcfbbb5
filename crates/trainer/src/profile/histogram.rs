use domain::datasets::HistogramBar;

/// Counts of numbers in equal bars over a range that is known before.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    min: f64,
    max: f64,
    counts: Vec<u64>,
}

impl Histogram {
    /// One bar when there is only one value.
    pub(crate) fn new(min: f64, max: f64, bars: usize) -> Self {
        Self {
            min,
            max,
            counts: vec![0; if min < max { bars.max(1) } else { 1 }],
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let bars = self.counts.len();
        // Halves, so that the width of the whole range of floats does not overflow.
        let share = (value / 2.0 - self.min / 2.0) / (self.max / 2.0 - self.min / 2.0);
        let bar = ((share * bars as f64) as usize).min(bars - 1);
        self.counts[bar] += 1;
    }

    pub(crate) fn bars(&self) -> Vec<HistogramBar> {
        let bars = self.counts.len() as f64;
        let edge = |index: usize| {
            let share = index as f64 / bars;
            if index == self.counts.len() {
                self.max
            } else {
                self.min * (1.0 - share) + self.max * share
            }
        };
        self.counts
            .iter()
            .enumerate()
            .map(|(index, &count)| HistogramBar {
                from: edge(index),
                to: edge(index + 1),
                count,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(values: &[f64], bars: usize) -> Vec<u64> {
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut histogram = Histogram::new(min, max, bars);
        for &value in values {
            histogram.add(value);
        }
        let bars = histogram.bars();
        assert_eq!((bars[0].from, bars[bars.len() - 1].to), (min, max));
        bars.iter().map(|bar| bar.count).collect()
    }

    #[test]
    fn the_last_bar_is_closed() {
        assert_eq!(counts(&[0.0, 1.0, 2.0, 3.0, 4.0], 4), [1, 1, 1, 2]);
    }

    #[test]
    fn one_value_has_one_bar() {
        assert_eq!(counts(&[5.0, 5.0], 20), [2]);
    }

    #[test]
    fn the_whole_range_of_floats_has_finite_bars() {
        assert_eq!(counts(&[f64::MIN, 0.0, f64::MAX], 2), [1, 2]);
        let bars = Histogram::new(f64::MIN, f64::MAX, 20).bars();
        assert!(
            bars.iter()
                .all(|bar| bar.from.is_finite() && bar.to.is_finite())
        );
    }
}
