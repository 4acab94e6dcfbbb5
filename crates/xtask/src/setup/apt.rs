//! Debian's package manager: installing, and fetching one package from a suite the system does not use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process;

const UPDATE_LIMIT: Duration = Duration::from_mins(5);
const INSTALL_LIMIT: Duration = Duration::from_mins(20);

/// Whether packages can be installed: only root may, and only where apt is.
pub(crate) fn can_install() -> bool {
    process::is_root() && process::find("apt-get").is_some()
}

/// Installs `packages` from the system's own sources.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    process::capture(apt_get().arg("update"), UPDATE_LIMIT)?;
    let mut install = apt_get();
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages);
    process::capture(&mut install, INSTALL_LIMIT)?;
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Where the system gets Debian from, and the keyring it checks that with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    uri: String,
    signed_by: Option<String>,
}

/// A package manager of our own beside the system's: own sources, own lists, own cache. The mirror and the
/// keyring are the system's, and signatures are checked as ever.
pub(crate) struct PrivateApt {
    dir: PathBuf,
    mirror: Mirror,
}

impl PrivateApt {
    pub(crate) fn new(dir: &Path, mirror: Mirror) -> Result<Self> {
        for below in [
            "etc/parts",
            "etc/preferences",
            "state/lists/partial",
            "cache/archives/partial",
            "packages",
        ] {
            fs::create_dir_all(dir.join(below))?;
        }
        Ok(Self {
            dir: dir.to_path_buf(),
            mirror,
        })
    }

    /// Fetches `package` in the version that `wanted` accepts, from the first of `suites` that has one.
    pub(crate) fn download(
        &self,
        package: &str,
        suites: &[String],
        wanted: impl Fn(&str) -> bool,
        note: impl Fn(String),
    ) -> Result<PathBuf> {
        for suite in suites {
            note(format!("looking for {package} in {suite}"));
            let Some(version) = self.find(package, suite, &wanted)? else {
                continue;
            };
            note(format!("downloading {package} {version} from {suite}"));
            let mut download = self.apt("apt-get");
            download
                .current_dir(self.dir.join("packages"))
                .args(["download", &format!("{package}={version}")]);
            process::capture(&mut download, INSTALL_LIMIT)?;
            let file = fs::read_dir(self.dir.join("packages"))?
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
            return file.with_context(|| format!("apt-get download left no file of {package}"));
        }
        bail!(
            "no suite of {} has {package} in the wanted version (tried {})",
            self.mirror.uri,
            suites.join(", ")
        )
    }

    /// The newest accepted version in `suite`; `None` also when the mirror has no such suite.
    fn find(
        &self,
        package: &str,
        suite: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<String>> {
        let options = match &self.mirror.signed_by {
            Some(keyring) => format!("[signed-by={keyring}] "),
            None => String::new(),
        };
        let source = format!("deb {options}{} {suite} main\n", self.mirror.uri);
        fs::write(self.dir.join("etc/sources.list"), source)?;
        if process::capture(self.apt("apt-get").arg("update"), UPDATE_LIMIT).is_err() {
            return Ok(None);
        }
        let mut madison = self.apt("apt-cache");
        let listing = process::capture(madison.args(["madison", package]), UPDATE_LIMIT)?;
        // ` rust-src | 1.95.0+dfsg1-2 | http://... trixie/main amd64 Packages`, newest first
        let version = listing
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim)
            .find(|version| wanted(version));
        Ok(version.map(str::to_owned))
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        for (option, below) in [
            ("Dir::Etc::SourceList", "etc/sources.list"),
            ("Dir::Etc::SourceParts", "etc/parts"),
            ("Dir::Etc::Preferences", "etc/none"),
            ("Dir::Etc::PreferencesParts", "etc/preferences"),
            ("Dir::State", "state"),
            ("Dir::Cache", "cache"),
        ] {
            command
                .arg("-o")
                .arg(format!("{option}={}", self.dir.join(below).display()));
        }
        // The directory is ours alone, which apt's own download user could not enter.
        command.args(["-o", "APT::Sandbox::User=root"]);
        // Lists that only software centres read.
        command.args([
            "-o",
            "Acquire::Languages=none",
            "-o",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        ]);
        command
    }
}

