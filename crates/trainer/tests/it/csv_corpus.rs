//! Nasty files: each loads, or fails with a message that names the place and the fix. None panics.

mod files;

use crate::TestFile;
use files::Outcome::{Fails, Loads};

#[test]
fn every_file_loads_or_says_where_and_why_not() {
    for (name, content, outcome) in files::files() {
        let result = TestFile::csv(content).profile();
        match (outcome, result) {
            (Loads(rows, first), Ok(profile)) => {
                assert_eq!(profile.rows, rows, "{name}");
                if !first.is_empty() {
                    let row: Vec<_> = profile.preview[0].iter().map(Option::as_deref).collect();
                    assert_eq!(row, first, "{name}");
                }
            }
            (Fails(parts), Err(error)) => {
                let message = error.to_string();
                for part in parts {
                    assert!(message.contains(part), "{name}: {message:?} lacks {part:?}");
                }
                assert!(message.len() < 700, "{name}: {message}");
            }
            (Loads(..), Err(error)) => panic!("{name} does not load: {error}"),
            (Fails(_), Ok(profile)) => panic!("{name} loads with {} rows", profile.rows),
        }
    }
}

/// The reader works in pieces of 256 KiB: whatever stands at their edges must not matter.
#[test]
fn pieces_leave_no_trace() {
    for shift in 0..7 {
        let first = "x".repeat(200 + shift);
        let rows = (0..40_000)
            .map(|index| {
                format!(
                    "{index},\"a\"\"b,é\"
"
                )
            })
            .collect::<Vec<_>>()
            .concat();
        let profile =
            TestFile::csv(format!("n,{first}\r\n{rows}").replace(&first, &first[..190 + shift]))
                .profile()
                .unwrap();
        assert_eq!(profile.rows, 40_000);
        assert_eq!(profile.columns[0].mean, Some(19_999.5));
        assert_eq!(
            (
                profile.columns[1].distinct,
                profile.columns[1].top_values[0].count
            ),
            (1, 40_000)
        );
        assert_eq!(profile.columns[1].top_values[0].value, "a\"b,é");
    }
}

#[test]
fn a_file_that_is_not_there_is_named_by_its_error_alone() {
    let file = TestFile::csv("a\n1\n");
    let missing = file.directory.path().join("missing");
    let error = trainer::profile(&missing, file.format, &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file cannot be read: entity not found"
    );
}
