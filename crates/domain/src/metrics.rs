//! What is kept of the traffic: one-minute roll-ups whose latency histograms add up, so any range and any step is one sum.

use serde::{Deserialize, Serialize};

use crate::predictions::Route;
use crate::{Name, Timestamp};

/// Bars a doubling of the latency has; the quantiles are right to about 9 %.
const BARS_PER_DOUBLING: u32 = 8;
/// 1 µs to about 67 s.
pub const HISTOGRAM_BARS: usize = 26 * BARS_PER_DOUBLING as usize;

/// Latencies in exponential bars. Two histograms add by adding their bars.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyHistogram {
    /// `bars[i]` counts latencies up to `upper_micros(i)`; trailing zeros are left out.
    pub bars: Vec<u32>,
}

impl LatencyHistogram {
    /// The bar that a latency in microseconds falls into.
    #[must_use]
    pub fn bar(micros: u64) -> usize {
        let micros = micros.max(1);
        let doubling = micros.ilog2();
        // The next three bits below the leading one say which eighth of the doubling it is.
        let eighth = if doubling >= 3 {
            (micros >> (doubling - 3)) & 7
        } else {
            (micros << (3 - doubling)) & 7
        };
        let bar =
            doubling as usize * BARS_PER_DOUBLING as usize + usize::try_from(eighth).unwrap_or(0);
        bar.min(HISTOGRAM_BARS - 1)
    }

    /// The upper end of a bar, in microseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "bars are a few hundred")]
    pub fn upper_micros(bar: usize) -> f64 {
        let per = BARS_PER_DOUBLING as usize;
        let (doubling, eighth) = (bar / per, bar % per);
        2f64.powi(i32::try_from(doubling).unwrap_or(i32::MAX))
            * (1.0 + (eighth as f64 + 1.0) / f64::from(BARS_PER_DOUBLING))
    }

    pub fn record(&mut self, micros: u64) {
        let bar = Self::bar(micros);
        if self.bars.len() <= bar {
            self.bars.resize(bar + 1, 0);
        }
        self.bars[bar] = self.bars[bar].saturating_add(1);
    }

    pub fn merge(&mut self, other: &Self) {
        if self.bars.len() < other.bars.len() {
            self.bars.resize(other.bars.len(), 0);
        }
        for (mine, theirs) in self.bars.iter_mut().zip(&other.bars) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.bars.iter().map(|bar| u64::from(*bar)).sum()
    }

    /// The latency in milliseconds that a share `q` (0 to 1) of requests did not exceed; `None` without requests.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts stay far below 2^53"
    )]
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((count as f64 * q).ceil() as u64).clamp(1, count);
        let mut seen = 0_u64;
        for (bar, n) in self.bars.iter().enumerate() {
            seen += u64::from(*n);
            if seen >= rank {
                return Some(Self::upper_micros(bar) / 1000.0);
            }
        }
        None
    }
}

/// One version's traffic within one step of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricPoint {
    /// Start of the step.
    pub at: Timestamp,
    pub requests: u64,
    pub errors: u64,
    /// Milliseconds; null without requests.
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionSeries {
    pub version: i32,
    /// Over the whole range.
    pub requests: u64,
    pub errors: u64,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    /// Not measured yet by this release: always null.
    pub drift: Option<f64>,
    /// Steps without traffic are left out: gaps, not zeros.
    pub points: Vec<MetricPoint>,
}

/// Something that changed what is live, to mark on a chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Marker {
    pub at: Timestamp,
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentMetrics {
    pub deployment: Name,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Seconds.
    pub step: u32,
    pub versions: Vec<VersionSeries>,
    pub markers: Vec<Marker>,
}

/// One minute of one version's traffic over one route: what the recorder adds to the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollup {
    pub deployment: crate::ids::DeploymentId,
    pub version: i32,
    pub route: Route,
    /// Unix seconds, a whole minute.
    pub minute: i64,
    pub requests: u64,
    pub errors: u64,
    pub latency: LatencyHistogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_lies_within_its_bar() {
        for micros in [
            1_u64, 2, 3, 7, 8, 9, 100, 999, 1_000, 12_345, 1_000_000, 60_000_000,
        ] {
            let bar = LatencyHistogram::bar(micros);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let value = micros as f64;
            assert!(value <= LatencyHistogram::upper_micros(bar), "{micros}");
            assert!(
                bar == 0 || micros < 8 || value >= LatencyHistogram::upper_micros(bar - 1),
                "{micros}"
            );
        }
    }

    #[test]
    fn quantiles_of_merged_histograms_are_those_of_all_values() {
        let (mut a, mut b, mut all) = (
            LatencyHistogram::default(),
            LatencyHistogram::default(),
            LatencyHistogram::default(),
        );
        for micros in 1..=1000_u64 {
            if micros % 3 == 0 {
                a.record(micros);
            } else {
                b.record(micros);
            }
            all.record(micros);
        }
        a.merge(&b);
        assert_eq!(a, all);
        let p50 = all.quantile_ms(0.5).unwrap();
        assert!((0.5..=0.57).contains(&p50), "{p50}");
        assert_eq!(LatencyHistogram::default().quantile_ms(0.5), None);
    }
}
