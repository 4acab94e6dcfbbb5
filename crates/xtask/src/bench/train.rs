//! `cargo xtask bench train`: how well and how fast Volary learns, beside others, from the same rows on the same machine.

mod prediction;
mod quality;
mod report;
mod runner;
mod speed;

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use super::{PROFILES, peers};
use crate::workspace::Workspace;
use crate::{setup, site};
use report::Report;
use runner::Runner;

const TABLES: [&str; 17] = [
    "california",
    "titanic",
    "diabetes",
    "breast_cancer",
    "wine",
    "digits",
    "iris",
    "friedman1",
    "friedman2",
    "friedman3",
    "few",
    "blobs",
    "moons",
    "rare",
    "categories",
    "skewed",
    "missing",
];
const LINEAR: &str = "linear";
const BOOSTING: &str = "boosting";
const PREDICTION: &str = "prediction";

/// All that can be measured.
fn names() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().chain([LINEAR, BOOSTING, PREDICTION])
}

#[derive(clap::Args)]
pub(super) struct Args {
    /// What to measure: the error on a table's held-out rows, the speed of an algorithm, or that of a prediction
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(names()), default_values_t = names().map(str::to_owned))]
    only: Vec<String>,
    /// How long `auto` may take with a table
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=3600))]
    seconds: u32,
    /// How often a speed is measured, in turn; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Also learn from ten times the rows, which takes 4 GB of disk and 6 GB of memory
    #[arg(long)]
    large: bool,
    /// Of the program: `dist`, or `release`, which is quicker to build
    #[arg(long, default_value = "dist", value_parser = PROFILES)]
    profile: String,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let postgres = setup::for_serving()?;
    site::build_server(workspace, &args.profile, &postgres)?;
    let environment = peers::environment(workspace, "train")?;
    let runner = Runner::new(workspace, &args.profile, &environment)?;
    let is_asked = |name: &str| args.only.iter().any(|asked| asked == name);

    let mut report = Report::default();
    let tables: Vec<&str> = TABLES.into_iter().filter(|name| is_asked(name)).collect();
    if !tables.is_empty() {
        quality::measure(&runner, &tables, args.seconds, &mut report)?;
    }
    if is_asked(LINEAR) {
        speed::linear(&runner, args.rounds, args.large, &mut report)?;
    }
    if is_asked(BOOSTING) {
        speed::boosting(&runner, args.rounds, &mut report)?;
    }
    if is_asked(PREDICTION) {
        let (profile, rounds) = (&args.profile, args.rounds);
        prediction::measure(&runner, workspace, profile, rounds, &mut report)?;
    }
    report.print();
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    Ok(())
}
