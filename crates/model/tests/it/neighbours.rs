//! Models that remember rows: what they answer, and which files are refused.

use domain::datasets::ColumnType;
use domain::models::OutputField;
use domain::predictions::Scale;
use model::{
    Artifact, ArtifactError, Axis, Body, Neighbours, NotExplainable, OTHER, Observer, PredictError,
    Predictor, Targets, Value, Weights, decode, encode,
};
use proptest::prelude::*;

use crate::artifact::{content, sealed};
use crate::input;

const AXES: [Axis; 3] = [
    Axis::Numeric {
        impute: 1.0,
        mean: 2.0,
        std: 0.5,
    },
    Axis::Numeric {
        impute: 0.0,
        mean: 0.0,
        std: 1.0,
    },
    Axis::Categorical { impute: 1 },
];

fn with(neighbours: Neighbours) -> Artifact {
    let inputs = vec![
        input("x", ColumnType::Float, true, None),
        input("y", ColumnType::Integer, true, None),
        input("c", ColumnType::String, true, Some(&["p", "q"])),
    ];
    let mut artifact = Artifact::linear("price", 0.0, Vec::new());
    "k_nearest_neighbors".clone_into(&mut artifact.algorithm);
    artifact.signature.inputs = inputs;
    if let Targets::Classes(_) = neighbours.targets {
        let classes = ["low", "mid", "high"].map(str::to_owned).to_vec();
        artifact.signature.output = OutputField::classification("level", classes);
    }
    artifact.body = Body::Neighbours(neighbours);
    artifact
}

/// Rows at whole places, so that many are equally far from another.
fn remembered(rows: &[(i8, i8, u8)], neighbors: u32, weights: Weights) -> Neighbours {
    Neighbours {
        neighbors,
        weights,
        axes: AXES.to_vec(),
        rows: rows
            .iter()
            .flat_map(|(x, y, c)| [f64::from(*x), f64::from(*y), f64::from(*c)])
            .collect(),
        targets: Targets::Numbers((0..rows.len()).map(|row| row as f64).collect()),
    }
}

fn example() -> Artifact {
    let rows = [(0, 0, 0), (2, 0, 0), (0, 3, 1), (-2, 0, 2)];
    with(remembered(&rows, 2, Weights::Uniform))
}

/// As it is served: written, read back and prepared.
fn served(artifact: &Artifact) -> Predictor {
    let bytes = encode(artifact).unwrap();
    assert_eq!(bytes[8..10], 8_u16.to_le_bytes());
    let read = decode(&bytes).unwrap();
    assert_eq!(&read, artifact);
    Predictor::new(&read)
}

#[test]
fn the_nearest_rows_are_averaged() {
    use Value::{Category, Missing, Number};
    let predictor = served(&example());
    for (row, expected) in [
        // At (0, 0, p): the rows 0 and, of two that are 4 away without their category, 1.
        ([Number(2.0), Number(0.0), Category(0)], 0.5),
        // At (-2, 0, other): the rows 3 and 0.
        ([Number(1.0), Number(0.0), Category(OTHER)], 1.5),
        // At (-2, 0, q): the rows 3, which is 2 away for its category, and 0.
        ([Missing, Missing, Missing], 1.5),
        // At (0, 3, q): the rows 2 and 0.
        ([Number(2.0), Number(3.0), Category(1)], 1.0),
    ] {
        let found = predictor.number(&row).unwrap();
        assert!((found - expected).abs() < 1e-12, "{row:?} gave {found}");
    }
    assert!(!predictor.gains_from_batches());
    assert_eq!(predictor.scale(), Scale::Prediction);
}

#[test]
fn nearer_rows_count_more_and_the_same_one_alone() {
    let rows = [(0, 0, 0), (1, 0, 0), (0, 0, 0)];
    let predictor = served(&with(remembered(&rows, 3, Weights::Distance)));
    let at = |x: f64| {
        let row = [
            Value::Number(2.0 + x / 2.0),
            Value::Number(0.0),
            Value::Category(0),
        ];
        predictor.number(&row).unwrap()
    };
    // The rows 0 and 2 are at the place itself.
    assert!((at(0.0) - 1.0).abs() < 1e-12);
    assert!((at(1.0) - 1.0).abs() < 1e-12);
    // Twice as far from 0 and 2 as from 1: (0 / 2 + 1 + 2 / 2) / (1 / 2 + 1 + 1 / 2), with distances of 2/3 and 1/3.
    assert!((at(2.0 / 3.0) - 1.0).abs() < 1e-9);
    assert!((at(-1.0) - (0.0 + 0.5 + 2.0) / 2.5).abs() < 1e-12);
}

#[test]
fn classes_get_the_shares_of_their_rows_and_none_is_impossible() {
    let mut body = remembered(
        &[(0, 0, 0), (1, 0, 0), (2, 0, 0), (50, 0, 0)],
        3,
        Weights::Uniform,
    );
    body.targets = Targets::Classes(vec![0, 2, 2, 1]);
    let artifact = with(body);
    let predictor = served(&artifact);
    let row = [Value::Number(2.0), Value::Number(0.0), Value::Category(0)];
    let mut out = [0.0; 3];
    predictor.predict(&row, &mut out).unwrap();
    // Of three neighbours 1, 0 and 2, and of all rows a quarter, a quarter and half, as one neighbour more.
    for (share, expected) in out.iter().zip([0.3125, 0.0625, 0.625]) {
        assert!((share - expected).abs() < 1e-12, "{out:?}");
    }
    assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(predictor.scale(), Scale::Probability);
}

