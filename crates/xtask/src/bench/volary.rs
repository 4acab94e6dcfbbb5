//! Our own server: a linear model of eight numbers behind a deployment whose canary takes a tenth of the traffic.

use std::fmt::Write as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::http::call;
use super::servers::{Contender, log};
use crate::process;
use crate::progress::step;
use crate::scratch_postgres::ScratchPostgres;
use crate::workspace::Workspace;

const ADDRESS: &str = "127.0.0.1:9110";
const ROWS: u32 = 2000;
const PATIENCE: Duration = Duration::from_mins(1);
const PROJECT: &str = "/api/v1/projects/default";
const JSON: &str = "application/json";

/// What opens the deployment. The database and the files go with it.
pub(super) struct Secrets {
    pub(super) key: String,
    pub(super) token: String,
    admin: String,
    _postgres: ScratchPostgres,
    _data: tempfile::TempDir,
}

pub(super) fn prepare(workspace: &Workspace, profile: &str) -> Result<(Contender, Secrets)> {
    let postgres = ScratchPostgres::start()?;
    let data = tempfile::Builder::new().prefix("volary-bench-").tempdir()?;
    let database = postgres.url("postgres");
    let base = format!("http://{ADDRESS}");
    let volary = Contender {
        name: "volary",
        program: workspace.server(profile),
        args: ["serve", "--listen", ADDRESS].map(str::to_owned).into(),
        envs: vec![
            ("DATABASE_URL", database.clone()),
            ("VOLARY_DATA_DIR", data.path().display().to_string()),
            ("VOLARY_SITE_ROOT", workspace.site().display().to_string()),
        ],
        dir: workspace.root.clone(),
        url: format!("{base}/predict/linear"),
        ready: format!("{base}/readyz"),
        script: "inputs.lua",
        log: log(workspace, "volary")?,
    };
    let running = volary.start()?;
    let admin = key(workspace, profile, &database)?;
    let secrets = step("bench", "a deployment with a canary", |_| {
        deploy(&base, &admin)?;
        load_key(&base, &admin).map(Made)
    })?;
    drop(running);
    let Made((key, token)) = secrets;
    let secrets = Secrets {
        key,
        token,
        admin,
        _postgres: postgres,
        _data: data,
    };
    Ok((volary, secrets))
}

/// A key and a token; never printed.
struct Made((String, String));

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("serves")
    }
}

fn key(workspace: &Workspace, profile: &str, database: &str) -> Result<String> {
    let mut command = Command::new(workspace.server(profile));
    command
        .args(["keys", "create", "--name", "bench"])
        .args([
            "--scope",
            "admin",
            "--scope",
            "write",
            "--scope",
            "predict:*",
        ])
        .env("DATABASE_URL", database);
    let printed = process::capture(&mut command, PATIENCE)?;
    let key = printed
        .split_whitespace()
        .find(|word| word.starts_with("vol_"));
    Ok(key.context("no key was printed")?.to_owned())
}

fn deploy(base: &str, key: &str) -> Result<()> {
    let project = format!("{base}{PROJECT}");
    let upload = format!("{project}/datasets?name=linear");
    call("POST", &upload, "text/csv", Some(key), table().as_bytes())?;
    wait(
        || ask("GET", base, "/datasets/linear", key, &Value::Null),
        "ready",
    )?;
    for seed in [1, 2] {
        train(base, key, "linear", "linear_regression", seed)?;
    }
    let stable = json!({"model": "linear", "version": 1});
    ask("PUT", base, "/deployments/linear", key, &stable)?;
    let canary =
        json!({"version": 2, "mode": "canary", "steps": [{"weight": 10, "seconds": 86_400}]});
    ask("POST", base, "/deployments/linear/rollouts", key, &canary)?;
    Ok(())
}

/// A forest behind a deployment that works on one request at a time, which is as much as one core is good for.
pub(super) fn deploy_forest(secrets: &Secrets) -> Result<String> {
    let (base, key) = (format!("http://{ADDRESS}"), &secrets.admin);
    train(&base, key, "forest", "random_forest", 1)?;
    let stable = json!({"model": "forest", "version": 1, "max_in_flight": 1, "max_queue": 3});
    ask("PUT", &base, "/deployments/forest", key, &stable)?;
    Ok(format!("{base}/predict/forest"))
}

fn train(base: &str, key: &str, model: &str, algorithm: &str, seed: u32) -> Result<()> {
    let spec = json!({
        "dataset": "linear", "target": "y", "model": model, "algorithm": algorithm,
        "split": {"method": "random", "test_fraction": 0.2, "seed": seed},
    });
    let run = ask("POST", base, "/training-runs", key, &spec)?;
    let id = run["id"].as_str().context("a run without an id")?;
    let path = format!("/training-runs/{id}");
    wait(|| ask("GET", base, &path, key, &Value::Null), "succeeded")?;
    Ok(())
}

/// Of the project; `null` is no body.
fn ask(method: &str, base: &str, path: &str, key: &str, body: &Value) -> Result<Value> {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let url = format!("{base}{PROJECT}{path}");
    call(method, &url, JSON, Some(key), body.as_bytes())
}

fn load_key(base: &str, admin: &str) -> Result<(String, String)> {
    let body = json!({
        "name": "load", "scopes": ["predict:*"],
        "rate_limit": {"requests": 1_000_000, "per_seconds": 1},
    });
    let keys = format!("{base}/api/v1/projects/default/api-keys");
    let made = call(
        "POST",
        &keys,
        JSON,
        Some(admin),
        body.to_string().as_bytes(),
    )?;
    let field = |name: &str| made[name].as_str().map(str::to_owned);
    let key = field("key").context("no key came back")?;
    let prefix = field("prefix").context("a key without a prefix")?;
    let form = format!("grant_type=client_credentials&client_id={prefix}&client_secret={key}");
    let tokens = format!("{base}/oauth/token");
    let answer = wait(
        || {
            // A new key takes effect with the next snapshot.
            let media = "application/x-www-form-urlencoded";
            let token = call("POST", &tokens, media, None, form.as_bytes());
            Ok(token.map_or_else(
                |_| json!({}),
                |mut token| {
                    token["status"] = json!("made");
                    token
                },
            ))
        },
        "made",
    )?;
    let token = answer["access_token"]
        .as_str()
        .context("no token came back")?;
    Ok((key, token.to_owned()))
}

fn wait(ask: impl Fn() -> Result<Value>, wanted: &str) -> Result<Value> {
    let started = Instant::now();
    loop {
        let answer = ask()?;
        match answer["status"].as_str() {
            Some(status) if status == wanted => return Ok(answer),
            Some("failed" | "cancelled") => bail!("{answer}"),
            _ if started.elapsed() > PATIENCE => bail!("still not {wanted}: {answer}"),
            _ => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Eight columns of numbers and what they sum to, more or less; the same in every run.
fn table() -> String {
    let mut state = 7_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
    };
    let mut table = "x0,x1,x2,x3,x4,x5,x6,x7,y\n".to_owned();
    for _ in 0..ROWS {
        let row = [(); 8].map(|()| random() * 4.0);
        let sum: f64 = row
            .iter()
            .zip(1..)
            .map(|(x, weight)| x * f64::from(weight))
            .sum();
        for x in row {
            // Writing to a string can not fail.
            write!(table, "{x:.4},").ok();
        }
        writeln!(table, "{:.4}", sum + random()).ok();
    }
    table
}
