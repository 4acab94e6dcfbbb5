//! Load as high as one core can make it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::servers::Running;
use crate::process;

pub(super) const CONNECTIONS: usize = 32;
/// Large requests take turns, and whoever waits for one too long is told to come later.
const CONNECTIONS_OF_BATCHES: usize = 4;
/// Rows of a large request.
pub(super) const BATCH: usize = 1000;

const WARM_UP: Duration = Duration::from_secs(1);

pub(super) struct Loaded {
    /// Requests a second.
    pub(super) rate: f64,
    pub(super) p99: Duration,
    /// Of the server's own process, for each request.
    pub(super) cpu: Duration,
}

pub(super) fn run(
    server: &Running,
    script: &Path,
    url: &str,
    secret: Option<&str>,
    rows: usize,
    time: Duration,
) -> Result<Loaded> {
    once(script, url, secret, rows, WARM_UP)?;
    let before = server.cpu()?;
    let printed = once(script, url, secret, rows, time)?;
    let cpu = server.cpu()?.saturating_sub(before);
    parse(&printed, cpu)
        .with_context(|| format!("wrk printed something else than figures:\n{printed}"))
}

fn once(
    script: &Path,
    url: &str,
    secret: Option<&str>,
    rows: usize,
    time: Duration,
) -> Result<String> {
    let connections = if rows == 1 {
        CONNECTIONS
    } else {
        CONNECTIONS_OF_BATCHES
    };
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", "1", "wrk", "-t1", "--latency"])
        .arg(format!("-c{connections}"))
        .arg(format!("-d{}s", time.as_secs()))
        .arg("-s")
        .arg(script)
        .arg(url)
        .env("BENCH_ROWS", rows.to_string());
    // Not an argument: those are seen by everyone on the machine.
    if let Some(secret) = secret {
        wrk.env("BENCH_SECRET", secret);
    }
    process::capture(&mut wrk, time + Duration::from_secs(30))
}

fn parse(printed: &str, cpu: Duration) -> Result<Loaded> {
    ensure!(
        !printed.contains("Non-2xx") && !printed.contains("Socket errors"),
        "not every request was answered with success"
    );
    let field = |name: &str| {
        printed
            .lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .map(str::trim)
            .with_context(|| format!("no {name}"))
    };
    let requests: f64 = printed
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .context("no number of requests")?
        .0
        .parse()?;
    ensure!(requests > 0.0, "no request was answered");
    Ok(Loaded {
        rate: field("Requests/sec:")?.parse()?,
        p99: duration(field("99%")?)?,
        cpu: cpu.div_f64(requests),
    })
}

/// `812.00us`, `3.40ms` or `1.20s`.
fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = text.split_at(
        text.find(|c: char| c.is_ascii_alphabetic())
            .context("a time without a unit")?,
    );
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        _ => 1.0,
    };
    Ok(Duration::from_secs_f64(number.parse::<f64>()? * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_and_failures_are_not_figures() {
        let printed = "  Latency Distribution\n     50%  812.00us\n     99%    3.40ms\n  50000 requests in 2.00s, 9.1MB read\nRequests/sec:  25075.12\n";
        let cpu = Duration::from_secs(1);
        let loaded = parse(printed, cpu).unwrap();
        assert_eq!(loaded.cpu, Duration::from_micros(20));
        assert!((loaded.rate - 25_075.12).abs() < 1e-9);
        assert_eq!(loaded.p99, Duration::from_micros(3400));
        assert!(parse(&format!("{printed}  Non-2xx or 3xx responses: 3\n"), cpu).is_err());
    }
}
