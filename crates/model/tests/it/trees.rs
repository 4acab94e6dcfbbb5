//! Models of trees: what they answer, and which files are refused.

use domain::datasets::ColumnType;
use model::{
    Artifact, ArtifactError, Body, Node, OTHER, PredictError, Predictor, Split, Test, Tree, Trees,
    Value, decode, encode,
};
use proptest::prelude::*;

use crate::artifact::{content, sealed};
use crate::{grove, input};

fn row(area: Value, rooms: Value, city: Value, garden: Value) -> [Value; 4] {
    [area, rooms, city, garden]
}

#[test]
fn a_row_goes_its_way_through_every_tree() {
    use Value::{Category, Missing, Number};
    let predictor = Predictor::new(&grove());
    let ways = [
        (
            row(Number(75.4), Number(1.9), Category(1), Category(0)),
            100.0 - 30.0 + 0.25,
        ),
        (
            row(Number(75.4), Number(2.0), Category(1), Category(1)),
            100.0 - 10.0 + 0.5,
        ),
        (
            row(Number(0.0), Missing, Category(1), Missing),
            100.0 - 30.0 + 0.25,
        ),
        (
            row(Number(75.5), Missing, Category(0), Category(1)),
            100.0 + 5.0 + 0.5,
        ),
        (
            row(Missing, Missing, Category(2), Category(OTHER)),
            100.0 + 5.0 + 0.5,
        ),
        (
            row(Number(1e300), Missing, Category(1), Category(0)),
            100.0 + 8.0 + 0.25,
        ),
        (
            row(Number(80.0), Missing, Category(OTHER), Category(0)),
            100.0 + 5.0 + 0.25,
        ),
        (
            row(Number(80.0), Missing, Missing, Category(0)),
            100.0 + 8.0 + 0.25,
        ),
    ];
    for (row, expected) in ways {
        let predicted = predictor.number(&row).unwrap();
        assert!(
            (predicted - expected).abs() < 1e-12,
            "{row:?} gave {predicted}"
        );
    }
}

#[test]
fn a_row_that_does_not_fit_is_an_error() {
    let predictor = Predictor::new(&grove());
    let good = row(
        Value::Number(1.0),
        Value::Missing,
        Value::Category(0),
        Value::Missing,
    );
    predictor.number(&good).unwrap();
    assert_eq!(
        predictor.number(&good[..3]),
        Err(PredictError::WrongLength {
            expected: 4,
            got: 3
        })
    );
    for (slot, wrong) in [
        (0, Value::Category(0)),
        (0, Value::Category(OTHER)),
        (2, Value::Number(1.0)),
        (2, Value::Category(3)),
        (3, Value::Category(2)),
    ] {
        let mut bad = good;
        bad[slot] = wrong;
        assert_eq!(
            predictor.number(&bad),
            Err(PredictError::WrongKind { slot })
        );
    }
}

#[test]
fn a_wrong_row_of_a_batch_fails_alone() {
    for predictor in [grove(), crate::houses()].map(|artifact| Predictor::new(&artifact)) {
        let good = vec![Value::Missing; 4];
        let mut rows = vec![good.clone(); 150];
        rows[70] = vec![Value::Missing; 3];
        rows[149][2] = Value::Number(1.0);
        let mut out = vec![0.0; 150];
        let answers = predictor.predict_batch(&rows, &mut out);
        assert_eq!(answers.len(), 150);
        for (place, answer) in answers.into_iter().enumerate() {
            let answer = answer.map(|()| out[place]);
            assert_eq!(answer, predictor.number(&rows[place]), "row {place}");
            assert_eq!(answer.is_ok(), place != 70 && place != 149);
        }
        assert!(
            predictor
                .predict_batch::<Vec<Value>>(&[], &mut [])
                .is_empty()
        );
        let no_room = predictor.predict_batch(&rows, &mut out[..149]);
        assert!(no_room.iter().all(Result::is_err) && no_room.len() == 150);
    }
}

#[test]
fn a_sum_that_is_no_number_is_an_error() {
    let leaf = || Tree {
        nodes: vec![Node::Leaf(f64::MAX)],
    };
    let trees = Trees {
        base: 0.0,
        trees: vec![leaf(), leaf()],
    };
    let artifact = Artifact::trees("y", Vec::new(), trees);
    let predictor = Predictor::new(&decode(&encode(&artifact).unwrap()).unwrap());
    assert_eq!(predictor.number(&[]), Err(PredictError::NotFinite));
}

