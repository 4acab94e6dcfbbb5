//! The module divided into what every page needs and the parts that a browser loads with the first page that needs them.
//!
//! What several parts need, and the main module does not, comes as a module for every combination of parts: dozens, most of
//! them tiny. They travel as one file, a module whose custom sections hold them, which is loaded with the first part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use walrus::{Module, RawCustomSection};
use wasm_split_cli_support::{Options, transform};

/// Loads the parts; it becomes a piece of the JavaScript of the main module.
const LOADER: &str = include_str!("parts.js");
/// Where the main module and its JavaScript expect the loader.
const LOADER_FILE: &str = "./parts.js";
/// The section that `parts.js` reads.
const SECTION: &str = "module";

/// The modules, as files.
pub(super) struct Divided {
    pub(super) main: PathBuf,
    /// By the name that `app` gives the part.
    pub(super) parts: BTreeMap<String, PathBuf>,
    pub(super) shared: Vec<PathBuf>,
}

/// Divides `linked`, which must have kept its relocations, into files in `dir`.
pub(super) fn divide(linked: &[u8], dir: &Path) -> Result<Divided> {
    let main = dir.join("main.wasm");
    let mut options = Options::new(linked);
    options.output_dir = dir;
    options.main_out_path = &main;
    options.link_name = LOADER_FILE;
    let modules = transform(options)
        .map_err(|error| anyhow!("the module can not be divided: {error:#}"))?
        .split_modules;
    let mut divided = Divided {
        main,
        parts: BTreeMap::new(),
        shared: Vec::new(),
    };
    for module in modules {
        let stem = module.file_stem().and_then(|stem| stem.to_str());
        match stem.and_then(|stem| stem.strip_prefix("split_")) {
            Some(part) => drop(divided.parts.insert(part.to_owned(), module)),
            None => divided.shared.push(module),
        }
    }
    Ok(divided)
}

/// One module that holds `modules`.
pub(super) fn pack(modules: Vec<Vec<u8>>) -> Vec<u8> {
    let mut pack = Module::default();
    for data in modules {
        let name = SECTION.to_owned();
        pack.customs.add(RawCustomSection { name, data });
    }
    pack.emit_wasm()
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
        assert!(output.contains(r#"once("shared.2.wasm", loadShared)"#));
        assert!(output.ends_with(
            "const import1 = parts;\nimport * as import2 from \"./other.js\"\nlet wasm;\n"
        ));
        assert!(with_loader("let wasm;", &parts, "shared.2.wasm").is_err());
    }

    #[test]
    fn a_pack_holds_its_modules() {
        let modules = vec![Module::default().emit_wasm(), b"second".to_vec()];
        let pack = Module::from_buffer(&pack(modules.clone())).unwrap();
        let sections = pack.customs.iter();
        let held = sections
            .filter(|(_, section)| section.name() == SECTION)
            .map(|(_, section)| section.data(&Default::default()).into_owned())
            .collect::<Vec<_>>();
        assert_eq!(held, modules);
    }
}
