//! What inputs add to predictions: by definition, by symmetry, and by what they add up to.

use domain::datasets::ColumnType;
use domain::models::{InputField, OutputField};
use domain::predictions::Scale;
use model::{
    Artifact, ArtifactError, Background, Body, Classifier, Explanation, Linear, Link, Node,
    NotExplainable, OTHER, Observer, PredictError, Predictor, Reference, Score, Split, Test,
    Transform, Tree, Trees, Value, decode, encode,
};
use proptest::prelude::*;

use crate::trees::tree_of;
use crate::{explained, grove, houses, input};

const INPUTS: usize = 6;

/// Four numbers and two categories.
fn inputs() -> Vec<InputField> {
    let names = ["a", "b", "c", "d", "e"];
    let of = |place: usize| match place {
        0..4 => input(&format!("x{place}"), ColumnType::Float, true, None),
        _ => input(&format!("x{place}"), ColumnType::String, true, Some(&names)),
    };
    (0..INPUTS).map(of).collect()
}

fn any_row() -> impl Strategy<Value = Vec<Value>> {
    let number = prop_oneof![
        4 => (-3.0..3.0f64).prop_map(Value::Number),
        1 => Just(Value::Missing),
    ];
    let category = prop_oneof![
        5 => (0..5_u32).prop_map(Value::Category),
        1 => Just(Value::Missing),
        1 => Just(Value::Category(OTHER)),
    ];
    (
        proptest::collection::vec(number, 4),
        proptest::collection::vec(category, 2),
    )
        .prop_map(|(numbers, categories)| [numbers, categories].concat())
}

/// A tree that asks for all inputs but the last number.
fn any_tree() -> impl Strategy<Value = Vec<Node>> {
    let below = (0..3_u32, -3.0..3.0f64).prop_map(|(input, value)| (input, Test::Below(value)));
    let categories = proptest::collection::btree_set(0..5_u32, 0..4);
    let among = (4..6_u32, categories, any::<bool>()).prop_map(|(input, categories, other)| {
        let categories = categories.into_iter().collect();
        (input, Test::Among { categories, other })
    });
    tree_of(prop_oneof![3 => below, 2 => among].boxed())
}

fn trees(trees: Vec<Vec<Node>>) -> Trees {
    Trees {
        base: 1.5,
        trees: trees.into_iter().map(|nodes| Tree { nodes }).collect(),
    }
}

/// With a background of these rows, written and read back.
fn observed(mut artifact: Artifact, rows: &[Vec<Value>]) -> Artifact {
    let mut observer = Observer::new(&artifact).unwrap();
    for row in rows {
        observer.see(row).unwrap();
    }
    artifact.background = observer.background();
    let read = decode(&encode(&artifact).unwrap()).unwrap();
    assert_eq!(read, artifact);
    read
}

fn one(predictor: &Predictor, row: &[Value]) -> Explanation {
    let mut scores = predictor.explain(row).unwrap();
    assert_eq!(scores.len(), 1);
    scores.remove(0)
}

fn whole(explanation: &Explanation) -> f64 {
    explanation.base + explanation.contributions.iter().sum::<f64>()
}

/// What a tree says when only the inputs of `known` are: the others are averaged over, as the rows went.
fn expected(nodes: &[Node], rows: &[u32], place: usize, row: &[Value], known: u32) -> f64 {
    match &nodes[place] {
        Node::Leaf(value) => *value,
        Node::Split(split) => {
            let (left, right) = (place + 1, split.right as usize);
            let of = |place| expected(nodes, rows, place, row, known);
            if known >> split.input & 1 != 0 {
                return of(if goes_left(split, row) { left } else { right });
            }
            let share = match rows[place] {
                0 => 0.5,
                all => f64::from(rows[left]) / f64::from(all),
            };
            share * of(left) + (1.0 - share) * of(right)
        }
    }
}

fn goes_left(split: &Split, row: &[Value]) -> bool {
    match (row[split.input as usize], &split.test) {
        (Value::Missing, _) => split.missing_left,
        (Value::Number(number), Test::Below(threshold)) => number < *threshold,
        (Value::Category(OTHER), Test::Among { other, .. }) => *other,
        (Value::Category(category), Test::Among { categories, .. }) => {
            categories.contains(&category)
        }
        (value, test) => panic!("{value:?} for {test:?}"),
    }
}

