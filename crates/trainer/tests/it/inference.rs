use domain::datasets::ColumnType;
use proptest::prelude::*;
use trainer::read::{Number, is_missing, parse_boolean, parse_number};

use crate::{column, csv};

/// A value as a field of a CSV file.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

fn kind_of(values: &[&str]) -> ColumnType {
    let file = csv(
        "x,row",
        values
            .iter()
            .enumerate()
            .map(|(index, value)| format!("{},{index}", quoted(value))),
    );
    column(&file.profile().unwrap(), "x").kind
}

#[test]
fn the_narrowest_type_that_holds_all() {
    assert_eq!(
        kind_of(&["1", "-2", "+3", " 4 ", "007"]),
        ColumnType::Integer
    );
    assert_eq!(
        kind_of(&["1", "", "NA", "nan", "None", "null", "N/A"]),
        ColumnType::Integer
    );
    assert_eq!(
        kind_of(&["9223372036854775807", "-9223372036854775808"]),
        ColumnType::Integer
    );
    assert_eq!(kind_of(&["9223372036854775808"]), ColumnType::Float);
    assert_eq!(kind_of(&["1", "2.0"]), ColumnType::Float);
    assert_eq!(
        kind_of(&["1e3", ".5", "5.", "-0", "1E-7"]),
        ColumnType::Float
    );
    assert_eq!(kind_of(&["true", "FALSE", "True", ""]), ColumnType::Boolean);
    assert_eq!(kind_of(&["true", "1"]), ColumnType::String);
    assert_eq!(kind_of(&["1", "2", "x"]), ColumnType::String);
    for text in [
        "1,5",
        "1e400",
        "inf",
        "-Infinity",
        "0x10",
        "1_000",
        "--1",
        "1-",
        "e5",
        "-",
        ".",
        "1 2",
        "½",
    ] {
        assert_eq!(kind_of(&[text]), ColumnType::String, "{text}");
    }
    assert_eq!(kind_of(&["", "NA"]), ColumnType::String);
}

proptest! {
    #[test]
    fn written_numbers_are_read_as_they_were(whole in any::<i64>(), float in any::<f64>()) {
        prop_assert_eq!(parse_number(&whole.to_string()), Some(Number::Integer(whole)));
        let read = parse_number(&format!("{float:?}"));
        if float.is_finite() {
            prop_assert_eq!(read.map(|number| number.as_f64().to_bits()), Some(float.to_bits()));
        } else {
            prop_assert_eq!(read, None);
        }
    }

    #[test]
    fn any_text_is_one_thing_at_most(text in ".{0,24}") {
        let ways = [is_missing(&text), parse_number(&text).is_some(), parse_boolean(&text).is_some()];
        prop_assert!(ways.iter().filter(|&&way| way).count() <= 1);
        if let Some(number) = parse_number(&text) {
            prop_assert!(number.as_f64().is_finite());
            prop_assert!(text.trim().parse::<f64>().is_ok());
        }
    }

    /// Quoted as the standard says, any text comes back: delimiters, quotes and line breaks included.
    #[test]
    fn any_text_survives_quoting(rows in proptest::collection::vec(("[^\0]{0,12}", "[a-z,\"\n\r;é]{0,8}"), 1..40)) {
        let file = csv("a,b,end", rows.iter().map(|(a, b)| format!("{},{},.", quoted(a), quoted(b))));
        let profile = file.profile().unwrap();
        prop_assert_eq!(profile.rows, rows.len() as u64);
        for (row, (a, b)) in profile.preview.iter().zip(&rows) {
            for (cell, text) in row.iter().zip([a, b]) {
                match cell {
                    Some(cell) => prop_assert_eq!(cell, text),
                    None => prop_assert!(is_missing(text)),
                }
            }
        }
    }
}
