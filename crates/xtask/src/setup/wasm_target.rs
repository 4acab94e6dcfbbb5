//! The standard library for `wasm32-unknown-unknown`, which the front end is compiled against.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure as require};

use crate::process;
use crate::progress::Step;
use crate::setup::apt::{self, PrivateApt};

const TARGET: &str = "wasm32-unknown-unknown";
/// Tried after the running release: where newer compilers appear.
const SUITES: [&str; 4] = ["trixie", "trixie-backports", "forky", "sid"];
const BY_HAND: &str = "by hand: `rustup target add wasm32-unknown-unknown`, or install your distribution's package \
                       of the wasm32 standard library for this very rustc";

/// Says what it found or did.
pub(crate) fn ensure(step: &Step) -> Result<String> {
    let rustc = Rustc::find()?;
    if rustc.can_compile() {
        return Ok("present".to_owned());
    }
    let mut failures = Vec::new();
    match rustup(step) {
        Ok(()) if rustc.can_compile() => return Ok("installed by rustup".to_owned()),
        Ok(()) => failures.push("rustup installed it for another toolchain".to_owned()),
        Err(error) => failures.push(format!("{error:#}")),
    }
    match build(&rustc, step) {
        Ok(()) if rustc.can_compile() => return Ok("built from Debian's rust-src".to_owned()),
        Ok(()) => {
            failures.push("rustc does not accept the standard library that was built".to_owned());
        }
        Err(error) => failures.push(format!("{error:#}")),
    }
    bail!(
        "the wasm32 target cannot be set up: {}; {BY_HAND}",
        failures.join("; ")
    )
}

/// The compiler in use.
struct Rustc {
    program: PathBuf,
    /// Such as `1.95.0`.
    version: String,
    sysroot: PathBuf,
}

impl Rustc {
    fn find() -> Result<Self> {
        let program = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
        let ask = |arguments: &[&str]| {
            process::capture(
                Command::new(&program).args(arguments),
                Duration::from_secs(30),
            )
        };
        let version = ask(&["--version"])?
            .split_whitespace()
            .nth(1)
            .context("`rustc --version` names no version")?
            .to_owned();
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?.trim());
        Ok(Self {
            program,
            version,
            sysroot,
        })
    }

    /// Tried, not looked up: a directory left by an older compiler is of no use.
    fn can_compile(&self) -> bool {
        let Ok(dir) = tempfile::tempdir() else {
            return false;
        };
        let source = dir.path().join("probe.rs");
        if fs::write(&source, "pub fn probe() -> String { String::new() }").is_err() {
            return false;
        }
        let mut probe = Command::new(&self.program);
        probe
            .args([
                "--target",
                TARGET,
                "--crate-type=lib",
                "--emit=metadata",
                "--out-dir",
            ])
            .arg(dir.path())
            .arg(&source);
        process::capture(&mut probe, Duration::from_mins(1)).is_ok()
    }
}

fn rustup(step: &Step) -> Result<()> {
    require!(process::find("rustup").is_some(), "rustup is not installed");
    step.note("rustup target add");
    let mut add = Command::new("rustup");
    add.args(["target", "add", TARGET]);
    // Unreachable servers are retried for long.
    add.env("RUSTUP_MAX_RETRIES", "1");
    process::capture(&mut add, Duration::from_mins(2))?;
    Ok(())
}

/// Builds the standard library from its sources, which must be those of this very compiler.
fn build(rustc: &Rustc, step: &Step) -> Result<()> {
    let rustlib = rustc.sysroot.join("lib/rustlib");
    let library = rustlib.join("src/rust/library");
    if !library.join("std/Cargo.toml").exists() {
        fetch_sources(rustc, &library, step)?;
    }
    step.note("building the standard library");
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("src"))?;
    fs::write(dir.path().join("src/lib.rs"), "")?;
    let manifest =
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(dir.path().join("Cargo.toml"), manifest)?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(dir.path())
        .args([
            "build",
            "--release",
            "-Zbuild-std=std,panic_abort",
            "--target",
            TARGET,
        ])
        .env("CARGO_TARGET_DIR", dir.path().join("target"))
        .env("RUSTC_BOOTSTRAP", "1")
        // Without the bitcode, link-time optimisation of what uses it fails.
        .env("RUSTFLAGS", "-C embed-bitcode=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::capture(&mut cargo, Duration::from_mins(20))?;
    install(
        &dir.path().join("target").join(TARGET).join("release/deps"),
        &rustlib.join(TARGET),
    )
}

