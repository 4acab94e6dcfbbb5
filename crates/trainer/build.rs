//! Names this very trainer: a hash of all that decides which bits it makes of a table, so that nobody has to remember to raise a number.

use std::io;
use std::path::{Path, PathBuf};

/// Beside this package's own sources: the format of what it writes, the parameters it is told, and the versions of all dependencies.
const OTHERS: [&str; 3] = [
    "../model/src",
    "../domain/src/training_runs",
    "../../Cargo.lock",
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    for place in ["src"].into_iter().chain(OTHERS) {
        println!("cargo::rerun-if-changed={place}");
        gather(&root.join(place), &mut files)?;
    }
    files.sort();
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for file in files {
        hash.add(&std::fs::read(file)?);
        hash.add(&[0]);
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=TRAINER_HASH={:012x}", hash.0 >> 16);
    Ok(())
}

fn gather(place: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if place.is_dir() {
        for entry in std::fs::read_dir(place)? {
            gather(&entry?.path(), files)?;
        }
    } else if place.is_file() {
        files.push(place.to_owned());
    }
    Ok(())
}

/// FNV-1a: the same for the same bytes, whatever compiled it.
struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