/// The code name of the running Debian, or of the one a derivative names; `None` on other systems.
pub(crate) fn release() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    (field("ID").as_deref() == Some("debian")).then(|| field("VERSION_CODENAME"))?
}

/// The mirror that the system's sources name for `release`.
pub(crate) fn mirror(release: &str) -> Result<Mirror> {
    let etc = Path::new("/etc/apt");
    let mut files = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        files.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
    }
    files.sort();
    files
        .iter()
        .filter_map(|file| Some((file, fs::read_to_string(file).ok()?)))
        .find_map(|(file, text)| match file.extension()?.to_str()? {
            "list" => from_lines(&text, release),
            "sources" => from_stanzas(&text, release),
            _ => None,
        })
        .with_context(|| {
            format!("the apt sources of this system name no mirror for {release}/main")
        })
}

/// `deb [signed-by=/k.gpg] http://mirror/debian bookworm main`
fn from_lines(text: &str, release: &str) -> Option<Mirror> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", rest),
        };
        let words = rest.split_whitespace().collect::<Vec<_>>();
        let [uri, suite, components @ ..] = &words[..] else {
            return None;
        };
        let fits = *suite == release && components.contains(&"main") && is_remote(uri);
        fits.then(|| Mirror {
            uri: (*uri).to_owned(),
            signed_by: options
                .split_whitespace()
                .find_map(|option| option.strip_prefix("signed-by="))
                .map(str::to_owned),
        })
    })
}

/// The same in deb822 form: stanzas of `Name: value` lines.
fn from_stanzas(text: &str, release: &str) -> Option<Mirror> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>();
    lines
        .split(|line| line.trim().is_empty())
        .find_map(|stanza| {
            let field = |wanted: &str| {
                stanza
                    .iter()
                    .filter_map(|line| line.split_once(':'))
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                    .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>())
                    .unwrap_or_default()
            };
            let fits = field("Types").contains(&"deb")
                && field("Suites").contains(&release)
                && field("Components").contains(&"main")
                && field("Enabled") != ["no"];
            let uri = field("URIs")
                .into_iter()
                .find(|uri| is_remote(uri))?
                .to_owned();
            // A key written into the stanza itself spans lines; the system's trusted keys include Debian's then.
            let signed_by = field("Signed-By")
                .first()
                .filter(|path| path.starts_with('/'))
                .map(|&path| path.to_owned());
            fits.then_some(Mirror { uri, signed_by })
        })
}

fn is_remote(uri: &str) -> bool {
    !uri.starts_with("cdrom:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(uri: &str, signed_by: Option<&str>) -> Mirror {
        Mirror {
            uri: uri.to_owned(),
            signed_by: signed_by.map(str::to_owned),
        }
    }

    #[test]
    fn the_mirror_is_read_from_one_line_sources() {
        let text = "# deb http://old/debian bookworm main\n\
                    deb cdrom:[Debian 12]/ bookworm main\n\
                    deb http://other/tools tools-bookworm main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main contrib\n";
        assert_eq!(
            from_lines(text, "bookworm"),
            Some(mirror("http://mirror/debian", Some("/k.gpg")))
        );
        assert_eq!(from_lines(text, "trixie"), None);
    }

    #[test]
    fn the_mirror_is_read_from_stanzas() {
        let text = "Types: deb\nURIs: http://other/node\nSuites: nodistro\nComponents: main\n\n\
                    Types: deb deb-src\n# a snapshot\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates\n\
                    Components: main\nSigned-By: /k.gpg\n";
        assert_eq!(
            from_stanzas(text, "bookworm"),
            Some(mirror("http://mirror/debian", Some("/k.gpg")))
        );
        assert_eq!(from_stanzas(text, "sid"), None);
        assert_eq!(
            from_stanzas(&text.replace("Signed-By: /k.gpg\n", ""), "bookworm"),
            Some(mirror("http://mirror/debian", None))
        );
    }
}
