//! Who may depend on whom.

use cargo_metadata::Package;

use crate::tidy::Finding;

/// Every member of the workspace with the members it may depend on, in whatever role. This is the whole of the
/// allowed directions: what is not listed is forbidden.
const MEMBERS: [(&str, &[&str]); 13] = [
    ("app", &["domain", "platform"]),
    ("domain", &[]),
    ("frontend", &["app"]),
    ("jobs", &["domain", "store"]),
    ("model", &["domain", "onnx"]),
    ("onnx", &[]),
    ("platform", &["domain", "store"]),
    ("serving", &["domain", "model"]),
    (
        "server",
        &[
            "app", "domain", "jobs", "model", "platform", "serving", "store", "testkit", "trainer",
        ],
    ),
    ("store", &["domain"]),
    ("testkit", &["domain", "model", "platform", "store"]),
    ("trainer", &["domain", "model", "onnx"]),
    ("xtask", &[]),
];

/// May be used by any member's tests.
const FOR_TESTS: &str = "testkit";

/// Packages, or families of them, that live in certain members alone.
const CONFINED: [(&str, &[&str]); 14] = [
    ("arrow", &["trainer"]),
    ("axum", &["server", "testkit"]),
    ("hyper", &["server", "testkit"]),
    ("jsonwebtoken", &["platform", "testkit"]),
    ("leptos", &["app", "frontend", "server"]),
    ("lightningcss", &["xtask"]),
    ("linfa", &["trainer"]),
    ("ndarray", &["trainer"]),
    ("parquet", &["trainer"]),
    ("perpetual", &["trainer"]),
    ("polars", &["trainer"]),
    ("pulldown-cmark", &["platform"]),
    ("sqlx", &["store"]),
    ("tower-http", &["server"]),
];

/// Members without I/O, and what would bring it in.
const PURE: [&str; 3] = ["domain", "model", "onnx"];
const IMPURE: [&str; 6] = [
    "async-std",
    "futures",
    "reqwest",
    "rustix",
    "socket2",
    "tokio",
];

pub(super) fn check_directions(package: &Package) -> Vec<Finding> {
    let edges = package.dependencies.iter().map(|dependency| {
        let for_tests = dependency.kind == cargo_metadata::DependencyKind::Development;
        (dependency.name.as_str(), for_tests)
    });
    check_edges(package.name.as_str(), edges)
}

/// `edges` are the names of the packages that `member` depends on, and whether only its tests do.
fn check_edges<'a>(member: &str, edges: impl Iterator<Item = (&'a str, bool)>) -> Vec<Finding> {
    let Some((_, allowed)) = MEMBERS.iter().find(|(name, _)| *name == member) else {
        let problem =
            "is a new member: say in xtask's `tidy/dependencies.rs` what it may depend on";
        return vec![Finding::new(member, problem)];
    };
    let mut findings = Vec::new();
    for (dependency, for_tests) in edges {
        let is_member = MEMBERS.iter().any(|(name, _)| *name == dependency);
        if is_member && !allowed.contains(&dependency) && !(for_tests && dependency == FOR_TESTS) {
            findings.push(Finding::new(
                member,
                format!("must not depend on `{dependency}`"),
            ));
        }
        for (confined, homes) in CONFINED {
            let is_of_family = dependency == confined
                || dependency
                    .strip_prefix(confined)
                    .is_some_and(|rest| rest.starts_with(['-', '_']));
            if is_of_family && !homes.contains(&member) {
                let problem = format!(
                    "must not depend on `{dependency}`, which belongs in {}",
                    homes.join(", ")
                );
                findings.push(Finding::new(member, problem));
            }
        }
        if PURE.contains(&member) && IMPURE.contains(&dependency) && !for_tests {
            findings.push(Finding::new(
                member,
                format!("does no I/O, so it must not depend on `{dependency}`"),
            ));
        }
    }
    findings
}

