//! From the `frontend` crate to a WebAssembly module and the JavaScript that loads it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::process;
use crate::site::bundle::{Bundle, PART, SHARED};
use crate::site::parts;
use crate::site::unused::Unused;
use crate::workspace::Workspace;

const PROFILE: &str = "wasm-release";
const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's 108 mixes up the tables of functions and of JavaScript values: its modules load and then fail.
const OLDEST_WASM_OPT: u32 = 120;

/// Longer than it takes from nothing on one slow core.
const AHEAD_LIMIT: Duration = Duration::from_hours(1);

/// Compiles and returns the module as the linker left it.
pub(super) fn compile(workspace: &Workspace) -> Result<PathBuf> {
    process::run(&mut cargo(workspace))?;
    Ok(workspace
        .target
        .join(TARGET)
        .join(PROFILE)
        .join("frontend.wasm"))
}

/// Compiles with what other processes leave of the processor. What goes wrong is for [`compile`] to say.
pub(super) fn compile_ahead(workspace: &Workspace) {
    process::capture(&mut process::nicely(&cargo(workspace)), AHEAD_LIMIT).ok();
}

fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo_offline_queries();
    cargo.args([
        "build",
        "--locked",
        "--package",
        "frontend",
        "--features",
        "frontend/parts",
        "--target",
        TARGET,
        "--profile",
        PROFILE,
    ]);
    cargo
}

/// Adds the module, divided and made smaller, and its JavaScript.
pub(super) fn bind(wasm: &Path, bundle: &mut Bundle) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let linked = fs::read(wasm)?;
    let unused = Unused::find(&linked)?;
    let divided = parts::divide(&linked, dir.path())?;
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(&divided.main)
        .out_name("volary")
        .web(true)?
        .typescript(false)
        // The parts use the table of functions, and `unused` knows functions by the linker's names.
        .keep_lld_exports(true)
        .demangle(false)
        .remove_producers_section(true);
    bindgen
        .generate(dir.path())
        .with_context(|| format!("wasm-bindgen refuses {}", wasm.display()))?;

    let optimiser = optimiser();
    let finish = |module: &Path| -> Result<Vec<u8>> {
        fs::write(module, unused.remove(&fs::read(module)?)?)?;
        if let Some(program) = &optimiser {
            optimise(program, module)?;
        }
        Ok(fs::read(module)?)
    };
    let main = finish(&dir.path().join("volary_bg.wasm"))?;
    bundle.add_hashed("wasm", "volary", "wasm", main);
    let mut finished = BTreeMap::new();
    let mut packed = |modules: &[PathBuf]| -> Result<Vec<u8>> {
        let mut pack = Vec::with_capacity(modules.len());
        for module in modules {
            // One that several packs hold is finished once.
            let module = match finished.entry(module.clone()) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(finish(module)?),
            };
            pack.push(module.clone());
        }
        let names = modules.iter().map(|module| parts::stem(module).to_owned());
        parts::pack(names.zip(pack).collect())
    };
    let kind = format!("{PART}{SHARED}");
    let shared = bundle.add_hashed(&kind, SHARED, "wasm", packed(&divided.shared)?);
    let mut files = BTreeMap::new();
    for (part, modules) in divided.parts {
        let kind = format!("{PART}{part}");
        let file = bundle.add_hashed(&kind, &part, "wasm", packed(&modules)?);
        files.insert(part, file);
    }
    let script = fs::read_to_string(dir.path().join("volary.js"))?;
    let script = parts::with_loader(&script, &files, &shared)?;
    bundle.add_hashed("js", "volary", "js", script.into_bytes());
    // Imported by the JavaScript under these names, which carry a hash already.
    let snippets = dir.path().join("snippets");
    if snippets.exists() {
        bundle.add_directory_at(&snippets, "pkg/snippets")?;
    }
    Ok(())
}

/// `wasm-opt`, where it can be used; the modules work without it.
fn optimiser() -> Option<PathBuf> {
    let program = process::find("wasm-opt")?;
    match check(&program) {
        Ok(()) => Some(program),
        Err(error) => {
            println!("[build] wasm-opt is left out: {error:#}");
            None
        }
    }
}

fn check(program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("--version");
    let version = version(&process::capture(&mut command, Duration::from_secs(10))?)
        .context("it does not tell its version")?;
    if version < OLDEST_WASM_OPT {
        bail!("version {version} is older than {OLDEST_WASM_OPT}");
    }
    Ok(())
}

fn optimise(program: &Path, module: &Path) -> Result<()> {
    let optimised = module.with_extension("opt.wasm");
    let mut command = Command::new(program);
    command.arg("-Oz");
    // What rustc enables for this target, which older versions do not read from the module.
    command.args([
        "--enable-bulk-memory",
        "--enable-multivalue",
        "--enable-mutable-globals",
        "--enable-nontrapping-float-to-int",
        "--enable-reference-types",
        "--enable-sign-ext",
    ]);
    command.arg(module).arg("--output").arg(&optimised);
    process::capture(&mut command, Duration::from_mins(10))?;
    fs::rename(optimised, module)?;
    Ok(())
}

/// Out of `wasm-opt version 132 (version_132)`.
fn version(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_wasm_opt_is_read() {
        assert_eq!(version("wasm-opt version 132 (version_132)\n"), Some(132));
        assert_eq!(version("wasm-opt version 108\n"), Some(108));
        assert_eq!(version("wasm-opt"), None);
    }
}
