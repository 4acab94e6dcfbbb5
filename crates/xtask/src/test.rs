//! `cargo xtask test`: every check and every test, in order, on a machine that may have nothing prepared.

use std::path::PathBuf;
use std::process::Command;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum as _;

use crate::prepare;
use crate::process;
use crate::progress::{duration, heading};
use crate::scratch_postgres::ScratchPostgres;
use crate::setup;
use crate::setup::browser;
use crate::setup::postgres::{self, Source};
use crate::setup::python;
use crate::site;
use crate::tidy;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests in a browser
    #[arg(long)]
    skip_e2e: bool,
    /// Run this step alone; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Step>,
}

/// In the order in which they run: what is quick to fail comes first.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// What the others need is installed where it is missing
    Setup,
    /// Sources are formatted
    Fmt,
    /// The rules of this repository
    Tidy,
    /// Lints of everything that runs on the server
    Clippy,
    /// Lints of what runs in the browser
    ClippyWasm,
    /// Licences and advisories of the dependencies, where cargo-deny is installed
    Deny,
    /// `.sqlx/` describes the queries
    Prepare,
    /// Unit, property, integration and documentation tests
    Cargo,
    /// The front end and the server, as they are served
    Build,
    /// The Python client: lints, types, and tests against the running server
    Python,
    /// A browser against the running server
    E2e,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let is_wanted = |step: &Step| {
        let is_named = args.only.is_empty() || args.only.contains(step);
        is_named && !(args.skip_e2e && *step == Step::E2e)
    };
    let steps = Step::value_variants().iter().filter(|step| is_wanted(step));
    let mut outcomes = Vec::new();
    thread::scope(|scope| {
        let mut installing = None;
        let mut compiling = None;
        for step in steps {
            println!();
            heading("test", step.name());
            let started = Instant::now();
            let result = match step {
                Step::Setup => step.run(workspace).map(|()| {
                    // This waits for the network, mostly, while the compiler has all there is to do.
                    installing = Some(scope.spawn(|| install(workspace, args)));
                }),
                Step::Cargo if is_wanted(&Step::Build) => {
                    // Tests wait a lot, and crates are compiled alone at times; the front end uses what that leaves.
                    compiling = Some(scope.spawn(|| site::compile_ahead(workspace)));
                    step.run(workspace)
                }
                Step::Build => {
                    // It has nothing to say: the step itself finds out what is not compiled.
                    compiling.take().map(ScopedJoinHandle::join);
                    step.run(workspace)
                }
                Step::Python | Step::E2e => {
                    installed(installing.take()).and_then(|()| step.run(workspace))
                }
                _ => step.run(workspace),
            };
            if let Err(error) = &result {
                println!("[test] {} failed: {error:#}", step.name());
            }
            outcomes.push(Outcome {
                step: *step,
                elapsed: started.elapsed(),
                passed: result.is_ok(),
            });
            if *step == Step::Setup && result.is_err() {
                break;
            }
        }
    });
    summarise(&outcomes)
}

/// What only the last steps need.
fn install(workspace: &Workspace, args: &Args) -> Result<()> {
    setup::for_python(workspace)?;
    if args.skip_e2e {
        return Ok(());
    }
    setup::for_end_to_end(workspace)
}

/// Waits until what the last steps need is there, if it is being installed.
fn installed(installing: Option<ScopedJoinHandle<'_, Result<()>>>) -> Result<()> {
    let Some(installing) = installing else {
        return Ok(());
    };
    let result = installing.join();
    result.map_err(|_| anyhow!("the installation broke off"))?
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn run(self, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Setup => setup::for_serving().map(drop),
            Self::Fmt => process::run(workspace.cargo().args(["fmt", "--all", "--", "--check"])),
            Self::Tidy => tidy::run(workspace),
            Self::Clippy => process::run(workspace.cargo_offline_queries().args([
                "clippy",
                "--release",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "--deny=warnings",
            ])),
            Self::ClippyWasm => process::run(workspace.cargo_offline_queries().args([
                "clippy",
                "--release",
                "--locked",
                "--package=frontend",
                "--features=frontend/parts",
                "--target=wasm32-unknown-unknown",
                "--",
                "--deny=warnings",
            ])),
            Self::Deny => deny(workspace),
            Self::Prepare => prepare::check(workspace),
            Self::Cargo => cargo_tests(workspace),
            Self::Build => site::build(workspace, "release", &source()),
            Self::Python => python_client(workspace),
            Self::E2e => end_to_end(workspace),
        }
    }
}

