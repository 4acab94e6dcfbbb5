//! The files of the site: named after their content, compressed beforehand, put in place all at once.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::site::files_below;

/// What gets smaller by compression.
const COMPRESSED: [&str; 7] = ["css", "html", "js", "json", "svg", "txt", "wasm"];
/// Below this many bytes the answer fits one packet anyway.
const SMALLEST: usize = 1024;

/// Begins the kind of every part of the module.
pub(super) const PART: &str = "part:";
/// The part that is loaded with every other.
pub(super) const SHARED: &str = "shared";

#[derive(Default)]
pub(super) struct Bundle {
    /// By path below the site.
    files: BTreeMap<String, Vec<u8>>,
    /// The hash in the name of a file, by its kind.
    hashes: BTreeMap<String, String>,
    /// The path of a hashed file, by its kind.
    assets: BTreeMap<String, String>,
}

impl Bundle {
    /// Adds `pkg/<stem>.<hash>.<extension>`, and returns its name.
    pub(super) fn add_hashed(
        &mut self,
        kind: &str,
        stem: &str,
        extension: &str,
        content: Vec<u8>,
    ) -> String {
        let mut hash = hex::encode(Sha256::digest(&content));
        hash.truncate(16);
        let name = format!("{stem}.{hash}.{extension}");
        let path = format!("pkg/{name}");
        self.assets.insert(kind.to_owned(), path.clone());
        self.hashes.insert(kind.to_owned(), hash);
        self.files.insert(path, content);
        name
    }

    /// Adds everything below `dir` under its own name.
    pub(super) fn add_directory(&mut self, dir: &Path) -> Result<()> {
        for file in files_below(dir)? {
            let path = file.strip_prefix(dir)?.to_string_lossy().into_owned();
            let content =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            self.files.insert(path, content);
        }
        Ok(())
    }

    /// Adds everything below `dir`, below `prefix`.
    pub(super) fn add_directory_at(&mut self, dir: &Path, prefix: &str) -> Result<()> {
        let mut inner = Self::default();
        inner.add_directory(dir)?;
        for (path, content) in inner.files {
            self.files.insert(format!("{prefix}/{path}"), content);
        }
        Ok(())
    }

    /// Puts a `.gz` and a `.br` beside every file that gets smaller by it.
    pub(super) fn compress(&mut self) -> Result<()> {
        let candidates = self
            .files
            .iter()
            .filter(|(path, content)| {
                let extension = Path::new(path)
                    .extension()
                    .and_then(|extension| extension.to_str());
                content.len() >= SMALLEST
                    && extension.is_some_and(|extension| COMPRESSED.contains(&extension))
            })
            .flat_map(|(path, content)| {
                [
                    (path, content, Method::Brotli),
                    (path, content, Method::Gzip),
                ]
            })
            .collect::<Vec<_>>();
        let next = AtomicUsize::new(0);
        let compressed = Mutex::new(Vec::new());
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let work = || -> Result<()> {
                while let Some((path, content, method)) =
                    candidates.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let smaller = method.compress(content)?;
                    if smaller.len() < content.len() {
                        let name = format!("{path}.{}", method.extension());
                        compressed
                            .lock()
                            .map_err(|_| anyhow::anyhow!("a compressing thread panicked"))?
                            .push((name, smaller));
                    }
                }
                Ok(())
            };
            let threads = (0..workers).map(|_| scope.spawn(work)).collect::<Vec<_>>();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .map_err(|_| anyhow::anyhow!("a compressing thread panicked"))?
            })
        })?;
        let compressed = compressed
            .into_inner()
            .map_err(|_| anyhow::anyhow!("a compressing thread panicked"))?;
        self.files.extend(compressed);
        Ok(())
    }

    /// Replaces `site` by these files. A server that runs meanwhile never sees half of them.
    pub(super) fn write(&self, site: &Path) -> Result<()> {
        let staging = site.with_extension("new");
        let old = site.with_extension("old");
        for leftover in [&staging, &old] {
            if leftover.exists() {
                fs::remove_dir_all(leftover)?;
            }
        }
        for (path, content) in &self.files {
            write(&staging.join(path), content)?;
        }
        write(&staging.join("hash.txt"), self.hash_file().as_bytes())?;
        write(
            &staging.join("assets.json"),
            &serde_json::to_vec_pretty(&self.assets)?,
        )?;
        if site.exists() {
            fs::rename(site, &old)?;
        }
        fs::rename(&staging, site)?;
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
        Ok(())
    }

    /// The bytes that a browser downloads at most before the first page that it visits takes over.
    pub(super) fn first_visit(&self) -> usize {
        let parts = self.assets.iter().filter_map(|(kind, path)| {
            let part = kind.strip_prefix(PART)?;
            (part != SHARED).then(|| self.size(path))
        });
        let shared = format!("{PART}{SHARED}");
        let always = ["js", "wasm", &shared].into_iter();
        let always = always.filter_map(|kind| self.assets.get(kind));
        always.map(|path| self.size(path)).sum::<usize>() + parts.max().unwrap_or(0)
    }

    /// The bytes of a file as browsers get it.
    fn size(&self, path: &str) -> usize {
        let compressed = self.files.get(&format!("{path}.br"));
        compressed
            .or_else(|| self.files.get(path))
            .map_or(0, Vec::len)
    }

    /// In the form that Leptos reads: `js: <hash>`.
    fn hash_file(&self) -> String {
        ["css", "js", "wasm"]
            .iter()
            .filter_map(|kind| Some(format!("{kind}: {}\n", self.hashes.get(*kind)?)))
            .collect()
    }
}