/// Copies the compiled crates to `target`, all of them or none.
fn install(built: &Path, target: &Path) -> Result<()> {
    let cannot_write = || format!("cannot write {}", target.display());
    let staging = target.join("lib.partial");
    if staging.exists() {
        fs::remove_dir_all(&staging).with_context(cannot_write)?;
    }
    fs::create_dir_all(&staging).with_context(cannot_write)?;
    let mut copied = 0;
    for entry in fs::read_dir(built)? {
        let path = entry?.path();
        let is_crate = path
            .extension()
            .is_some_and(|extension| extension == "rlib");
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if is_crate && !name.starts_with("libempty-") {
            fs::copy(&path, staging.join(name)).with_context(cannot_write)?;
            copied += 1;
        }
    }
    require!(copied > 0, "the build left no .rlib in {}", built.display());
    let lib = target.join("lib");
    if lib.exists() {
        fs::remove_dir_all(&lib).with_context(cannot_write)?;
    }
    fs::rename(staging, lib).with_context(cannot_write)
}

/// Puts the sources of the standard library at `library`, from Debian's package of the same version.
fn fetch_sources(rustc: &Rustc, library: &Path, step: &Step) -> Result<()> {
    let release = apt::release().context("this is not Debian, whose rust-src package would do")?;
    for program in ["apt-get", "apt-cache", "dpkg-deb"] {
        require!(
            process::find(program).is_some(),
            "{program} is not installed"
        );
    }
    let dir = tempfile::tempdir()?;
    let apt = PrivateApt::new(&dir.path().join("apt"), apt::mirror(&release)?)?;
    let mut suites = vec![release];
    for suite in SUITES {
        if !suites.iter().any(|listed| listed == suite) {
            suites.push(suite.to_owned());
        }
    }
    let wanted = |version: &str| upstream(version) == rustc.version;
    let package = apt.download("rust-src", &suites, wanted, |note| step.note(note))?;
    step.note("unpacking rust-src");
    let unpacked = dir.path().join("unpacked");
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(package).arg(&unpacked);
    process::capture(&mut unpack, Duration::from_mins(5))?;
    let sources = unpacked.join(format!("usr/src/rustc-{}/library", rustc.version));
    require!(
        sources.join("std/Cargo.toml").exists(),
        "the rust-src package holds no {}",
        sources.display()
    );
    let parent = library.parent().context("the sysroot has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot write {}", parent.display()))?;
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--no-preserve=ownership"])
        .arg(&sources)
        .arg(library);
    process::capture(&mut copy, Duration::from_mins(5))?;
    Ok(())
}

/// `1.95.0` of Debian's `1.95.0+dfsg1-2~bpo13+1`.
fn upstream(version: &str) -> &str {
    version.split(['+', '-', '~']).next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_version_is_compared() {
        assert_eq!(upstream("1.95.0+dfsg1-2~bpo13+1"), "1.95.0");
        assert_eq!(upstream("1.63.0"), "1.63.0");
    }

    #[test]
    fn only_compiled_crates_are_installed_and_not_the_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let (built, target) = (dir.path().join("deps"), dir.path().join("target"));
        fs::create_dir(&built).unwrap();
        for name in [
            "libstd-1.rlib",
            "libstd-1.rmeta",
            "libempty-2.rlib",
            "empty.d",
        ] {
            fs::write(built.join(name), name).unwrap();
        }
        install(&built, &target).unwrap();
        let installed = fs::read_dir(target.join("lib"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert_eq!(installed.collect::<Vec<_>>(), ["libstd-1.rlib"]);
        assert!(!target.join("lib.partial").exists());
    }
}