/// As Shapley defined it: over all sets of the other inputs.
fn by_definition(artifact: &Artifact, row: &[Value]) -> Vec<f64> {
    let Body::Trees(trees) = &artifact.body else {
        panic!("no trees");
    };
    let Some(Background { scores }) = &artifact.background else {
        panic!("no background");
    };
    let Reference::Covers(covers) = &scores[0] else {
        panic!("no covers");
    };
    let says: Vec<f64> = (0..1_u32 << INPUTS)
        .map(|known| {
            let each = trees.trees.iter().zip(covers);
            each.map(|(tree, rows)| expected(&tree.nodes, rows, 0, row, known))
                .sum()
        })
        .collect();
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let weight = |others: u32| {
        factorial(others) * factorial(INPUTS as u32 - others - 1) / factorial(INPUTS as u32)
    };
    (0..INPUTS)
        .map(|input| {
            let sets = (0..1_usize << INPUTS).filter(|set| set >> input & 1 == 0);
            sets.map(|set| weight(set.count_ones()) * (says[set | 1 << input] - says[set]))
                .sum()
        })
        .collect()
}

proptest! {
    #[test]
    fn trees_are_explained_as_shapley_defined_it(
        nodes in proptest::collection::vec(any_tree(), 0..5),
        rows in proptest::collection::vec(any_row(), 1..30),
        others in proptest::collection::vec(any_row(), 1..5),
    ) {
        let artifact = observed(Artifact::trees("y", inputs(), trees(nodes)), &rows);
        let predictor = Predictor::new(&artifact);
        let mean = rows.iter().map(|row| predictor.number(row).unwrap()).sum::<f64>() / rows.len() as f64;
        // Leaves are at most this large.
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-9 * 1e6;
        for row in rows.iter().chain(&others) {
            let explanation = one(&predictor, row);
            prop_assert!(close(explanation.base, mean), "{} for a mean of {mean}", explanation.base);
            prop_assert!(close(whole(&explanation), predictor.number(row).unwrap()));
            let exact = by_definition(&artifact, row);
            for (found, exact) in explanation.contributions.iter().zip(&exact) {
                prop_assert!(close(*found, *exact), "{explanation:?} for {exact:?}");
            }
            // No tree asks for this one.
            prop_assert_eq!(explanation.contributions[3].to_bits(), 0);
        }
    }

    #[test]
    fn a_weighted_sum_is_explained_to_the_last_digits(
        numbers in proptest::collection::vec((-1e3..1e3f64, 0.1..1e3f64, -1e3..1e3f64), 4),
        effects in proptest::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 2),
        intercept in -1e3..1e3f64,
        rows in proptest::collection::vec(any_row(), 1..20),
    ) {
        let numeric = numbers.iter().map(|&(mean, std, coefficient)| Transform::Numeric {
            impute: mean,
            mean,
            std,
            coefficient,
        });
        let categorical = effects.iter().map(|&(effect, other)| Transform::Categorical {
            impute: 1,
            effects: vec![0.0, effect, -effect, other, 1.0],
            other,
        });
        let transforms = numeric.chain(categorical).collect::<Vec<_>>();
        let pairs = inputs().into_iter().zip(transforms).collect();
        let artifact = observed(Artifact::linear("y", intercept, pairs), &rows);
        let predictor = Predictor::new(&artifact);
        let says: Vec<f64> = rows.iter().map(|row| predictor.number(row).unwrap()).collect();
        let mean = says.iter().sum::<f64>() / rows.len() as f64;
        // Terms are up to 10^7 on the way.
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-13 * 1e7;
        for (row, says) in rows.iter().zip(says) {
            let explanation = one(&predictor, row);
            prop_assert!(close(whole(&explanation), says), "{explanation:?} for {says}");
            prop_assert!(close(explanation.base, mean));
        }
    }
}

#[test]
fn inputs_that_play_the_same_part_add_the_same() {
    let below = |input, right| {
        Node::Split(Split {
            input,
            test: Test::Below(0.0),
            missing_left: false,
            right,
        })
    };
    let both = vec![
        below(0, 4),
        below(1, 3),
        Node::Leaf(8.0),
        Node::Leaf(0.0),
        Node::Leaf(0.0),
    ];
    let row = |a: f64, b: f64| {
        let mut row = vec![Value::Missing; INPUTS];
        (row[0], row[1]) = (Value::Number(a), Value::Number(b));
        row
    };
    let rows = [
        row(-1.0, -1.0),
        row(-1.0, 1.0),
        row(1.0, -1.0),
        row(1.0, 1.0),
    ];
    let artifact = observed(Artifact::trees("y", inputs(), trees(vec![both])), &rows);
    let predictor = Predictor::new(&artifact);
    for (row, share) in rows[..1].iter().chain(&rows[3..]).zip([3.0, -1.0]) {
        let Explanation {
            base,
            contributions,
        } = one(&predictor, row);
        assert!((base - 3.5).abs() < 1e-12);
        for found in &contributions[..2] {
            assert!((found - share).abs() < 1e-12, "{contributions:?}");
        }
    }
}