fn deny(workspace: &Workspace) -> Result<()> {
    if process::find("cargo-deny").is_none() {
        println!(
            "[test] cargo-deny is not installed: licences and advisories are not checked here"
        );
        return Ok(());
    }
    process::run(workspace.cargo().args(["deny", "--workspace", "check"]))
}

fn cargo_tests(workspace: &Workspace) -> Result<()> {
    let server = ScratchPostgres::start()?;
    // As `site::build` selects the packages, so that nothing is built twice.
    for packages in [
        &["--workspace", "--exclude", "xtask"][..],
        &["--package", "xtask"],
    ] {
        let mut cargo = workspace.cargo_offline_queries();
        cargo
            .args(["test", "--release", "--locked", "--no-fail-fast"])
            .args(packages)
            // A superuser's URL: every test makes a database of its own.
            .env("VOLARY_TEST_DATABASE_URL", server.url("postgres"));
        process::run(&mut cargo)?;
    }
    Ok(())
}

fn source() -> Source {
    postgres::find().map_or(Source::Download, Source::Installed)
}

fn python_client(workspace: &Workspace) -> Result<()> {
    built(workspace)?;
    // Quick when all is there, so that this step alone works, too.
    setup::for_python(workspace)?;
    let run = |name: &str, arguments: &[&str]| {
        process::run(python::program(workspace, name).args(arguments))
    };
    // As users get it, but with the pinned packages alone.
    run(
        "pip",
        &[
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--force-reinstall",
            "--no-deps",
            "--no-build-isolation",
            ".",
        ],
    )?;
    run("ruff", &["format", "--check"])?;
    run("ruff", &["check"])?;
    run("mypy", &[])?;
    let mut pytest = python::program(workspace, "pytest");
    process::run(with_server(workspace, &mut pytest))
}

fn end_to_end(workspace: &Workspace) -> Result<()> {
    let chromium =
        browser::find_chromium().context("no Chromium found: run `cargo xtask setup`")?;
    built(workspace)?;
    let end2end = workspace.root.join("end2end");
    let npx = || {
        let mut npx = Command::new("npx");
        npx.current_dir(&end2end).arg("--no-install");
        npx
    };
    process::run(npx().args(["tsc", "--noEmit"]))?;
    let mut playwright = npx();
    playwright
        .args(["playwright", "test"])
        .env(browser::CHROMIUM, chromium);
    process::run(with_server(workspace, &mut playwright))
}

/// Fails with the way out when there is no server to test.
fn built(workspace: &Workspace) -> Result<()> {
    let needed: [PathBuf; 2] = [
        workspace.server("release"),
        workspace.site().join("assets.json"),
    ];
    match needed.iter().find(|path| !path.exists()) {
        None => Ok(()),
        Some(missing) => bail!(
            "{} is not built: run `cargo xtask build`",
            missing.display()
        ),
    }
}

/// Tests that start the built server themselves.
fn with_server<'a>(workspace: &Workspace, tests: &'a mut Command) -> &'a mut Command {
    tests
        .env("VOLARY_BIN", workspace.server("release"))
        .env("VOLARY_SITE_ROOT", workspace.site())
        // The server under test is set up by the tests alone.
        .env_remove("DATABASE_URL")
}

struct Outcome {
    step: Step,
    elapsed: Duration,
    passed: bool,
}

fn summarise(outcomes: &[Outcome]) -> Result<()> {
    println!();
    for Outcome {
        step,
        elapsed,
        passed,
    } in outcomes
    {
        let verdict = if *passed { "passed" } else { "FAILED" };
        println!(
            "[test] {:<12} {verdict} {:>14}",
            step.name(),
            duration(*elapsed)
        );
    }
    let total = outcomes.iter().map(|outcome| outcome.elapsed).sum();
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.passed)
        .map(|outcome| outcome.step.name());
    let failed = failed.collect::<Vec<_>>();
    if failed.is_empty() {
        println!(
            "[test] all {} steps passed in {}",
            outcomes.len(),
            duration(total)
        );
        return Ok(());
    }
    bail!(
        "{} of {} steps failed in {}: {}",
        failed.len(),
        outcomes.len(),
        duration(total),
        failed.join(", ")
    )
}