#[test]
fn there_is_no_share_of_an_input_to_explain() {
    let artifact = example();
    assert!(Observer::new(&artifact).is_none());
    let predictor = Predictor::new(&artifact);
    assert_eq!(predictor.explainable_rows(), Err(NotExplainable::Compared));
    let row = [Value::Missing; 3];
    assert_eq!(
        predictor.explain(&row),
        Err(PredictError::NotExplainable(NotExplainable::Compared))
    );
}

#[test]
fn a_row_that_does_not_fit_or_is_too_far_away_is_an_error() {
    let predictor = Predictor::new(&example());
    let row = |value| [Value::Number(0.0), value, Value::Category(0)];
    predictor.number(&row(Value::Missing)).unwrap();
    for (value, expected) in [
        (Value::Category(0), PredictError::WrongKind { slot: 1 }),
        (Value::Number(1e300), PredictError::NotFinite),
    ] {
        assert_eq!(predictor.number(&row(value)), Err(expected));
    }
    let unknown = [Value::Missing, Value::Missing, Value::Category(2)];
    let wrong = Err(PredictError::WrongKind { slot: 2 });
    assert_eq!(predictor.number(&unknown), wrong);
    let short = PredictError::WrongLength {
        expected: 3,
        got: 2,
    };
    assert_eq!(predictor.number(&unknown[..2]), Err(short));
}

#[test]
fn rows_that_contradict_themselves_are_refused() {
    type Change = fn(&mut Neighbours);
    let cases: [(Change, &str); 14] = [
        (|body| body.neighbors = 0, "0 neighbours"),
        (|body| body.neighbors = 5, "5 neighbours of 4 rows"),
        (|body| body.neighbors = 101, "101 neighbours"),
        (|body| body.rows.truncate(11), "11 remembered values"),
        (|body| body.axes.truncate(2), "3 inputs, but 2 axes"),
        (|body| body.rows[0] = f64::NAN, "not finite"),
        (|body| body.rows[2] = 3.0, "category that is not there"),
        (|body| body.rows[2] = 0.5, "category that is not there"),
        (
            |body| body.axes[2] = Axis::Categorical { impute: 2 },
            "imputes a category",
        ),
        (
            |body| body.axes[0] = Axis::Categorical { impute: 0 },
            "is a number",
        ),
        (|body| body.axes[2] = AXES[0], "is no number"),
        (
            |body| {
                body.axes[0] = Axis::Numeric {
                    impute: 0.0,
                    mean: 0.0,
                    std: 0.0,
                };
            },
            "must be above 0",
        ),
        (
            |body| body.targets = Targets::Numbers(vec![f64::INFINITY; 4]),
            "target is not finite",
        ),
        (
            |body| body.targets = Targets::Classes(vec![0; 4]),
            "signature is of a regression",
        ),
    ];
    for (change, expected) in cases {
        let mut artifact = example();
        let Body::Neighbours(body) = &mut artifact.body else {
            panic!("not neighbours");
        };
        change(body);
        let refused = encode(&artifact).unwrap_err();
        let ArtifactError::Inconsistent(what) = refused else {
            panic!("{refused}");
        };
        assert!(what.contains(expected), "{what}");
    }
}

#[test]
fn hostile_bytes_are_refused_without_making_room_for_them() {
    let content = content(&example());
    for length in 0..content.len() {
        assert!(
            decode(&sealed(content[..length].to_vec())).is_err(),
            "{length}"
        );
    }
    let text = String::from_utf8_lossy(&content).into_owned();
    assert!(text.contains("\"rows\":4"));
    for claim in ["\"rows\":9", "\"rows\":0"] {
        let place = text.find("\"rows\":4").unwrap();
        let mut changed = content.clone();
        changed[place..place + claim.len()].copy_from_slice(claim.as_bytes());
        assert!(decode(&sealed(changed)).is_err(), "{claim}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn boxes_find_what_looking_at_every_row_finds(
        rows in proptest::collection::vec((-4..4_i8, -4..4_i8, 0..3_u8), 1..200),
        asked in proptest::collection::vec((-5..5_i8, -5..5_i8, 0..3_u8), 1..20),
        neighbors in 1..20_usize,
    ) {
        let neighbors = neighbors.min(rows.len());
        let predictor = Predictor::new(&with(remembered(&rows, neighbors as u32, Weights::Uniform)));
        for (x, y, c) in asked {
            let mut all: Vec<(i32, usize)> = rows
                .iter()
                .enumerate()
                .map(|(place, (rx, ry, rc))| {
                    let (dx, dy) = (i32::from(*rx) - i32::from(x), i32::from(*ry) - i32::from(y));
                    (dx * dx + dy * dy + if *rc == c { 0 } else { 2 }, place)
                })
                .collect();
            all.sort_unstable();
            let expected: f64 = all[..neighbors].iter().map(|(_, place)| *place as f64).sum();
            let category = if c == 2 { OTHER } else { u32::from(c) };
            let row = [
                Value::Number(2.0 + f64::from(x) / 2.0),
                Value::Number(f64::from(y)),
                Value::Category(category),
            ];
            let found = predictor.number(&row).unwrap();
            prop_assert!((found * neighbors as f64 - expected).abs() < 1e-6, "{} {}", found, expected);
        }
    }
}
