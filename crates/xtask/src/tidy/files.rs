//! How files are named and how long they may be.

use std::path::Path;

use crate::tidy::Finding;

/// Read in one sitting.
const LONGEST: usize = 500;
const MEASURED: [&str; 6] = ["css", "js", "py", "rs", "sql", "ts"];

/// Names that say nothing about the content.
const EMPTY_NAMES: [&str; 8] = [
    "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils",
];

pub(super) fn check_path(path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let file = Path::new(path);
    if path.ends_with("/mod.rs") {
        findings.push(Finding::new(
            path,
            "is a `mod.rs`: name the file after the module",
        ));
    }
    let is_code = file
        .extension()
        .is_some_and(|extension| extension == "py" || extension == "rs" || extension == "ts");
    if is_code {
        let empty = path
            .split('/')
            .map(|part| part.split('.').next().unwrap_or(part))
            .find(|part| EMPTY_NAMES.contains(part));
        if let Some(name) = empty {
            findings.push(Finding::new(
                path,
                format!("`{name}` says nothing: name what it holds"),
            ));
        }
    }
    if let Some(name) = path.strip_prefix("migrations/")
        && !is_migration(name)
    {
        findings.push(Finding::new(
            path,
            "is not named YYYYMMDDHHMMSS_<noun>_<change>.sql",
        ));
    }
    findings
}

pub(super) fn check_length(path: &str, text: &str) -> Option<Finding> {
    let extension = Path::new(path).extension()?.to_str()?;
    let lines = text.lines().count();
    (MEASURED.contains(&extension) && lines > LONGEST).then(|| {
        Finding::new(
            path,
            format!("has {lines} lines: split what is over {LONGEST}"),
        )
    })
}

fn is_migration(name: &str) -> bool {
    let Some((time, rest)) = name
        .strip_suffix(".sql")
        .and_then(|name| name.split_once('_'))
    else {
        return false;
    };
    let words = rest.split('_').collect::<Vec<_>>();
    let is_word = |word: &&str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    time.len() == 14
        && time.bytes().all(|byte| byte.is_ascii_digit())
        && words.len() >= 2
        && words.iter().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_after_their_content() {
        for good in [
            "crates/store/src/jobs.rs",
            "migrations/20260101120000_users_create.sql",
            "docs/how-to/utils.md",
            "server/tests/it/main.rs",
        ] {
            assert_eq!(check_path(good), [], "{good}");
        }
        for bad in [
            "crates/store/src/jobs/mod.rs",
            "app/src/utils.rs",
            "app/src/helpers/dates.rs",
            "clients/python/src/volary/utils.py",
            "end2end/tests/helpers.spec.ts",
            "migrations/0001_users_create.sql",
            "migrations/20260101120000_users.sql",
            "migrations/20260101120000_Users-create.sql",
        ] {
            assert_eq!(check_path(bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn long_sources_are_found_and_long_data_is_not() {
        let long = "x\n".repeat(LONGEST + 1);
        assert!(check_length("app/src/lib.rs", &long).is_some());
        assert!(check_length("app/src/lib.rs", &long[2..]).is_none());
        assert!(check_length("demo/table.csv", &long).is_none());
    }
}
