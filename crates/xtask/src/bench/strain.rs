//! What callers see when there is more to do than the server can, when a thousand of them are slow, and whether it keeps to its
//! memory over minutes.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::http::split;
use super::paced::{self, Paced};
use super::servers::Running;
use super::{PROFILES, present, volary, wrk};
use crate::progress::heading;
use crate::workspace::Workspace;
use crate::{setup, site};

/// Of a request to the forest: some milliseconds of one core.
const ROWS: usize = 200;
const OVERLOAD: f64 = 3.0;
/// So many that none of them is late with its next request while an answer is on its way.
const CALLERS: usize = 128;
/// Share of the server's peak that the good clients ask for beside slow ones, and during the soak.
const SHARE: f64 = 0.25;
/// Of what is measured to find a rate.
const PEAK: Duration = Duration::from_secs(6);
const SAMPLES: Duration = Duration::from_secs(5);
/// What a server takes at first says nothing of what it takes in the end.
const SETTLED: f64 = 0.2;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Of three times what the server can do, and of slow clients
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=600))]
    seconds: u64,
    /// Of the steady load during which memory is watched
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(30..=7200))]
    soak: u64,
    /// Clients that send a byte a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=4000))]
    slow: u32,
    /// Of the server: `dist`, or `release`, which is quicker to build
    #[arg(long, default_value = "dist", value_parser = PROFILES)]
    profile: String,
}

pub(super) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let postgres = setup::for_serving()?;
    present("wrk", "wrk")?;
    site::build(workspace, &args.profile, &postgres)?;
    let (server, secrets) = volary::prepare(workspace, &args.profile)?;
    let running = server.start()?;
    let forest = volary::deploy_forest(&secrets)?;
    let key = Some(secrets.key.as_str());
    let script = workspace.root.join("bench/requests/inputs.lua");
    let time = Duration::from_secs(args.seconds);

    heading("bench", "three times what the server can do");
    let most = wrk::run(&running, &script, &forest, key, ROWS, PEAK)?;
    println!(
        "  as much as it can: {:.0}/s of {ROWS} rows, p99 {} us",
        most.rate,
        most.p99.as_micros()
    );
    let mut load = paced::Args::new(&forest, most.rate * OVERLOAD, time);
    load.rows = ROWS;
    load.connections = CALLERS;
    load.may_shed = true;
    let crowded = paced::measure(&load, key)?;
    print("three times that", &crowded);
    println!(
        "  told to come later: {:.0}/s, p99 {} us, longest {} us",
        crowded.shed.rate, crowded.shed.p99_micros, crowded.shed.longest_micros
    );
    let ratio = crowded.p99_micros as f64 / most.p99.as_micros() as f64;
    println!("  p99 of what was answered, beside that at its peak: {ratio:.2}");

    heading("bench", format_args!("{} slow clients", args.slow));
    let peak = wrk::run(&running, &script, &server.url, key, 1, PEAK)?;
    let load = paced::Args::new(&server.url, peak.rate * SHARE, time);
    let alone = paced::measure(&load, key)?;
    print("without them", &alone);
    let beside = beside_slow_clients(&server.url, args.slow, || paced::measure(&load, key))?;
    print("beside them", &beside);
    let ratio = beside.p99_micros as f64 / alone.p99_micros as f64;
    println!("  p99 beside them and without: {ratio:.2}");

    heading(
        "bench",
        format_args!("{} seconds of steady load", args.soak),
    );
    let load = paced::Args::new(
        &server.url,
        peak.rate * SHARE,
        Duration::from_secs(args.soak),
    );
    let (paced, samples) = watch_memory(&running, || paced::measure(&load, key))?;
    print("all the time", &paced);
    let settled = &samples[(samples.len() as f64 * SETTLED) as usize..];
    let (Some(first), Some(last)) = (settled.first(), settled.last()) else {
        return Ok(());
    };
    println!(
        "  resident memory: {:.1} MiB after {:.0} s, {:.1} MiB after {:.0} s, slope {:+.2} MiB an hour",
        first.1,
        first.0,
        last.1,
        last.0,
        slope(settled) * 3600.0
    );
    Ok(())
}

fn print(name: &str, paced: &Paced) {
    println!(
        "  {name}: {:.0}/s answered, p50 {} us, p99 {} us",
        paced.rate, paced.p50_micros, paced.p99_micros
    );
}

/// Half of the slow clients never come to the end of their request's head, the others not to that of its body. Whoever is
/// thrown out comes again.
fn beside_slow_clients<T>(url: &str, clients: u32, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (host, path) = split(url)?;
    let heads = [
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nX-Slow: "),
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n"
        ),
    ];
    let open = |n: usize| -> Result<TcpStream> {
        let mut stream = TcpStream::connect(host)?;
        stream.write_all(heads[n % heads.len()].as_bytes())?;
        Ok(stream)
    };
    let mut streams: Vec<TcpStream> = (0..clients as usize).map(open).collect::<Result<_>>()?;
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let slow = scope.spawn(|| {
            // Each sends a byte a second, and they do not do so together.
            let pause = Duration::from_secs(1) / clients;
            for n in (0..streams.len()).cycle() {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                if streams[n].write_all(b" ").is_err() {
                    streams[n] = open(n)?;
                }
                thread::sleep(pause);
            }
            anyhow::Ok(())
        });
        let worked = work();
        is_done.store(true, Ordering::Relaxed);
        slow.join()
            .map_err(|_| anyhow::anyhow!("the slow clients broke off"))??;
        worked
    })
}

/// Seconds since it began, and MiB.
type Sample = (f64, f64);

fn watch_memory<T>(
    running: &Running,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Vec<Sample>)> {
    let is_done = AtomicBool::new(false);
    let began = Instant::now();
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut samples = Vec::new();
            while !is_done.load(Ordering::Relaxed) {
                samples.push((began.elapsed().as_secs_f64(), resident(running)?));
                thread::sleep(SAMPLES);
            }
            anyhow::Ok(samples)
        });
        let worked = work();
        is_done.store(true, Ordering::Relaxed);
        let samples = watching
            .join()
            .map_err(|_| anyhow::anyhow!("the watch broke off"))??;
        Ok((worked?, samples))
    })
}

/// Memory of the server's own process, in MiB.
fn resident(running: &Running) -> Result<f64> {
    let path = format!("/proc/{}/status", running.id());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .with_context(|| format!("{path} is unknown"))?;
    Ok(kib.trim().parse::<f64>()? / 1024.0)
}

/// Of the straight line nearest to the samples.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean_x = samples.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = samples.iter().map(|(_, y)| y).sum::<f64>() / count;
    let above: f64 = samples
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let below: f64 = samples.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line() {
        let samples: Vec<Sample> = (0..10)
            .map(|x| (f64::from(x), 3.0 + 0.5 * f64::from(x)))
            .collect();
        assert!((slope(&samples) - 0.5).abs() < 1e-12);
        assert!(slope(&samples[..1]).abs() < 1e-12);
    }
}
