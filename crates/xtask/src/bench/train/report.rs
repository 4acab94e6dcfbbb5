//! Figures beside those of others, and what their ratio is to be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

/// Of every figure the less, the better.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) what: String,
    pub(super) ours: f64,
    /// By who they are.
    pub(super) others: BTreeMap<String, f64>,
    /// What our figure may be of the best other one.
    pub(super) at_most: Option<f64>,
}

#[derive(Default)]
pub(super) struct Report {
    comparisons: Vec<Comparison>,
    /// With the reason.
    not_measured: Vec<(String, String)>,
}

impl Comparison {
    /// Of our figure to the best of the others. Where that is 0, ours is as good or infinitely worse.
    fn ratio(&self) -> f64 {
        let best = self.others.values().copied().fold(f64::INFINITY, f64::min);
        if best <= 0.0 && self.ours <= 0.0 {
            1.0
        } else {
            self.ours / best
        }
    }

    fn is_met(&self) -> Option<bool> {
        self.at_most.map(|bound| self.ratio() <= bound)
    }

    fn line(&self) -> String {
        let others = self.others.iter();
        let others: Vec<String> = others
            .map(|(who, figure)| format!("{who} {}", shown(*figure)))
            .collect();
        let target = match (self.at_most, self.is_met()) {
            (Some(bound), Some(is_met)) => {
                format!("<= {bound}: {}", if is_met { "met" } else { "missed" })
            }
            _ => "no target".to_owned(),
        };
        format!(
            "| {:<44} | {:>9} | {:>6.3} | {target:<14} | {} |",
            self.what,
            shown(self.ours),
            self.ratio(),
            others.join(", ")
        )
    }
}

impl Report {
    pub(super) fn add(&mut self, comparison: Comparison) {
        println!("  {}", comparison.line());
        self.comparisons.push(comparison);
    }

    pub(super) fn not_measured(&mut self, what: &str, why: &str) {
        self.not_measured.push((what.to_owned(), why.to_owned()));
    }

    pub(super) fn print(&self) {
        println!("\nVolary, its ratio to the best of the others, and what that is to be");
        for comparison in &self.comparisons {
            println!("{}", comparison.line());
        }
        for (what, why) in &self.not_measured {
            println!("| {what:<44} | not measured: {why} |");
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let comparisons: Vec<_> = self
            .comparisons
            .iter()
            .map(|comparison| {
                json!({"compared": comparison, "ratio": comparison.ratio(), "met": comparison.is_met()})
            })
            .collect();
        let text = json!({
            "cores": thread::available_parallelism()?.get(),
            "comparisons": comparisons,
            "not_measured": self.not_measured,
        });
        fs::write(path, serde_json::to_string_pretty(&text)? + "\n")?;
        Ok(())
    }
}

/// With about four digits.
fn shown(figure: f64) -> String {
    match figure.abs() {
        1000.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(ours: f64, others: &[f64], at_most: Option<f64>) -> Comparison {
        let others = (0..).zip(others);
        Comparison {
            what: "it".to_owned(),
            ours,
            others: others
                .map(|(place, &figure): (u32, _)| (format!("other{place}"), figure))
                .collect(),
            at_most,
        }
    }

    #[test]
    fn the_best_of_the_others_counts() {
        let better = comparison(1.0, &[4.0, 2.0], Some(1.0));
        assert!((better.ratio() - 0.5).abs() < 1e-12);
        assert_eq!(better.is_met(), Some(true));
        assert!(better.line().contains("<= 1: met"));
        assert_eq!(comparison(3.0, &[2.0], Some(1.0)).is_met(), Some(false));
        assert_eq!(comparison(0.0, &[0.0], Some(1.0)).is_met(), Some(true));
        assert_eq!(comparison(0.1, &[0.0], Some(1.0)).is_met(), Some(false));
        assert_eq!(comparison(0.1, &[0.2], None).is_met(), None);
    }
}
