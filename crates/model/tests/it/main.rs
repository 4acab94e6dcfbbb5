#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod artifact;
mod predictor;
mod row;

use domain::datasets::ColumnType;
use domain::models::InputField;
use model::{Artifact, Transform};

fn input(name: &str, kind: ColumnType, nullable: bool, categories: Option<&[&str]>) -> InputField {
    InputField {
        name: name.to_owned(),
        kind,
        nullable,
        categories: categories.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        min: None,
        max: None,
        impute: None,
        example: None,
    }
}

/// A small model with one input of each kind.
fn houses() -> Artifact {
    Artifact::linear(
        "price",
        100.0,
        vec![
            (
                input("area", ColumnType::Float, false, None),
                Transform::Numeric {
                    impute: 80.0,
                    mean: 90.0,
                    std: 30.0,
                    coefficient: 60.0,
                },
            ),
            (
                input("rooms", ColumnType::Integer, true, None),
                Transform::Numeric {
                    impute: 3.0,
                    mean: 3.5,
                    std: 0.5,
                    coefficient: -1.0,
                },
            ),
            (
                input(
                    "city",
                    ColumnType::String,
                    true,
                    Some(&["Bern", "Chur", "Genf"]),
                ),
                Transform::Categorical {
                    impute: 1,
                    effects: vec![0.0, -20.0, 35.5],
                    other: 5.0,
                },
            ),
            (
                input(
                    "garden",
                    ColumnType::Boolean,
                    false,
                    Some(&["false", "true"]),
                ),
                Transform::Categorical {
                    impute: 0,
                    effects: vec![0.0, 12.0],
                    other: 6.0,
                },
            ),
        ],
    )
}