fn below(input: u32, threshold: f64, right: u32) -> Node {
    Node::Split(Split {
        input,
        test: Test::Below(threshold),
        missing_left: false,
        right,
    })
}

fn among(input: u32, categories: Vec<u32>) -> Node {
    Node::Split(Split {
        input,
        test: Test::Among {
            categories,
            other: false,
        },
        missing_left: false,
        right: 2,
    })
}

/// A chain of splits with a leaf to the left of each.
fn chain(depth: u32) -> Vec<Node> {
    let mut nodes = Vec::new();
    for level in 0..depth {
        nodes.push(below(0, f64::from(level), 2 * level + 2));
        nodes.push(Node::Leaf(0.0));
    }
    nodes.push(Node::Leaf(1.0));
    nodes
}

#[test]
fn trees_that_are_none_are_refused() {
    let leaf = Node::Leaf(0.0);
    let two = || vec![leaf.clone(), leaf.clone()];
    let with = |node: Node| [vec![node], two()].concat();
    let cases: Vec<(Vec<Node>, &str)> = vec![
        (vec![], "no nodes"),
        (two(), "no parent"),
        (vec![below(0, 1.0, 2), leaf.clone()], "not there"),
        (with(below(0, 1.0, 0)), "behind its left one"),
        (with(below(0, 1.0, 1)), "behind its left one"),
        (with(below(0, 1.0, 3)), "not there"),
        (with(below(0, 1.0, u32::MAX)), "not there"),
        (
            [vec![below(0, 1.0, 2), below(0, 1.0, 3)], two()].concat(),
            "another parent",
        ),
        ([with(below(0, 1.0, 2)), two()].concat(), "no parent"),
        (with(below(4, 1.0, 2)), "no input 4"),
        (with(below(0, f64::NAN, 2)), "threshold is not finite"),
        (with(below(0, f64::INFINITY, 2)), "threshold is not finite"),
        (vec![Node::Leaf(f64::NAN)], "value is not finite"),
        (with(below(2, 1.0, 2)), "another kind of input"),
        (with(among(0, vec![0])), "another kind of input"),
        (with(among(2, vec![1, 0])), "not ascending"),
        (with(among(2, vec![1, 1])), "not ascending"),
        (with(among(2, vec![0, 3])), "not ascending"),
        (chain(2_001), "splits deep"),
    ];
    let inputs = grove().signature.inputs;
    let artifact = |nodes| {
        let trees = Trees {
            base: 0.0,
            trees: vec![Tree { nodes }],
        };
        Artifact::trees("y", inputs.clone(), trees)
    };
    for (nodes, why) in cases {
        match encode(&artifact(nodes)) {
            Err(ArtifactError::Inconsistent(what)) => {
                assert!(what.contains(why), "{what} lacks {why}");
            }
            other => panic!("{why}: {other:?}"),
        }
    }
    encode(&artifact(chain(2_000))).unwrap();
    let many = Trees {
        base: 0.0,
        trees: vec![Tree { nodes: vec![leaf] }; 20_001],
    };
    encode(&Artifact::trees("y", Vec::new(), many)).unwrap_err();
    let base = Trees {
        base: f64::INFINITY,
        trees: Vec::new(),
    };
    encode(&Artifact::trees("y", Vec::new(), base)).unwrap_err();
}

#[test]
fn a_linear_model_under_the_version_of_trees_is_refused() {
    let mut linear = content(&crate::houses());
    linear[8] = 2;
    decode(&sealed(linear)).unwrap_err();
    let mut trees = content(&grove());
    trees[8] = 1;
    decode(&sealed(trees)).unwrap_err();
}

/// Of one number and one category with 70 names.
fn any_tree() -> impl Strategy<Value = Vec<Node>> {
    let below = (-10.0..10.0f64).prop_map(|threshold| (0, Test::Below(threshold)));
    let categories = proptest::collection::btree_set(0..70_u32, 0..20);
    let among = (categories, any::<bool>()).prop_map(|(categories, other)| {
        let categories = categories.into_iter().collect();
        (1, Test::Among { categories, other })
    });
    tree_of(prop_oneof![below, among].boxed())
}

