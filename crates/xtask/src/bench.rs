//! `cargo xtask bench`: how fast Volary is beside others, in one run on one machine. Only ratios mean something.

mod http;
mod paced;
mod peers;
mod report;
mod servers;
mod steady;
mod strain;
mod train;
mod volary;
mod wrk;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::progress::{heading, step};
use crate::setup::{self, apt};
use crate::workspace::Workspace;
use crate::{process, site};
use report::{Figure, Report};
use servers::{Contender, Running};
use volary::Secrets;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Count the instructions and allocations of one prediction, and fail when they are 5 % above those kept
    #[arg(long)]
    check: bool,
    /// Keep the figures instead of comparing them
    #[arg(long, requires = "check")]
    record: bool,
    /// Of the server: `dist`, or `release`, which is quicker to build
    #[arg(long, default_value = "dist", value_parser = PROFILES, requires = "check")]
    profile: String,
}

const PROFILES: [&str; 2] = ["release", "dist"];

#[derive(clap::Subcommand)]
enum Verb {
    /// Predictions a second, one row of eight numbers a request, beside what else there is
    Serve(ServeArgs),
    /// Errors on held-out rows, times and memory of training, beside scikit-learn, LightGBM and XGBoost
    Train(train::Args),
    /// Three times what the server can do, a thousand slow clients, and its memory over minutes
    Strain(strain::Args),
    /// Send requests at a fixed rate and print their latencies as JSON
    #[command(hide = true)]
    Paced(paced::Args),
}

#[derive(clap::Args)]
struct ServeArgs {
    /// How often everything is measured, in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// How long one measurement lasts
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Others to measure beside the two limits: fastapi, bentoml, litserve, mlserver, ray, triton or none
    #[arg(long, value_delimiter = ',', default_values_t = peers::NAMES.map(str::to_owned))]
    peers: Vec<String>,
    /// Of the server: `dist`, or `release`, which is quicker to build
    #[arg(long, default_value = "dist", value_parser = PROFILES)]
    profile: String,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    match &args.verb {
        Some(Verb::Serve(args)) => serve(workspace, args),
        Some(Verb::Train(args)) => train::run(workspace, args),
        Some(Verb::Strain(args)) => strain::run(workspace, args),
        Some(Verb::Paced(args)) => paced::run(args),
        None if args.check => {
            let postgres = setup::for_serving()?;
            site::build(workspace, &args.profile, &postgres)?;
            steady::check(workspace, &args.profile, args.record)
        }
        None => {
            bail!(
                "say what to measure: `cargo xtask bench serve`, `train`, `strain`, or `cargo xtask bench --check`"
            )
        }
    }
}

fn serve(workspace: &Workspace, args: &ServeArgs) -> Result<()> {
    let postgres = setup::for_serving()?;
    present("wrk", "wrk")?;
    site::build(workspace, &args.profile, &postgres)?;
    let limits = servers::limits(workspace)?;
    let peers = peers::prepare(workspace, &args.peers)?;

    let (volary, secrets) = volary::prepare(workspace, &args.profile)?;
    let time = Duration::from_secs(args.seconds);
    let mut report = Report::default();
    for round in 1..=args.rounds {
        heading("bench", format_args!("round {round} of {}", args.rounds));
        measure(
            workspace,
            &volary,
            &secrets,
            &limits,
            &peers,
            time,
            &mut report,
        )?;
    }
    report.print();
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    Ok(())
}

/// Installs the package that has `program`, where it is missing.
fn present(program: &str, package: &str) -> Result<()> {
    step("bench", package, |step| {
        if process::find(program).is_none() {
            if !apt::can_install() {
                bail!("no {package} found: install it");
            }
            step.note(format!("apt-get install {package}"));
            apt::install(&[package])?;
        }
        Ok("present")
    })?;
    Ok(())
}

fn measure(
    workspace: &Workspace,
    volary: &Contender,
    secrets: &Secrets,
    limits: &[Contender],
    peers: &[Contender],
    time: Duration,
    report: &mut Report,
) -> Result<()> {
    report.start_round();
    let requests = workspace.root.join("bench/requests");
    let load = |server: &Running, of: &Contender, secret: Option<&str>, rows: usize| {
        wrk::run(
            server,
            &requests.join(of.script),
            &of.url,
            secret,
            rows,
            time,
        )
    };
    let both = volary.start_on("0,1")?;
    let on_both = load(&both, volary, Some(&secrets.key), 1)?;
    drop(both);
    let own = volary.start()?;
    let by_key = load(&own, volary, Some(&secrets.key), 1)?;
    let by_token = load(&own, volary, Some(&secrets.token), 1)?;
    let batch = load(&own, volary, Some(&secrets.key), wrk::BATCH)?;
    let rate = by_key.rate / 2.0;
    let paced = paced::Args::new(&volary.url, rate, time);
    let paced = paced::measure(&paced, Some(&secrets.key))?;
    drop(own);
    report.add("volary", Figure::from(&by_key));
    report.add("volary, both cores", Figure::from(&on_both));
    report.add("volary, token", Figure::from(&by_token));
    report.add(
        "volary, batch",
        Figure::rows(batch.rate * wrk::BATCH as f64),
    );
    report.add("volary, paced", Figure::paced(&paced));

    for limit in limits {
        let running = limit.start()?;
        let loaded = load(&running, limit, None, 1)?;
        report.add(limit.name, Figure::from(&loaded));
        if limit.name == servers::AXUM {
            let paced = paced::Args::new(&limit.url, rate, time);
            let paced = paced::measure(&paced, None)?;
            report.add("limit-axum, paced", Figure::paced(&paced));
        }
        drop(running);
    }
    for peer in peers {
        // One that does not come up is no reason to lose what the others came to.
        let measured = peer
            .start()
            .and_then(|running| load(&running, peer, None, 1));
        match measured {
            Ok(loaded) => report.add(peer.name, Figure::from(&loaded)),
            Err(error) => println!("  {:<22} not measured: {error:#}", peer.name),
        }
    }
    if let Some(rows) = peers::batch(workspace, time)? {
        report.add("scikit-learn, batch", Figure::rows(rows));
    }
    Ok(())
}
