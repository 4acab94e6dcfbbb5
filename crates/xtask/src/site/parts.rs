//! The module divided into what every page needs and the parts that a browser loads with the first page that needs them.
//!
//! What several parts need, and the main module does not, comes as a module for every combination of parts: dozens, most of
//! them tiny. What only few parts need travels with each of them, the others travel together with the first part. Each of these
//! files is a pack: a module whose custom sections hold modules and their names, so that none is loaded twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use walrus::{Module, RawCustomSection};
use wasm_split_cli_support::{Options, transform};

/// Loads the parts; it becomes a piece of the JavaScript of the main module.
const LOADER: &str = include_str!("parts.js");
/// Where the main module and its JavaScript expect the loader.
const LOADER_FILE: &str = "./parts.js";
/// The sections that `parts.js` reads: the names, and in their order the modules.
const NAMES: &str = "names";
const SECTION: &str = "module";
/// What more parts than this need travels once, with the first of them.
const FEW: usize = 3;

/// The modules, as files.
pub(super) struct Divided {
    pub(super) main: PathBuf,
    /// By the name that `app` gives the part. Its own module is the last.
    pub(super) parts: BTreeMap<String, Vec<PathBuf>>,
    pub(super) shared: Vec<PathBuf>,
}

/// Divides `linked`, which must have kept its relocations, into files in `dir`.
pub(super) fn divide(linked: &[u8], dir: &Path) -> Result<Divided> {
    let main = dir.join("main.wasm");
    let mut options = Options::new(linked);
    options.output_dir = dir;
    options.main_out_path = &main;
    options.link_name = LOADER_FILE;
    let split =
        transform(options).map_err(|error| anyhow!("the module can not be divided: {error:#}"))?;
    let mut divided = Divided {
        main,
        parts: BTreeMap::new(),
        shared: Vec::new(),
    };
    let (own, common): (Vec<_>, Vec<_>) = split
        .split_modules
        .into_iter()
        .partition(|module| stem(module).starts_with(OWN));
    for module in common {
        let name = stem(&module);
        let users = split.prefetch_map.iter();
        let users = users.filter(|(_, needed)| needed.iter().any(|needed| needed == name));
        let users = users.map(|(part, _)| part.clone()).collect::<Vec<_>>();
        if users.is_empty() || users.len() > FEW {
            divided.shared.push(module);
            continue;
        }
        for part in users {
            divided.parts.entry(part).or_default().push(module.clone());
        }
    }
    for module in own {
        let part = stem(&module).trim_start_matches(OWN).to_owned();
        divided.parts.entry(part).or_default().push(module);
    }
    Ok(divided)
}

/// How the names of the parts' own modules begin.
const OWN: &str = "split_";

/// The name that a module has in its pack.
pub(super) fn stem(module: &Path) -> &str {
    let stem = module.file_stem().and_then(|stem| stem.to_str());
    stem.unwrap_or_default()
}

/// One module that holds `modules`.
pub(super) fn pack(modules: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>> {
    let (names, modules): (Vec<_>, Vec<_>) = modules.into_iter().unzip();
    let mut pack = Module::default();
    pack.customs.add(RawCustomSection {
        name: NAMES.to_owned(),
        data: serde_json::to_vec(&names)?,
    });
    for data in modules {
        let name = SECTION.to_owned();
        pack.customs.add(RawCustomSection { name, data });
    }
    Ok(pack.emit_wasm())
}

/// Gives `script`, the JavaScript of the main module, its loader of the `parts` and what they share: names of files beside it.
pub(super) fn with_loader(
    script: &str,
    parts: &BTreeMap<String, String>,
    shared: &str,
) -> Result<String> {
    let mut output = LOADER
        .replace("PARTS", &serde_json::to_string(parts)?)
        .replace("SHARED", &serde_json::to_string(shared)?);
    let mut imports = 0;
    for line in script.lines() {
        let import = line
            .strip_prefix("import * as ")
            .and_then(|rest| rest.trim_end_matches(';').split_once(" from "))
            .filter(|(_, file)| file.trim_matches('"') == LOADER_FILE);
        if let Some((name, _)) = import {
            output.extend(["const ", name, " = parts;\n"]);
            imports += 1;
        } else {
            output.extend([line, "\n"]);
        }
    }
    ensure!(
        imports > 0 || parts.is_empty(),
        "the JavaScript does not import {LOADER_FILE}: wasm-bindgen writes it in another way than parts.rs reads it"
    );
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_gets_its_loader() {
        let script = "import * as import1 from \"./parts.js\"\nimport * as import2 from \"./other.js\"\nlet wasm;\n";
        let parts = BTreeMap::from([("models".to_owned(), "models.1.wasm".to_owned())]);
        let output = with_loader(script, &parts, "shared.2.wasm").unwrap();
        assert!(output.contains(r#"Object.entries({"models":"models.1.wasm"})"#));
        assert!(output.contains(r#"once("shared.2.wasm", instantiate)"#));
        assert!(output.ends_with(
            "const import1 = parts;\nimport * as import2 from \"./other.js\"\nlet wasm;\n"
        ));
        assert!(with_loader("let wasm;", &parts, "shared.2.wasm").is_err());
    }

    #[test]
    fn a_pack_holds_its_modules() {
        let modules = [
            ("first", Module::default().emit_wasm()),
            ("second", b"2".to_vec()),
        ];
        let modules = modules.map(|(name, module)| (name.to_owned(), module));
        let pack = Module::from_buffer(&pack(modules.to_vec()).unwrap()).unwrap();
        let sections = |name: &'static str| {
            let sections = pack.customs.iter();
            let sections = sections.filter(move |(_, section)| section.name() == name);
            sections
                .map(|(_, section)| section.data(&Default::default()).into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(sections(NAMES), [br#"["first","second"]"#]);
        assert_eq!(sections(SECTION), modules.map(|(_, module)| module));
    }
}
