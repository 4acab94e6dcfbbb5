//! ONNX files through the crate's public face.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod damage;
mod equality;
mod graph;
mod limits;
#[path = "../../src/proto.rs"]
#[expect(
    dead_code,
    reason = "the tests write what the crate reads, and not all of it"
)]
mod proto;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Files of a folder with their names, in order.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "onnx")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect::<Vec<_>>();
    files.sort();
    assert!(!files.is_empty(), "{} has no files", folder.display());
    files
}