/// `tests` gives inputs and what goes left.
pub(crate) fn tree_of(tests: BoxedStrategy<(u32, Test)>) -> impl Strategy<Value = Vec<Node>> {
    let leaf = (-1e6..1e6f64).prop_map(|value| vec![Node::Leaf(value)]);
    leaf.prop_recursive(8, 128, 2, move |branch| {
        (tests.clone(), any::<bool>(), branch.clone(), branch).prop_map(
            |((input, test), missing_left, left, right)| {
                let split = Split {
                    input,
                    test,
                    missing_left,
                    right: left.len() as u32 + 1,
                };
                let shifted = |nodes: Vec<Node>, by: u32| {
                    nodes.into_iter().map(move |node| match node {
                        Node::Split(split) => Node::Split(Split {
                            right: split.right + by,
                            ..split
                        }),
                        leaf @ Node::Leaf(_) => leaf,
                    })
                };
                let by = split.right;
                std::iter::once(Node::Split(split))
                    .chain(shifted(left, 1))
                    .chain(shifted(right, by))
                    .collect()
            },
        )
    })
}

fn forest(trees: Vec<Vec<Node>>) -> Artifact {
    let names: Vec<String> = (0..70).map(|index| format!("c{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Artifact::trees(
        "y",
        vec![
            input("x", ColumnType::Float, true, None),
            input("c", ColumnType::String, true, Some(&names)),
        ],
        Trees {
            base: 1.0,
            trees: trees.into_iter().map(|nodes| Tree { nodes }).collect(),
        },
    )
}

/// As a person would follow the tree.
fn followed(nodes: &[Node], row: &[Value]) -> f64 {
    let mut place = 0;
    loop {
        match &nodes[place] {
            Node::Leaf(value) => return *value,
            Node::Split(split) => {
                let left = match (row[split.input as usize], &split.test) {
                    (Value::Missing, _) => split.missing_left,
                    (Value::Number(number), Test::Below(threshold)) => number < *threshold,
                    (Value::Category(OTHER), Test::Among { other, .. }) => *other,
                    (Value::Category(category), Test::Among { categories, .. }) => {
                        categories.contains(&category)
                    }
                    (value, test) => panic!("{value:?} for {test:?}"),
                };
                place = if left {
                    place + 1
                } else {
                    split.right as usize
                };
            }
        }
    }
}

proptest! {
    #[test]
    fn any_forest_survives_the_way_and_answers_as_its_trees_say(
        trees in proptest::collection::vec(any_tree(), 0..6),
        rows in proptest::collection::vec((
            prop_oneof![4 => (-12.0..12.0f64).prop_map(Value::Number), 1 => Just(Value::Missing)],
            prop_oneof![4 => (0..70_u32).prop_map(Value::Category), 1 => Just(Value::Missing), 1 => Just(Value::Category(OTHER))],
        ), 1..20),
    ) {
        let artifact = forest(trees.clone());
        let read = decode(&encode(&artifact).unwrap()).unwrap();
        prop_assert_eq!(&read, &artifact);
        let predictor = Predictor::new(&read);
        let rows: Vec<[Value; 2]> = rows.into_iter().map(|(number, category)| [number, category]).collect();
        let mut together = vec![0.0; rows.len()];
        let done = predictor.predict_batch(&rows, &mut together);
        prop_assert!(done.iter().all(Result::is_ok) && done.len() == rows.len());
        for (row, together) in rows.into_iter().zip(together) {
            let expected = trees.iter().fold(1.0, |sum, nodes| sum + followed(nodes, &row));
            prop_assert_eq!(predictor.number(&row).unwrap().to_bits(), expected.to_bits());
            prop_assert_eq!(together.to_bits(), expected.to_bits());
        }
    }

    /// A hostile file with a right checksum is refused, or is a model that answers.
    #[test]
    fn any_sealed_forest_is_refused_or_answers(
        trees in proptest::collection::vec(any_tree(), 1..4),
        place in any::<prop::sample::Index>(),
        replacement in proptest::collection::vec(any::<u8>(), 1..12),
    ) {
        let mut bytes = content(&forest(trees));
        let header = 14 + u32::from_le_bytes(bytes[10..14].try_into().unwrap()) as usize;
        let begin = header + place.index(bytes.len() - header);
        let end = (begin + replacement.len()).min(bytes.len());
        bytes.splice(begin..end, replacement);
        if let Ok(artifact) = decode(&sealed(bytes)) {
            prop_assert!(matches!(artifact.body, Body::Trees(_)));
            let predictor = Predictor::new(&artifact);
            for row in [[Value::Missing; 2], [Value::Number(0.0), Value::Category(69)], [Value::Number(f64::NAN), Value::Category(OTHER)]] {
                if let Ok(predicted) = predictor.number(&row) {
                    prop_assert!(predicted.is_finite());
                }
            }
        }
    }
}