/// A chain in which every input's test is passed by half of the rows, 30 times: halves of so many levels are where methods that
/// subtract lose their digits.
#[test]
fn deep_trees_lose_no_digits() {
    const DEEP: u32 = 30;
    let chain = (0..DEEP).flat_map(|level| {
        let split = Split {
            input: level,
            test: Test::Below(0.0),
            missing_left: true,
            right: 2 * level + 2,
        };
        // What passes goes right, behind the leaf for what does not.
        [Node::Split(split), Node::Leaf(0.0)]
    });
    let nodes = chain.chain([Node::Leaf(1.0)]).collect();
    let rows = (0..DEEP).flat_map(|level| [1 << (DEEP - level), 1 << (DEEP - level - 1)]);
    let fields = (0..DEEP).map(|place| input(&format!("x{place}"), ColumnType::Float, true, None));
    let forest = Trees {
        base: 0.0,
        trees: vec![Tree { nodes }],
    };
    let artifact = Artifact {
        background: Some(Background {
            scores: vec![Reference::Covers(vec![rows.chain([1]).collect()])],
        }),
        ..Artifact::trees("y", fields.collect(), forest)
    };
    let predictor = Predictor::new(&decode(&encode(&artifact).unwrap()).unwrap());
    let share = (1.0 - 0.5_f64.powi(DEEP as i32)) / f64::from(DEEP);
    let explanation = one(&predictor, &[Value::Number(1.0); DEEP as usize]);
    for found in &explanation.contributions {
        assert!((found / share - 1.0).abs() < 1e-12, "{explanation:?}");
    }
}

/// A classifier of the input `x` alone, with these slopes.
fn classifier(classes: &[&str], link: Link, slopes: &[f64]) -> Artifact {
    let scores = slopes.iter().map(|&coefficient| {
        Score::Linear(Linear {
            intercept: 0.25,
            transforms: vec![Transform::Numeric {
                impute: 0.0,
                mean: 0.0,
                std: 1.0,
                coefficient,
            }],
        })
    });
    let classes = classes.iter().map(|&class| class.to_owned()).collect();
    Artifact::classifier(
        "logistic_regression",
        OutputField::classification("kind", classes),
        vec![input("x", ColumnType::Float, true, None)],
        Classifier {
            link,
            scores: scores.collect(),
        },
    )
}

#[test]
fn a_classifiers_scores_are_explained_before_they_become_probabilities() {
    let rows: Vec<Vec<Value>> = [-1.0, 0.5, 2.0].map(|x| vec![Value::Number(x)]).to_vec();
    let of = |classes: &[&str], link, slopes: &[f64]| {
        Predictor::new(&observed(classifier(classes, link, slopes), &rows))
    };
    let both = |predictor: &Predictor, row: &[Value]| {
        let mut probabilities = vec![0.0; predictor.width()];
        predictor.predict(row, &mut probabilities).unwrap();
        let scores: Vec<f64> = predictor.explain(row).unwrap().iter().map(whole).collect();
        (probabilities, scores)
    };

    let binary = of(&["no", "yes"], Link::Logistic, &[0.75]);
    assert_eq!(binary.scale(), Scale::LogOdds);
    assert_eq!(binary.explained_class(0), Some("yes"));
    let each = of(&["a", "b", "c"], Link::OneVsRest, &[1.0, 0.0, -0.5]);
    assert_eq!(each.scale(), Scale::LogOdds);
    let softmax = of(&["a", "b", "c"], Link::Softmax, &[1.0, 0.0, -0.5]);
    assert_eq!(softmax.scale(), Scale::Score);
    assert_eq!(softmax.explained_class(2), Some("c"));
    for row in &rows {
        let (probabilities, scores) = both(&binary, row);
        let odds = probabilities[1] / probabilities[0];
        assert!(scores.len() == 1 && (scores[0] - odds.ln()).abs() < 1e-12);

        let (probabilities, scores) = both(&each, row);
        let unscaled: Vec<f64> = scores
            .iter()
            .map(|score| 1.0 / (1.0 + (-score).exp()))
            .collect();
        let sum: f64 = unscaled.iter().sum();
        for (probability, unscaled) in probabilities.iter().zip(&unscaled) {
            assert!((probability - unscaled / sum).abs() < 1e-12);
        }

        let (probabilities, scores) = both(&softmax, row);
        let sum: f64 = scores.iter().map(|score| score.exp()).sum();
        for (probability, score) in probabilities.iter().zip(&scores) {
            assert!((probability - score.exp() / sum).abs() < 1e-12);
        }
    }
}

