//! Load at a fixed rate, for latencies that mean something: a request that is due while its connection waits for an answer
//! counts from when it was due.

use std::env;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::http::{Connection, request};
use super::wrk::CONNECTIONS;
use crate::process;

/// The key or token, out of the arguments' sight.
const SECRET: &str = "BENCH_SECRET";
pub(super) const BODY: &[u8] =
    br#"{"inputs":{"x0":0.1,"x1":0.2,"x2":-0.3,"x3":0.4,"x4":1.5,"x5":-1.6,"x6":0.7,"x7":0.8}}"#;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long)]
    url: String,
    /// Requests a second
    #[arg(long)]
    rate: f64,
    #[arg(long)]
    seconds: u64,
}

/// What was reached, and how long answers took.
#[derive(Serialize, Deserialize)]
pub(super) struct Paced {
    pub(super) rate: f64,
    pub(super) p50_micros: u64,
    pub(super) p99_micros: u64,
}

/// Runs the load on the second core.
pub(super) fn measure(url: &str, secret: Option<&str>, rate: f64, time: Duration) -> Result<Paced> {
    let mut load = Command::new("taskset");
    load.args(["-c", "1"])
        .arg(env::current_exe()?)
        .args(["bench", "paced", "--url", url])
        .args(["--rate", &rate.to_string()])
        .args(["--seconds", &time.as_secs().to_string()]);
    if let Some(secret) = secret {
        load.env(SECRET, secret);
    }
    let printed = process::capture(&mut load, time + Duration::from_secs(30))?;
    Ok(serde_json::from_str(&printed)?)
}

pub(super) fn run(args: &Args) -> Result<()> {
    let secret = env::var(SECRET).ok();
    let request = request(
        "POST",
        &args.url,
        "application/json",
        secret.as_deref(),
        BODY,
    )?;
    let pause = Duration::from_secs_f64(CONNECTIONS as f64 / args.rate);
    let time = Duration::from_secs(args.seconds);
    let start = Instant::now() + Duration::from_millis(200);
    let mut latencies = thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|n| {
                let first = start + pause.mul_f64(n as f64 / CONNECTIONS as f64);
                let (url, request) = (&args.url, &request);
                scope.spawn(move || send(url, request, first, pause, start + time))
            })
            .collect();
        let mut all = Vec::new();
        for sender in senders {
            all.extend(
                sender
                    .join()
                    .map_err(|_| anyhow::anyhow!("a sender broke off"))??,
            );
        }
        anyhow::Ok(all)
    })?;
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        latencies.get(index).copied().unwrap_or_default()
    };
    let paced = Paced {
        rate: latencies.len() as f64 / time.as_secs_f64(),
        p50_micros: at(0.5),
        p99_micros: at(0.99),
    };
    println!("{}", serde_json::to_string(&paced)?);
    Ok(())
}

fn send(
    url: &str,
    request: &[u8],
    first: Instant,
    pause: Duration,
    end: Instant,
) -> Result<Vec<u64>> {
    let mut connection = Connection::open(url)?;
    let mut latencies = Vec::new();
    let mut due = first;
    while due < end {
        let wait = due.saturating_duration_since(Instant::now());
        thread::sleep(wait);
        // Waking up late is this machine's doing; being busy with the last answer is the server's.
        let from = if wait.is_zero() { due } else { Instant::now() };
        let status = connection.send(request)?;
        if status != 200 {
            bail!("{url} answered {status}");
        }
        let micros =
            u64::try_from(from.elapsed().as_micros()).context("an answer that took ages")?;
        latencies.push(micros);
        due += pause;
    }
    Ok(latencies)
}
