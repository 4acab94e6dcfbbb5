//! What one prediction costs, counted by callgrind: instructions and allocations, which do not depend on how busy the
//! machine is. Kept figures stand in `bench/steady.json`, by profile.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::http::{Connection, request};
use super::paced::body;
use super::present;
use super::servers::{Contender, log};
use super::volary;
use crate::process;
use crate::progress::heading;
use crate::workspace::Workspace;

const REQUESTS: u32 = 4000;
/// Caches, tables and branch histories are as they stay.
const WARM_UP: u32 = 400;
/// How long nothing is asked, to see what runs anyway.
const IDLE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(1);
/// Of the kept figure; what is above is a regression.
const LARGEST_RATIO: f64 = 1.05;

/// What Rust's allocator calls of mimalloc.
const ALLOCATIONS: [&str; 3] = [
    "mi_malloc_aligned",
    "mi_zalloc_aligned",
    "mi_realloc_aligned",
];

/// Of one request with one row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cost {
    instructions: f64,
    allocations: f64,
}

pub(super) fn check(workspace: &Workspace, profile: &str, record: bool) -> Result<()> {
    present("callgrind_control", "valgrind")?;
    let counted = log(workspace, "callgrind.out")?;
    let cost = measure(workspace, profile, &counted)?;
    println!(
        "  a prediction: {:.0} instructions, {:.2} allocations; `callgrind_annotate {}` says where",
        cost.instructions,
        cost.allocations,
        counted.display()
    );
    let path = workspace.root.join("bench/steady.json");
    let mut kept = read(&path)?;
    if record {
        kept.insert(profile.to_owned(), cost);
        let text = serde_json::to_string_pretty(&kept)? + "\n";
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(());
    }
    let Some(before) = kept.get(profile) else {
        bail!(
            "no figures are kept for the profile {profile}: run `cargo xtask bench --check --record`"
        );
    };
    compare("instructions", cost.instructions, before.instructions)?;
    compare("allocations", cost.allocations, before.allocations)
}

fn read(path: &Path) -> Result<BTreeMap<String, Cost>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no table of costs", path.display()))
}

fn compare(what: &str, now: f64, before: f64) -> Result<()> {
    let ratio = now / before;
    println!("  {what}: {ratio:.3} of the kept {before:.2}");
    ensure!(
        ratio <= LARGEST_RATIO,
        "a prediction takes {:.1} % more {what} than the kept figure: find out why, or keep the new one with --record",
        (ratio - 1.0) * 100.0
    );
    Ok(())
}

fn measure(workspace: &Workspace, profile: &str, counted: &Path) -> Result<Cost> {
    let (volary, secrets) = volary::prepare(workspace, profile)?;
    heading("bench", "the server under callgrind");
    let watched = under_callgrind(volary, counted);
    let running = watched.start()?;
    let request = request(
        "POST",
        &watched.url,
        "application/json",
        Some(&secrets.key),
        body(1).as_bytes(),
    )?;
    let mut connection = Connection::open(&watched.url)?;
    let mut send = |times| {
        (0..times).try_for_each(|_| match connection.send(&request)? {
            200 => Ok(()),
            status => bail!("a prediction was answered {status}"),
        })
    };
    send(WARM_UP)?;
    control(running.id(), &["-i", "on"])?;
    send(WARM_UP)?;
    let dump = |number: u32| {
        control(running.id(), &["-d"])?;
        counts(&PathBuf::from(format!("{}.{number}", counted.display())))
    };
    dump(1)?;
    // What runs every second, whether requests come or not, is no part of a prediction.
    thread::sleep(IDLE);
    let idle = dump(2)?;
    let started = Instant::now();
    send(REQUESTS)?;
    let share = started.elapsed().as_secs_f64() / IDLE.as_secs_f64();
    let busy = dump(3)?;
    drop(running);
    fs::rename(format!("{}.3", counted.display()), counted)?;
    let each = |busy: u64, idle: u64| (busy as f64 - idle as f64 * share) / f64::from(REQUESTS);
    Ok(Cost {
        instructions: each(busy.instructions, idle.instructions),
        allocations: each(busy.allocations, idle.allocations),
    })
}

fn under_callgrind(volary: Contender, counted: &Path) -> Contender {
    let mut args = vec![
        "--tool=callgrind".to_owned(),
        "--instr-atstart=no".to_owned(),
        "--fair-sched=yes".to_owned(),
        format!("--callgrind-out-file={}", counted.display()),
        volary.program.display().to_string(),
    ];
    args.extend(volary.args);
    Contender {
        program: PathBuf::from("valgrind"),
        args,
        ..volary
    }
}

fn control(process: u32, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("callgrind_control");
    command.args(arguments).arg(process.to_string());
    process::capture(&mut command, PATIENCE).map(drop)
}

struct Counts {
    instructions: u64,
    allocations: u64,
}

fn counts(path: &Path) -> Result<Counts> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("callgrind wrote no {}", path.display()))?;
    parse(&text)
}

/// In callgrind's format a function's name stands where it is first used, and its number afterwards.
fn parse(text: &str) -> Result<Counts> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut called = "";
    let mut allocations = 0_u64;
    let mut instructions = None;
    for line in text.lines() {
        if let Some(rest) = line
            .strip_prefix("fn=")
            .or_else(|| line.strip_prefix("cfn="))
        {
            let (number, name) = rest.split_once(' ').unwrap_or((rest, ""));
            if !name.is_empty() {
                names.insert(number, name);
            }
            if line.starts_with('c') {
                called = names.get(number).copied().unwrap_or_default();
            }
        } else if let Some(rest) = line.strip_prefix("calls=") {
            if ALLOCATIONS.contains(&called) {
                let count = rest.split(' ').next().unwrap_or_default();
                allocations += count.parse::<u64>()?;
            }
        } else if let Some(rest) = line.strip_prefix("totals:") {
            instructions = Some(rest.trim().parse::<u64>()?);
        }
    }
    ensure!(
        names.values().any(|name| ALLOCATIONS.contains(name)),
        "callgrind saw no allocation: are the allocator's symbols stripped?"
    );
    Ok(Counts {
        instructions: instructions.context("callgrind's file has no totals")?,
        allocations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_and_allocations_are_counted_over_all_callers() {
        let text = "fn=(1) main\n10 5\ncfn=(2) mi_malloc_aligned\ncalls=6000 1\n10 70\nfn=(3) other\ncfn=(4) free\ncalls=9 1\n1 1\n\
                    cfn=(2)\ncalls=2000 1\n10 70\ntotals: 40000000\n";
        let counts = parse(text).unwrap();
        assert_eq!(
            (counts.instructions, counts.allocations),
            (40_000_000, 8000)
        );
        assert!(parse("totals: 5\n").is_err());
    }
}
