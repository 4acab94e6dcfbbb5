//! Runs that cannot give a model, and what they say.

use crate::training::exact;
use crate::{TestFile, csv, spec};

#[test]
fn what_cannot_be_trained_says_why_and_what_to_do() {
    let numbers = || csv("a,b,c,y", exact(200));
    let table = |header: &str, row: &dyn Fn(u32) -> String| csv(header, (0..60).map(row));
    let mut features = spec("y");
    features.features = Some(vec!["a".to_owned(), "z".to_owned()]);
    let cases: Vec<(TestFile, _, &str, &str)> = vec![
        (
            numbers(),
            spec("z"),
            "invalid_target",
            "the table has no column \"z\"",
        ),
        (
            numbers(),
            spec("c"),
            "invalid_target",
            "no number in every row: row 1 has \"x\"",
        ),
        (
            numbers(),
            features,
            "invalid_features",
            "the table has no column \"z\"",
        ),
        (
            table("a,y", &|index| format!("{index},5")),
            spec("y"),
            "invalid_target",
            "nothing to learn",
        ),
        (
            table("a,y", &|index| format!("{index},")),
            spec("y"),
            "invalid_target",
            "has no values",
        ),
        (
            table("a,y", &|index| format!("{index},{}", index % 2 == 0)),
            spec("y"),
            "invalid_target",
            "is boolean",
        ),
        (
            table("a,y", &|index| format!("3,{index}")),
            spec("y"),
            "invalid_features",
            "no feature is of use",
        ),
        (
            table("y", &|index| index.to_string()),
            spec("y"),
            "invalid_features",
            "no column to learn from",
        ),
        (
            table("a,y", &|index| {
                format!("{index},{}", if index == 41 { "n. a." } else { "1.5" })
            }),
            spec("y"),
            "invalid_target",
            "row 42 has \"n. a.\"",
        ),
        (
            csv(
                "a,y",
                exact(5).map(|row| row.split_once(',').unwrap().0.to_owned() + ",1"),
            ),
            spec("y"),
            "too_few_rows",
            "5 rows",
        ),
        (
            csv(
                &format!(
                    "{},y",
                    (0..30)
                        .map(|index| format!("c{index}"))
                        .collect::<Vec<_>>()
                        .join(",")
                ),
                (0..20).map(|row| {
                    (0..31)
                        .map(|column| ((row * 31 + column * column) % 19).to_string())
                        .collect::<Vec<_>>()
                        .join(",")
                }),
            ),
            spec("y"),
            "too_few_rows",
            "too few for 30 encoded columns",
        ),
        (
            csv("a,y", ["1,2".to_owned(), "3".to_owned()]),
            spec("y"),
            "unreadable_data",
            "row 2 (line 3)",
        ),
        (
            table("a,y", &|index| {
                format!("{index},{}1e308", if index % 2 == 0 { "" } else { "-" })
            }),
            spec("y"),
            "invalid_target",
            "too large",
        ),
    ];
    for (file, spec, code, message) in cases {
        let error = file.train(&spec).unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert!(
            error.message.contains(message),
            "{error:?} lacks {message:?}"
        );
        assert!(
            error.fix.ends_with('.') && error.fix.len() > 15,
            "{error:?}"
        );
    }
}
