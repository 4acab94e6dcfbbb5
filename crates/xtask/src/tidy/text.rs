//! What must stand in no file.

use crate::tidy::Finding;

/// Written by tools, and full of addresses.
const GENERATED: [&str; 2] = ["Cargo.lock", "end2end/package-lock.json"];

/// Split in two, so that this list does not find itself.
const FORBIDDEN: [(&str, &str, &str); 22] = [
    (
        "TO",
        "DO",
        "finish it, or describe the limit in the documentation",
    ),
    (
        "FIX",
        "ME",
        "fix it, or describe the limit in the documentation",
    ),
    ("/wo", "rk/", "names a directory of one machine"),
    ("deb.deb", "ian.org", PACKAGE_HOST),
    ("security.deb", "ian.org", PACKAGE_HOST),
    ("archive.ubu", "ntu.com", PACKAGE_HOST),
    ("static.ru", "st-lang.org", PACKAGE_HOST),
    ("index.cra", "tes.io", PACKAGE_HOST),
    ("static.cra", "tes.io", PACKAGE_HOST),
    ("registry.np", "mjs.org", PACKAGE_HOST),
    ("registry.ya", "rnpkg.com", PACKAGE_HOST),
    ("files.pytho", "nhosted.org", PACKAGE_HOST),
    ("pypi.o", "rg/simple", PACKAGE_HOST),
    ("unp", "kg.com", CDN),
    ("jsde", "livr.net", CDN),
    ("cdn", "js.cloudflare.com", CDN),
    ("es", "m.sh", CDN),
    ("sky", "pack.dev", CDN),
    ("fonts.goo", "gleapis.com", CDN),
    ("fonts.gst", "atic.com", CDN),
    ("cdn.tail", "windcss.com", CDN),
    ("ajax.goo", "gleapis.com", CDN),
];
const PACKAGE_HOST: &str =
    "package hosts are the user's choice, set in the tools' own configuration";
const CDN: &str = "nothing is loaded from elsewhere at run time: bundle it";

pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if GENERATED.contains(&path) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{path}:{}", number + 1);
        for (start, end, reason) in FORBIDDEN {
            if holds(line, &format!("{start}{end}")) {
                findings.push(Finding::new(place(), format!("`{start}{end}`: {reason}")));
            }
        }
        if path.starts_with("style/") && loads_from_elsewhere(line) {
            findings.push(Finding::new(
                place(),
                format!("loads from another host: {CDN}"),
            ));
        }
    }
    findings
}

/// Whether `word` stands in `line` by itself, not within a longer word.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let continues = |neighbour: Option<char>| {
            neighbour.is_some_and(|char| char.is_alphanumeric() || char == '_')
        };
        // A path or host may go on after what is forbidden.
        !continues(before) && (word.contains(['/', '.']) || !continues(after))
    })
}

fn loads_from_elsewhere(line: &str) -> bool {
    ["url(", "@import"].iter().any(|loading| {
        line.split(loading).skip(1).any(|rest| {
            let address = rest.trim_start_matches([' ', '"', '\'', '(']);
            ["http:", "https:", "//"]
                .iter()
                .any(|remote| address.starts_with(remote))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_by_line() {
        let marker = ["TO", "DO"].concat();
        let text = format!("fine\nlet x = 1; // {marker}: later\n");
        let findings = check("app/src/lib.rs", &text);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "app/src/lib.rs:2");
        assert_eq!(check("app/src/lib.rs", &format!("{marker}S")), []);
        assert_eq!(check("Cargo.lock", &text), []);
    }

    #[test]
    fn hosts_are_found_inside_addresses() {
        let host = ["unp", "kg.com"].concat();
        assert_eq!(
            check(
                "app/src/shell.rs",
                &format!("<script src=\"https://{host}/x\">")
            )
            .len(),
            1
        );
        assert_eq!(check("docs/a.md", "https://example.org/network/"), []);
    }

    #[test]
    fn style_sheets_load_nothing_from_elsewhere() {
        for bad in [
            "a { background: url(https://x/y.png) }",
            "@import \"//x/y.css\";",
            "@import url('http://x/y.css');",
        ] {
            assert_eq!(check("style/main.css", bad).len(), 1, "{bad}");
        }
        for good in [
            "@import \"base.css\";",
            "a { background: url(\"data:image/svg+xml,x\") }",
            "/* https://x */",
        ] {
            assert_eq!(check("style/main.css", good), [], "{good}");
        }
    }
}