impl fmt::Display for Bundle {
    /// Such as `css 3 KB, js 10 KB, part:models 20 KB, wasm 200 KB as brotli; a first visit takes 230 KB at most`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, path) in &self.assets {
            write!(f, "{separator}{kind} {} KB", self.size(path).div_ceil(1000))?;
            separator = ", ";
        }
        let first_visit = self.first_visit().div_ceil(1000);
        write!(
            f,
            " as brotli; a first visit takes {first_visit} KB at most"
        )
    }
}

#[derive(Clone, Copy)]
enum Method {
    Brotli,
    Gzip,
}

impl Method {
    fn extension(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }

    fn compress(self, content: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: 11,
                    lgwin: 22,
                    size_hint: content.len(),
                    ..Default::default()
                };
                let mut output = Vec::new();
                brotli::BrotliCompress(&mut &content[..], &mut output, &parameters)?;
                Ok(output)
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(content)?;
                Ok(encoder.finish()?)
            }
        }
    }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_site_is_hashed_compressed_and_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("site");
        fs::create_dir(&site).unwrap();
        fs::write(site.join("stale.js"), "old").unwrap();
        let script = b"let canary = 1;\n".repeat(200);

        let mut bundle = Bundle::default();
        bundle.add_hashed("js", "volary", "js", script.clone());
        bundle.add_hashed("css", "volary", "css", b"a{}".to_vec());
        bundle.compress().unwrap();
        bundle.write(&site).unwrap();

        assert!(!site.join("stale.js").exists());
        let assets: BTreeMap<String, String> =
            serde_json::from_slice(&fs::read(site.join("assets.json")).unwrap()).unwrap();
        let js = &assets["js"];
        assert_eq!(fs::read(site.join(js)).unwrap(), script);
        let hashes = fs::read_to_string(site.join("hash.txt")).unwrap();
        let hash = hashes
            .lines()
            .find_map(|line| line.strip_prefix("js: "))
            .unwrap();
        assert_eq!(*js, format!("pkg/volary.{hash}.js"));

        let mut unzipped = Vec::new();
        let zipped = fs::read(site.join(format!("{js}.gz"))).unwrap();
        flate2::read::GzDecoder::new(&zipped[..])
            .read_to_end(&mut unzipped)
            .unwrap();
        assert_eq!(unzipped, script);
        let mut unpacked = Vec::new();
        let packed = fs::read(site.join(format!("{js}.br"))).unwrap();
        brotli::BrotliDecompress(&mut &packed[..], &mut unpacked).unwrap();
        assert_eq!(unpacked, script);
        assert!(!site.join(format!("{}.gz", assets["css"])).exists());
    }

    #[test]
    fn a_first_visit_takes_the_largest_part() {
        let mut bundle = Bundle::default();
        for (kind, size) in [
            ("css", 1),
            ("js", 10),
            ("wasm", 100),
            ("part:shared", 1_000),
            ("part:models", 10_000),
            ("part:datasets", 20_000),
        ] {
            bundle.add_hashed(kind, "file", "wasm", vec![0; size]);
        }
        assert_eq!(bundle.first_visit(), 21_110);
    }
}
