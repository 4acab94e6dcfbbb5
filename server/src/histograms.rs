//! Histograms of what the recorder has counted already, for `GET /metrics`. The exporter that renders everything else keeps each
//! value by itself until somebody asks, and a busy server would give it a hundred thousand a second. Here is a sum for each bucket.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};

/// A histogram's name, and the upper ends of its buckets in their order.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub bounds: &'static [f64],
}

/// A label's name and value.
pub type Label = (&'static str, String);

/// All of a process, by name and then by labels.
#[derive(Debug, Default)]
pub struct Histograms(Mutex<BTreeMap<&'static str, Family>>);

#[derive(Debug)]
struct Family {
    bounds: &'static [f64],
    series: BTreeMap<Vec<Label>, Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    /// Of each bucket, without those below it.
    counts: Vec<u64>,
    /// Values in all, those above the last bound included.
    count: u64,
    sum: f64,
}

impl Histograms {
    /// Adds values, each with how often it came.
    pub fn add(
        &self,
        metric: Metric,
        labels: &[Label],
        values: impl IntoIterator<Item = (f64, u64)>,
    ) {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(metric.name).or_insert_with(|| Family {
            bounds: metric.bounds,
            series: BTreeMap::new(),
        });
        let sums = family
            .series
            .entry(labels.to_vec())
            .or_insert_with(|| Sums {
                counts: vec![0; metric.bounds.len()],
                ..Sums::default()
            });
        for (value, times) in values {
            let bucket = metric.bounds.partition_point(|bound| *bound < value);
            if let Some(count) = sums.counts.get_mut(bucket) {
                *count += times;
            }
            sums.count += times;
            sums.sum += value * times as f64;
        }
    }
}

/// As Prometheus reads them.
impl fmt::Display for Histograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, family) in &*families {
            writeln!(f, "# TYPE {name} histogram")?;
            for (labels, sums) in &family.series {
                let labels = written(labels)?;
                let comma = if labels.is_empty() { "" } else { "," };
                let mut below = 0;
                for (bound, count) in family.bounds.iter().zip(&sums.counts) {
                    below += count;
                    writeln!(f, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}")?;
                }
                let Sums { count, sum, .. } = sums;
                writeln!(f, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}")?;
                writeln!(f, "{name}_sum{{{labels}}} {sum}")?;
                writeln!(f, "{name}_count{{{labels}}} {count}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn written(labels: &[Label]) -> Result<String, fmt::Error> {
    let mut out = String::new();
    for (name, value) in labels {
        let comma = if out.is_empty() { "" } else { "," };
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        write!(out, "{comma}{name}=\"{value}\"")?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRIC: Metric = Metric {
        name: "took_seconds",
        bounds: &[0.001, 0.5],
    };

    #[test]
    fn values_are_counted_in_every_bucket_that_they_are_not_above() {
        let histograms = Histograms::default();
        let labels = [
            ("project", "default".to_owned()),
            ("model", "a \"b\" \\ \n c".to_owned()),
        ];
        histograms.add(METRIC, &labels, [(0.001, 3), (0.25, 2)]);
        histograms.add(METRIC, &labels, [(7.0, 1)]);
        histograms.add(METRIC, &[], [(0.5, 1)]);
        assert_eq!(
            histograms.to_string(),
            r#"# TYPE took_seconds histogram
took_seconds_bucket{le="0.001"} 0
took_seconds_bucket{le="0.5"} 1
took_seconds_bucket{le="+Inf"} 1
took_seconds_sum{} 0.5
took_seconds_count{} 1
took_seconds_bucket{project="default",model="a \"b\" \\ \n c",le="0.001"} 3
took_seconds_bucket{project="default",model="a \"b\" \\ \n c",le="0.5"} 5
took_seconds_bucket{project="default",model="a \"b\" \\ \n c",le="+Inf"} 6
took_seconds_sum{project="default",model="a \"b\" \\ \n c"} 7.503
took_seconds_count{project="default",model="a \"b\" \\ \n c"} 6

"#
        );
    }
}
