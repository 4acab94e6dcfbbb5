#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod artifact;
mod blend;
mod classifier;
mod densities;
mod explain;
mod exponential;
mod export;
mod neighbours;
mod predictor;
mod prepared;
mod remote;
mod row;
mod trees;

use domain::datasets::ColumnType;
use domain::models::InputField;
use model::{Artifact, Background, Node, Reference, Split, Test, Transform, Tree, Trees};

fn input(name: &str, kind: ColumnType, nullable: bool, categories: Option<&[&str]>) -> InputField {
    InputField {
        name: name.to_owned(),
        kind,
        nullable,
        categories: categories.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        min: None,
        max: None,
        format: None,
        impute: None,
        unseen: None,
        transform: None,
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

/// A small model of two trees with the inputs of [`houses`].
fn grove() -> Artifact {
    let split = |input, test, missing_left, right| {
        Node::Split(Split {
            input,
            test,
            missing_left,
            right,
        })
    };
    let city = Test::Among {
        categories: vec![0, 2],
        other: true,
    };
    let garden = Test::Among {
        categories: vec![0],
        other: false,
    };
    let first = vec![
        split(0, Test::Below(75.5), false, 4),
        split(1, Test::Below(2.0), true, 3),
        Node::Leaf(-30.0),
        Node::Leaf(-10.0),
        split(2, city, false, 6),
        Node::Leaf(5.0),
        Node::Leaf(8.0),
    ];
    let second = vec![split(3, garden, true, 2), Node::Leaf(0.25), Node::Leaf(0.5)];
    let trees = Trees {
        base: 100.0,
        trees: vec![Tree { nodes: first }, Tree { nodes: second }],
    };
    Artifact::trees("price", houses().signature.inputs, trees)
}

/// [`houses`] and [`grove`] with what their training rows were.
fn explained() -> [Artifact; 2] {
    let with = |artifact, reference| Artifact {
        background: Some(Background {
            scores: vec![reference],
        }),
        ..artifact
    };
    let means = vec![0.5, -0.25, 3.0, 6.0];
    let covers = vec![vec![10, 4, 1, 3, 6, 6, 0], vec![10, 7, 3]];
    [
        with(houses(), Reference::Means(means)),
        with(grove(), Reference::Covers(covers)),
    ]
}