#[test]
fn a_model_of_before_is_explained_as_far_as_it_can_be() {
    let row = [
        Value::Number(120.0),
        Value::Missing,
        Value::Category(2),
        Value::Category(1),
    ];
    let linear = Predictor::new(&houses());
    let explanation = one(&linear, &row);
    assert!((explanation.base - 100.0).abs() < 1e-12);
    for (found, expected) in explanation
        .contributions
        .iter()
        .zip([60.0, 1.0, 35.5, 12.0])
    {
        assert!((found - expected).abs() < 1e-9, "{explanation:?}");
    }
    assert_eq!(linear.explainable_rows(), Ok(250_000));
    let trees = Predictor::new(&grove());
    let why = NotExplainable::NoBackground;
    assert_eq!(trees.explain(&row), Err(PredictError::NotExplainable(why)));
    assert_eq!(trees.explainable_rows(), Err(why));
    assert!(trees.number(&row).is_ok());
}

#[test]
fn a_row_that_does_not_fit_is_not_explained() {
    for artifact in explained() {
        let predictor = Predictor::new(&artifact);
        let short = PredictError::WrongLength {
            expected: 4,
            got: 1,
        };
        assert_eq!(predictor.explain(&[Value::Missing]), Err(short));
        let mut row = [Value::Missing; 4];
        row[2] = Value::Number(1.0);
        let wrong = PredictError::WrongKind { slot: 2 };
        assert_eq!(predictor.explain(&row), Err(wrong));
        let mut observer = Observer::new(&artifact).unwrap();
        assert_eq!(observer.see(&row), Err(wrong));
    }
    let nothing_seen = Observer::new(&houses()).unwrap();
    assert_eq!(nothing_seen.background(), None);
}

#[test]
fn what_nobody_would_wait_for_is_refused() {
    // A chain of 600 splits.
    let chain = (0..600).flat_map(|level| {
        let split = Split {
            input: 0,
            test: Test::Below(f64::from(level)),
            missing_left: false,
            right: 2 * level + 2,
        };
        [Node::Split(split), Node::Leaf(0.0)]
    });
    let nodes: Vec<Node> = chain.chain([Node::Leaf(1.0)]).collect();
    let rows = vec![vec![Value::Missing; INPUTS]];
    let artifact = observed(Artifact::trees("y", inputs(), trees(vec![nodes])), &rows);
    let predictor = Predictor::new(&artifact);
    assert_eq!(predictor.explainable_rows(), Err(NotExplainable::TooLarge));
}

#[test]
fn a_background_that_contradicts_its_model_is_refused() {
    let [linear, trees] = explained();
    let covers = |change: fn(&mut Vec<Vec<u32>>)| {
        let mut trees = trees.clone();
        let Some(Background { scores }) = &mut trees.background else {
            panic!("no background");
        };
        let Reference::Covers(covers) = &mut scores[0] else {
            panic!("no covers");
        };
        change(covers);
        trees
    };
    let with = |artifact: &Artifact, scores| Artifact {
        background: Some(Background { scores }),
        ..artifact.clone()
    };
    let cases = [
        (covers(|covers| covers[0][0] += 1), "to its branches"),
        (
            covers(|covers| covers[1].fill(0)),
            "no row came to its root",
        ),
        (covers(|covers| covers[0].truncate(3)), "nodes"),
        (covers(|covers| covers.truncate(1)), "trees"),
        (
            with(&linear, vec![Reference::Means(vec![0.0; 3])]),
            "transforms",
        ),
        (
            with(&linear, vec![Reference::Means(vec![f64::NAN; 4])]),
            "not finite",
        ),
        (with(&linear, Vec::new()), "scores"),
        (
            with(&trees, vec![Reference::Means(vec![0.0; 4])]),
            "another kind",
        ),
    ];
    for (artifact, why) in cases {
        match encode(&artifact) {
            Err(ArtifactError::Inconsistent(what)) => {
                assert!(what.contains(why), "{what} lacks {why}");
            }
            other => panic!("{why}: {other:?}"),
        }
    }
}
