//! Load at a fixed rate, for latencies that mean something: a request that is due while its connection waits for an answer
//! counts from when it was due.

use std::env;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::http::{request, split};
use super::wrk::CONNECTIONS;
use crate::process;

/// The key or token, out of the arguments' sight.
const SECRET: &str = "BENCH_SECRET";
const PATIENCE: Duration = Duration::from_secs(30);
const ROW: &str = r#"{"x0":0.1,"x1":0.2,"x2":-0.3,"x3":0.4,"x4":1.5,"x5":-1.6,"x6":0.7,"x7":0.8}"#;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[arg(long)]
    pub(super) url: String,
    /// Requests a second
    #[arg(long)]
    pub(super) rate: f64,
    #[arg(long)]
    pub(super) seconds: u64,
    /// Of a request
    #[arg(long, default_value_t = 1)]
    pub(super) rows: usize,
    #[arg(long, default_value_t = CONNECTIONS)]
    pub(super) connections: usize,
    /// Answers that say to come later count by themselves; otherwise they end the measurement
    #[arg(long)]
    pub(super) may_shed: bool,
}

/// What was reached, and how long answers took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Paced {
    /// Of predictions.
    pub(super) rate: f64,
    pub(super) p50_micros: u64,
    pub(super) p99_micros: u64,
    pub(super) shed: Shed,
}

/// Requests that were told to come later.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Shed {
    pub(super) rate: f64,
    pub(super) p99_micros: u64,
    pub(super) longest_micros: u64,
}

impl Args {
    pub(super) fn new(url: &str, rate: f64, time: Duration) -> Self {
        Self {
            url: url.to_owned(),
            rate,
            seconds: time.as_secs(),
            rows: 1,
            connections: CONNECTIONS,
            may_shed: false,
        }
    }
}

/// Runs the load on the second core.
pub(super) fn measure(load: &Args, secret: Option<&str>) -> Result<Paced> {
    let mut command = Command::new("taskset");
    command
        .args(["-c", "1"])
        .arg(env::current_exe()?)
        .args(["bench", "paced", "--url", &load.url])
        .args(["--rate", &load.rate.to_string()])
        .args(["--seconds", &load.seconds.to_string()])
        .args(["--rows", &load.rows.to_string()])
        .args(["--connections", &load.connections.to_string()]);
    if load.may_shed {
        command.arg("--may-shed");
    }
    if let Some(secret) = secret {
        command.env(SECRET, secret);
    }
    let time = Duration::from_secs(load.seconds);
    let printed = process::capture(&mut command, time + Duration::from_secs(30))?;
    Ok(serde_json::from_str(&printed)?)
}

pub(super) fn run(args: &Args) -> Result<()> {
    let secret = env::var(SECRET).ok();
    let body = body(args.rows);
    let request = request(
        "POST",
        &args.url,
        "application/json",
        secret.as_deref(),
        body.as_bytes(),
    )?;
    let pause = Duration::from_secs_f64(args.connections as f64 / args.rate);
    let time = Duration::from_secs(args.seconds);
    let start = Instant::now() + Duration::from_millis(200);
    let mut callers = (0..args.connections)
        .map(|n| {
            let first = start + pause.mul_f64(n as f64 / args.connections as f64);
            Caller::new(&args.url, first)
        })
        .collect::<Result<Vec<_>>>()?;
    let (mut answered, mut shed) = (Vec::new(), Vec::new());
    let end = start + time;
    // One thread looks after all of them without ever sleeping: threads that wake each other would measure themselves.
    while !callers.is_empty() {
        for caller in &mut callers {
            let Some((status, took)) = caller.advance(&request, pause)? else {
                continue;
            };
            let latencies = match status {
                200 => &mut answered,
                429 | 503 if args.may_shed => &mut shed,
                _ => bail!("{} answered {status}", args.url),
            };
            latencies.push(u64::try_from(took.as_micros()).context("an answer that took ages")?);
        }
        callers.retain(|caller| caller.asked.is_some() || caller.due < end);
    }
    answered.sort_unstable();
    shed.sort_unstable();
    let rate = |latencies: &[u64]| latencies.len() as f64 / time.as_secs_f64();
    let paced = Paced {
        rate: rate(&answered),
        p50_micros: at(&answered, 0.5),
        p99_micros: at(&answered, 0.99),
        shed: Shed {
            rate: rate(&shed),
            p99_micros: at(&shed, 0.99),
            longest_micros: shed.last().copied().unwrap_or_default(),
        },
    };
    println!("{}", serde_json::to_string(&paced)?);
    Ok(())
}

fn at(sorted: &[u64], share: f64) -> u64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index).copied().unwrap_or_default()
}

pub(super) fn body(rows: usize) -> String {
    match rows {
        1 => format!("{{\"inputs\":{ROW}}}"),
        _ => format!("{{\"inputs\":[{}]}}", vec![ROW; rows].join(",")),
    }
}

/// Who sends a request when it is due, or as soon as the last one is answered.
struct Caller {
    stream: TcpStream,
    answer: Vec<u8>,
    due: Instant,
    free: Instant,
    /// Since when the request counts that is under way.
    asked: Option<Instant>,
}

impl Caller {
    fn new(url: &str, first: Instant) -> Result<Self> {
        let (host, _) = split(url)?;
        let stream =
            TcpStream::connect(host).with_context(|| format!("cannot connect to {host}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            answer: Vec::new(),
            due: first,
            free: first,
            asked: None,
        })
    }

    /// An answer's status and how long it took, if there is one now.
    fn advance(&mut self, request: &[u8], pause: Duration) -> Result<Option<(u16, Duration)>> {
        let Some(since) = self.asked else {
            let now = Instant::now();
            if now >= self.due {
                // Late because the last answer was is the server's doing; late because we looked late is ours.
                self.asked = Some(if self.free > self.due { self.due } else { now });
                self.due += pause;
                write(&mut self.stream, request)?;
            }
            return Ok(None);
        };
        let mut part = [0; 4096];
        match self.stream.read(&mut part) {
            Ok(0) => bail!("the connection ended within an answer"),
            Ok(length) => self.answer.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ensure!(since.elapsed() < PATIENCE, "no answer within {PATIENCE:?}");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
        let Some(status) = whole(&self.answer)? else {
            return Ok(None);
        };
        self.answer.clear();
        self.free = Instant::now();
        self.asked = None;
        Ok(Some((status, self.free - since)))
    }
}

/// All of it, though the stream takes only what it has room for.
fn write(stream: &mut TcpStream, mut bytes: &[u8]) -> Result<()> {
    let began = Instant::now();
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ensure!(began.elapsed() < PATIENCE, "a request is not taken");
                std::hint::spin_loop();
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The status of an answer that is here as a whole.
fn whole(answer: &[u8]) -> Result<Option<u16>> {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..head])?;
    let length = text
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>())
        })
        .context("an answer without a length")??;
    if answer.len() < head + 4 + length {
        return Ok(None);
    }
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Some(status.context("an answer without a status")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_when_it_is_whole() {
        let answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(whole(answer).unwrap(), Some(503));
        assert_eq!(whole(&answer[..answer.len() - 1]).unwrap(), None);
        assert_eq!(whole(&answer[..20]).unwrap(), None);
    }
}