/// Members take lints, metadata and versions from the workspace.
pub(super) fn check_manifest(path: &str, text: &str) -> Vec<Finding> {
    let manifest = match text.parse::<toml::Table>() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(path, error.to_string())],
    };
    let inherits = |table: &str, key: &str| {
        let value = manifest.get(table).and_then(|table| table.get(key));
        value
            .and_then(|value| value.get("workspace"))
            .or(value)
            .and_then(toml::Value::as_bool)
            == Some(true)
    };
    let mut findings = Vec::new();
    if !inherits("lints", "workspace") {
        findings.push(Finding::new(path, "lacks `[lints] workspace = true`"));
    }
    for key in ["version", "edition", "rust-version", "license"] {
        if !inherits("package", key) {
            findings.push(Finding::new(
                path,
                format!("lacks `{key}.workspace = true`"),
            ));
        }
    }
    let name = manifest
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str);
    let folder = path.rsplit('/').nth(1);
    if name != folder {
        findings.push(Finding::new(
            path,
            "the package is not named like its folder",
        ));
    }
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets
        .into_iter()
        .flat_map(|targets| targets.values().filter_map(toml::Value::as_table))
        .chain([&manifest]);
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (dependency, value) in table
                .get(kind)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
            {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    let problem =
                        format!("`{dependency}` takes its version not from the workspace");
                    findings.push(Finding::new(path, problem));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(member: &str, edges: &[(&str, bool)]) -> Vec<String> {
        check_edges(member, edges.iter().copied())
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn members_depend_downwards_only() {
        assert_eq!(
            problems(
                "platform",
                &[("store", false), ("domain", false), ("serde", false)]
            ),
            [""; 0]
        );
        assert_eq!(
            problems("store", &[("platform", false)]),
            ["must not depend on `platform`"]
        );
        assert_eq!(
            problems("jobs", &[("server", false)]),
            ["must not depend on `server`"]
        );
        assert_eq!(problems("newcomer", &[]).len(), 1);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        assert_eq!(problems("store", &[("testkit", true)]), [""; 0]);
        assert_eq!(
            problems("store", &[("testkit", false)]),
            ["must not depend on `testkit`"]
        );
    }

    #[test]
    fn heavy_packages_stay_where_they_belong() {
        assert_eq!(problems("store", &[("sqlx", false)]), [""; 0]);
        assert_eq!(
            problems("server", &[("sqlx", true)]),
            ["must not depend on `sqlx`, which belongs in store"]
        );
        assert_eq!(problems("serving", &[("linfa-linear", false)]).len(), 1);
        assert_eq!(problems("app", &[("leptos_axum", false)]), [""; 0]);
        assert_eq!(problems("platform", &[("axum", false)]).len(), 1);
    }

    #[test]
    fn pure_members_do_no_io() {
        assert_eq!(problems("domain", &[("tokio", false)]).len(), 1);
        assert_eq!(problems("model", &[("tokio", true)]), [""; 0]);
    }

    #[test]
    fn a_manifest_inherits() {
        let good = "[package]\nname = \"store\"\nversion.workspace = true\nedition.workspace = true\n\
                    rust-version.workspace = true\nlicense.workspace = true\n[lints]\nworkspace = true\n\
                    [dependencies]\nserde.workspace = true\n";
        assert_eq!(check_manifest("crates/store/Cargo.toml", good), []);
        assert_eq!(check_manifest("crates/shop/Cargo.toml", good).len(), 1);
        assert_eq!(
            check_manifest(
                "crates/store/Cargo.toml",
                &good.replace("[lints]\nworkspace = true\n", "")
            )
            .len(),
            1
        );
        let pinned = format!("{good}[target.'cfg(unix)'.dev-dependencies]\nrand = \"0.9\"\n");
        assert_eq!(check_manifest("crates/store/Cargo.toml", &pinned).len(), 1);
    }
}
