//! The chart library: ECharts, minified, out of the package of the `charming` crate.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{CargoOpt, MetadataCommand};

use crate::workspace::Workspace;

/// The minified library, inside the package that cargo has fetched.
pub(super) fn find(workspace: &Workspace) -> Result<PathBuf> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace.root.join("crates/xtask/Cargo.toml"))
        .features(CargoOpt::SomeFeatures(vec!["echarts".to_owned()]))
        // For one platform, or cargo would fetch the packages of all.
        .other_options(["--locked", "--filter-platform=wasm32-unknown-unknown"].map(str::to_owned))
        .exec()?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "charming")
        .context("xtask does not name the charming crate, which carries ECharts")?;
    let assets = package
        .manifest_path
        .parent()
        .context("the manifest of charming has no directory")?
        .join("src/asset");
    let mut found = fs::read_dir(&assets)
        .with_context(|| format!("cannot read {assets}"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("echarts") && name.ends_with(".min.js"))
        })
        .collect::<Vec<_>>();
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path),
        _ => bail!("{assets} does not hold exactly one echarts*.min.js"),
    }
}
