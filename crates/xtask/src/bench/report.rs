//! Figures, and the ratios between those of the same round.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use anyhow::Result;
use serde::Serialize;

use super::paced::Paced;
use super::wrk::Loaded;

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figure {
    /// Requests, or rows, a second.
    rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_micros: Option<u64>,
    /// Of the server's own process, for each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_micros: Option<f64>,
}

impl From<&Loaded> for Figure {
    fn from(loaded: &Loaded) -> Self {
        Self {
            rate: loaded.rate,
            p99_micros: u64::try_from(loaded.p99.as_micros()).ok(),
            cpu_micros: Some(loaded.cpu.as_secs_f64() * 1e6),
        }
    }
}

impl Figure {
    pub(super) fn rows(rate: f64) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    pub(super) fn paced(paced: &Paced) -> Self {
        Self {
            rate: paced.rate,
            p99_micros: Some(paced.p99_micros),
            cpu_micros: None,
        }
    }
}

#[derive(Default, Serialize)]
pub(super) struct Report {
    /// By what was measured.
    rounds: Vec<BTreeMap<String, Figure>>,
}

/// A ratio that we want to reach.
struct Target {
    name: &'static str,
    of: &'static str,
    to: &'static str,
    bound: Bound,
}

enum Bound {
    AtLeast(f64),
    /// Of the latencies.
    AtMost(f64),
}

/// The fastest of these counts.
const OTHERS: [&str; 5] = ["bentoml", "litserve", "mlserver", "ray", "triton"];
const FASTEST: &str = "fastest of the others";

const TARGETS: [Target; 7] = [
    Target {
        name: "requests/s beside axum alone",
        of: "volary",
        to: "limit-axum",
        bound: Bound::AtLeast(1.0),
    },
    Target {
        name: "requests/s beside hyper alone",
        of: "volary",
        to: "limit-hyper",
        bound: Bound::AtLeast(0.65),
    },
    Target {
        name: "requests/s beside FastAPI and scikit-learn",
        of: "volary",
        to: "fastapi",
        bound: Bound::AtLeast(30.0),
    },
    Target {
        name: "requests/s beside the fastest other",
        of: "volary",
        to: FASTEST,
        bound: Bound::AtLeast(6.0),
    },
    Target {
        name: "p99 at half of its peak beside axum alone at that rate",
        of: "volary, paced",
        to: "limit-axum, paced",
        bound: Bound::AtMost(1.3),
    },
    Target {
        name: "rows/s in batches of 1,000 beside scikit-learn",
        of: "volary, batch",
        to: "scikit-learn, batch",
        bound: Bound::AtLeast(3.0),
    },
    Target {
        name: "requests/s with a token beside a key",
        of: "volary, token",
        to: "volary",
        bound: Bound::AtLeast(0.9),
    },
];

impl Report {
    pub(super) fn start_round(&mut self) {
        self.rounds.push(BTreeMap::new());
    }

    pub(super) fn add(&mut self, name: &str, figure: Figure) {
        let latency = figure
            .p99_micros
            .map_or_else(String::new, |micros| format!(", p99 {micros} us"));
        let cpu = figure
            .cpu_micros
            .map_or_else(String::new, |micros| format!(", {micros:.1} us of CPU"));
        println!("  {name:<22} {:>12.0}/s{latency}{cpu}", figure.rate);
        if let Some(round) = self.rounds.last_mut() {
            round.insert(name.to_owned(), figure);
        }
    }

    pub(super) fn print(&self) {
        println!(
            "\nMedians of {} rounds: rate, p99, CPU of the server's process a request",
            self.rounds.len()
        );
        for name in self.names() {
            let rates = self
                .rounds
                .iter()
                .filter_map(|round| Some(round.get(name)?.rate));
            let latencies = self
                .rounds
                .iter()
                .filter_map(|round| Some(round.get(name)?.p99_micros? as f64));
            let latency =
                median(latencies).map_or_else(String::new, |p99| format!("{p99:>9.0} us"));
            let cpu = self
                .rounds
                .iter()
                .filter_map(|round| round.get(name)?.cpu_micros);
            let cpu = median(cpu).map_or_else(String::new, |cpu| format!("{cpu:.1} us"));
            let rate = median(rates).unwrap_or_default();
            println!("| {name:<22} | {rate:>12.0}/s | {latency:>12} | {cpu:>10} |");
        }
        println!("\nRatios, median of the rounds' own");
        for target in &TARGETS {
            let ratios = self.ratios(target);
            let Some(ratio) = median(ratios.iter().copied()) else {
                println!("| {:<55} | not measured |", target.name);
                continue;
            };
            let (sign, bound, is_met) = match target.bound {
                Bound::AtLeast(bound) => (">=", bound, ratio >= bound),
                Bound::AtMost(bound) => ("<=", bound, ratio <= bound),
            };
            let met = if is_met { "met" } else { "missed" };
            println!(
                "| {:<55} | {ratio:>6.2} | {sign} {bound:<5} | {met:<6} | {ratios:.2?}",
                target.name
            );
        }
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.rounds.first().into_iter().flat_map(BTreeMap::keys)
    }

    fn ratios(&self, target: &Target) -> Vec<f64> {
        let ratio = |round: &BTreeMap<String, Figure>| {
            let of = round.get(target.of)?;
            let to = if target.to == FASTEST {
                OTHERS
                    .iter()
                    .filter_map(|name| round.get(*name))
                    .max_by(|a, b| a.rate.total_cmp(&b.rate))?
            } else {
                round.get(target.to)?
            };
            match target.bound {
                Bound::AtLeast(_) => Some(of.rate / to.rate),
                Bound::AtMost(_) => Some(of.p99_micros? as f64 / to.p99_micros? as f64),
            }
        };
        self.rounds.iter().filter_map(ratio).collect()
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let ratios: BTreeMap<_, _> = TARGETS
            .iter()
            .map(|target| (target.name, self.ratios(target)))
            .collect();
        let cores = thread::available_parallelism()?.get();
        let text = serde_json::json!({"cores": cores, "rounds": self.rounds, "ratios": ratios});
        fs::write(path, serde_json::to_string_pretty(&text)?)?;
        Ok(())
    }
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1].midpoint(values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_counts() {
        assert_eq!(median([3.0, 1.0, 20.0].into_iter()), Some(3.0));
        assert_eq!(median([3.0, 1.0].into_iter()), Some(2.0));
        assert_eq!(median([].into_iter()), None);
    }
}
