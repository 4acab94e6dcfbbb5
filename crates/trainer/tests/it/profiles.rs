use domain::datasets::ColumnProfile;
use domain::datasets::ColumnType;

use crate::{TestFile, california_housing, column, csv, titanic};

fn codes(column: &ColumnProfile) -> Vec<&str> {
    column
        .warnings
        .iter()
        .map(|warning| warning.code.as_str())
        .collect()
}

/// Figures from pandas.
#[test]
fn california_housing_is_described_as_it_is() {
    let profile = california_housing().profile().unwrap();
    assert_eq!(
        (profile.rows, profile.columns.len(), profile.preview.len()),
        (20_640, 10, 200)
    );
    assert_eq!(profile.preview[0][9].as_deref(), Some("NEAR BAY"));

    let bedrooms = column(&profile, "total_bedrooms");
    assert_eq!(
        (bedrooms.kind, bedrooms.missing, bedrooms.nullable),
        (ColumnType::Float, 207, true)
    );
    assert_eq!(
        (bedrooms.min, bedrooms.max, bedrooms.distinct),
        (Some(1.0), Some(6445.0), 1923)
    );
    assert!((bedrooms.mean.unwrap() - 537.870_552_537_561_8).abs() < 1e-9);
    assert!((bedrooms.std.unwrap() - 421.385_070_074_025_25).abs() < 1e-9);
    assert_eq!(bedrooms.histogram.len(), 20);
    assert_eq!(
        bedrooms.histogram.iter().map(|bar| bar.count).sum::<u64>(),
        20_433
    );
    assert!((bedrooms.histogram[0].to - 323.2).abs() < 1e-9);

    let ocean = column(&profile, "ocean_proximity");
    assert_eq!(
        (ocean.kind, ocean.distinct, ocean.missing),
        (ColumnType::String, 5, 0)
    );
    let top: Vec<_> = ocean
        .top_values
        .iter()
        .map(|top| (top.value.as_str(), top.count))
        .collect();
    assert_eq!(
        top,
        [
            ("<1H OCEAN", 9136),
            ("INLAND", 6551),
            ("NEAR OCEAN", 2658),
            ("NEAR BAY", 2290),
            ("ISLAND", 5)
        ]
    );
    assert!(
        profile
            .columns
            .iter()
            .all(|column| column.warnings.is_empty())
    );
}

#[test]
fn titanic_has_warnings() {
    let profile = titanic().profile().unwrap();
    assert_eq!(profile.rows, 891);
    assert_eq!(codes(column(&profile, "PassengerId")), ["id_like"]);
    assert_eq!(codes(column(&profile, "Name")), ["id_like"]);
    assert_eq!(codes(column(&profile, "Ticket")), ["high_cardinality"]);
    assert_eq!(
        codes(column(&profile, "Cabin")),
        ["mostly_missing", "high_cardinality"]
    );
    assert_eq!(codes(column(&profile, "Age")), Vec::<&str>::new());
    assert_eq!(
        profile.preview[0][3].as_deref(),
        Some("Braund, Mr. Owen Harris")
    );
    assert_eq!(profile.preview[0][10], None);
}

#[test]
fn every_warning_has_its_cause() {
    let rows = (0..50).map(|index| {
        let mixed = if index == 30 {
            "12 years".to_owned()
        } else {
            index.to_string()
        };
        format!("k,,{mixed},{},{}", index % 5, index % 2 == 0)
    });
    let profile = csv("same,none,mixed,user_id,flag", rows).profile().unwrap();
    assert_eq!(codes(column(&profile, "same")), ["constant"]);
    assert_eq!(codes(column(&profile, "none")), ["all_missing"]);
    assert_eq!(codes(column(&profile, "user_id")), ["id_like"]);
    assert_eq!(codes(column(&profile, "flag")), Vec::<&str>::new());
    let mixed = &column(&profile, "mixed").warnings[0];
    assert_eq!(mixed.code, "mixed_types");
    assert!(
        mixed
            .message
            .starts_with("49 of 50 values are numbers, but not all: row 31 has \"12 years\""),
        "{}",
        mixed.message
    );
    let flag = column(&profile, "flag");
    assert_eq!(
        (flag.kind, flag.distinct, flag.top_values[0].count),
        (ColumnType::Boolean, 2, 25)
    );
}

#[test]
fn one_row_and_one_column() {
    let profile = TestFile::csv("x\n5").profile().unwrap();
    let x = &profile.columns[0];
    assert_eq!(
        (profile.rows, x.kind, x.min, x.max, x.mean, x.std),
        (
            1,
            ColumnType::Integer,
            Some(5.0),
            Some(5.0),
            Some(5.0),
            None
        )
    );
    assert_eq!((x.histogram.len(), x.histogram[0].count), (1, 1));
}

#[test]
fn many_distinct_values_are_estimated() {
    let rows = 250_000_u64;
    let file = csv(
        "id,text,often",
        (0..rows).map(|index| {
            format!(
                "{index},t{index},{}",
                if index % 3 == 0 {
                    "most".to_owned()
                } else {
                    index.to_string()
                }
            )
        }),
    );
    let profile = file.profile().unwrap();
    for name in ["id", "text"] {
        let distinct = column(&profile, name).distinct;
        assert!(
            distinct.abs_diff(rows) < rows * 3 / 100,
            "{distinct} in {name}"
        );
        assert_eq!(codes(column(&profile, name)), ["id_like"]);
    }
    let often = column(&profile, "often");
    assert_eq!(often.top_values[0].value, "most");
    assert!(
        (80_000..=83_334).contains(&often.top_values[0].count),
        "{:?}",
        often.top_values[0]
    );
}

#[test]
fn wide_tables_and_long_values_have_small_previews() {
    let header = (0..2_000)
        .map(|index| format!("c{index}"))
        .collect::<Vec<_>>()
        .join(",");
    let row = vec!["ä".repeat(300); 2_000].join(",");
    let profile = csv(&header, (0..30).map(|_| row.clone()))
        .profile()
        .unwrap();
    assert_eq!(profile.preview[0][0].as_ref().unwrap().chars().count(), 200);
    assert!(
        (1..30).contains(&profile.preview.len()),
        "{}",
        profile.preview.len()
    );
    assert!(profile.columns[0].top_values[0].value.chars().count() == 200);
}
