//! Models as ONNX files: what a graph gives is what the predictor says.

mod dice;

use domain::datasets::ColumnType;
use domain::models::{InputField, OutputField};
use model::{
    Answer, Artifact, Blend, BlendMember, Body, Classifier, Feed, Link, Node, NotExportable, Onnx,
    Predictor, Prepared, PreparedColumn, Score, Split, Step, Test, Transform, Tree, Trees, Value,
    Weights, Wiring, label, signed_log1p,
};
use onnx::{Data, Model, Tensor};
use proptest::prelude::*;

use crate::{grove, houses, input};
use dice::Dice;

const CITIES: usize = 3;

/// The inputs of [`houses`], all of which may be missing.
fn inputs() -> Vec<InputField> {
    let mut inputs = houses().signature.inputs;
    for input in &mut inputs {
        input.nullable = true;
    }
    inputs
}

fn regression(body: Body) -> Artifact {
    let mut artifact = houses();
    artifact.signature.inputs = inputs();
    artifact.body = body;
    artifact
}

fn classes(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

fn classifier(count: usize, link: Link, scores: Vec<Score>) -> Artifact {
    let output = OutputField::classification("kind", classes(count));
    let classifier = Classifier { link, scores };
    Artifact::classifier("logistic_regression", output, inputs(), classifier)
}

/// What the graph gives for these rows, and how it names its outputs.
fn outputs(artifact: &Artifact, rows: &[Vec<Value>]) -> (Vec<String>, Vec<Tensor>) {
    artifact.check().unwrap();
    let model = Model::read(&artifact.to_onnx().unwrap()).unwrap();
    let inputs = &artifact.signature.inputs;
    let feed = Feed::new(&model, &vec![1; inputs.len()], inputs);
    let names = model.outputs().iter().map(|output| output.name.clone());
    (names.collect(), feed.run(rows).unwrap())
}

fn numbers(tensor: &Tensor) -> &[f64] {
    match &tensor.data {
        Data::F64(numbers) => numbers,
        other => panic!("numbers of {}", other.element()),
    }
}

/// Compares row by row, and the rows together.
fn agrees(artifact: &Artifact, dice: &mut Dice) {
    let predictor = Predictor::new(artifact);
    let rows = dice.rows(&artifact.signature.inputs);
    let width = predictor.width();
    let mut expected = vec![0.0; rows.len() * width];
    for (row, out) in rows.iter().zip(expected.chunks_mut(width)) {
        predictor.predict(row, out).unwrap();
    }
    let (_, outputs) = outputs(artifact, &rows);
    let found = numbers(outputs.last().unwrap());
    assert_eq!(outputs.last().unwrap().shape, [rows.len(), width]);
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let off = (found - expected).abs();
        assert!(
            off <= 1e-12 * expected.abs().max(1.0),
            "row {:?}: {found}, not {expected}",
            rows[place / width]
        );
    }
    if let (Some(classes), Data::Text(labels)) = (predictor.classes(), &outputs[0].data) {
        for (row, label_found) in expected.chunks(width).zip(labels) {
            // Rounding may decide between classes that are equally likely.
            let best = row[label(row)];
            let place = classes
                .iter()
                .position(|class| **class == **label_found)
                .unwrap();
            assert!((row[place] - best).abs() < 1e-12);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn weighted_sums_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        agrees(&regression(Body::Linear(dice.linear())), &mut dice);
        let mut linear = || (0..3).map(|_| Score::Linear(dice.linear())).collect::<Vec<_>>();
        let mut scores = linear();
        for link in [Link::Softmax, Link::OneVsRest] {
            agrees(&classifier(3, link, scores.clone()), &mut Dice(seed ^ 1));
        }
        scores.truncate(1);
        agrees(&classifier(2, Link::Logistic, scores), &mut Dice(seed ^ 2));
    }

    #[test]
    fn exponentials_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut linear = dice.linear();
        for transform in &mut linear.transforms {
            if let Transform::Numeric { std, .. } = transform {
                *std *= 20.0;
            }
        }
        linear.intercept /= 10.0;
        let artifact = regression(Body::Exponential(linear));
        let (rows, predictor) = (dice.rows(&artifact.signature.inputs), Predictor::new(&artifact));
        let (_, outputs) = outputs(&artifact, &rows);
        for (row, found) in rows.iter().zip(numbers(&outputs[0])) {
            let expected = predictor.number(row).unwrap();
            prop_assert!((found - expected).abs() <= 1e-12 * expected, "{} {}", found, expected);
        }
    }

    #[test]
    fn trees_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let trees = dice.trees();
        agrees(&regression(Body::Trees(trees)), &mut dice);
        let mut scores: Vec<Score> = (0..3).map(|_| Score::Trees(dice.trees())).collect();
        for link in [Link::Softmax, Link::OneVsRest, Link::Shares] {
            agrees(&classifier(3, link, scores.clone()), &mut dice);
        }
        scores.truncate(1);
        agrees(&classifier(2, Link::Shares, scores.clone()), &mut dice);
        agrees(&classifier(2, Link::Logistic, scores), &mut dice);
    }

    #[test]
    fn densities_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let cuts = dice.cuts();
        let alike = (0..3).map(|_| Score::Densities(dice.densities(&cuts))).collect();
        agrees(&classifier(3, Link::Softmax, alike), &mut dice);
        let mixed = vec![
            Score::Densities(dice.densities(&cuts)),
            Score::Linear(dice.linear()),
            { let other = dice.cuts(); Score::Densities(dice.densities(&other)) },
            Score::Trees(dice.trees()),
        ];
        agrees(&classifier(4, Link::Softmax, mixed), &mut dice);
    }

    #[test]
    fn neighbours_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for weights in [Weights::Uniform, Weights::Distance] {
            let body = Body::Neighbours(dice.neighbours(weights, None));
            agrees(&regression(body), &mut dice);
            let mut artifact = classifier(3, Link::Softmax, Vec::new());
            artifact.body = Body::Neighbours(dice.neighbours(weights, Some(3)));
            agrees(&artifact, &mut dice);
        }
    }

    /// The file has one number for the class of each row, and not one for each class.
    #[test]
    fn neighbours_of_many_classes_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut artifact = classifier(100, Link::Softmax, Vec::new());
        artifact.body = Body::Neighbours(dice.neighbours(Weights::Distance, Some(100)));
        let bytes = artifact.to_onnx().unwrap().len();
        prop_assert!(bytes < 60 * 100 * 8 / 2, "{} bytes", bytes);
        agrees(&artifact, &mut dice);
    }

    #[test]
    fn columns_that_are_made_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for logarithm in [false, true] {
            agrees(&regression(dice.prepared(logarithm)), &mut dice);
        }
    }

    #[test]
    fn models_that_answer_together_are_the_same(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let blend = |bodies: [Body; 2]| {
            let members = [0.25, 0.75].into_iter().zip(bodies);
            let members = members.map(|(weight, body)| BlendMember { weight, body });
            Body::Blend(Blend { members: members.collect() })
        };
        let bodies = [Body::Linear(dice.linear()), Body::Trees(dice.trees())];
        agrees(&regression(blend(bodies)), &mut dice);
        let bodies = [Link::Softmax, Link::OneVsRest].map(|link| {
            let scores = (0..3).map(|_| Score::Linear(dice.linear())).collect();
            Body::Classifier(Classifier { link, scores })
        });
        let mut artifact = classifier(3, Link::Softmax, Vec::new());
        artifact.body = blend(bodies);
        agrees(&artifact, &mut dice);
    }
}

#[test]
fn a_threshold_is_met_to_the_last_bit() {
    let mut artifact = grove();
    let threshold = 0.1_f64 + 0.2;
    let nodes = vec![
        Node::Split(Split {
            input: 0,
            test: Test::Below(threshold),
            missing_left: false,
            right: 2,
        }),
        Node::Leaf(1.0),
        Node::Leaf(2.0),
    ];
    artifact.body = Body::Trees(Trees {
        base: 0.0,
        trees: vec![Tree { nodes }],
    });
    let row = |number: f64| {
        let rest = [Value::Number(0.0), Value::Missing, Value::Category(0)];
        [&[Value::Number(number)][..], &rest].concat()
    };
    let rows = [threshold.next_down(), threshold, threshold.next_up()].map(row);
    let (_, outputs) = outputs(&artifact, &rows);
    assert_eq!(numbers(&outputs[0]), [1.0, 2.0, 2.0]);
}

/// Training takes values of rows as thresholds, and an engine's logarithm may differ in its last bit.
#[test]
fn a_threshold_of_logarithms_is_met_to_the_last_bit() {
    let amounts: Vec<f64> = (1..400)
        .map(|place| f64::from(place) * 0.37 - 40.0)
        .collect();
    let tree = |amount: &f64| Tree {
        nodes: vec![
            Node::Split(Split {
                input: 0,
                test: Test::Below(signed_log1p(*amount)),
                missing_left: false,
                right: 2,
            }),
            Node::Leaf(1.0),
            Node::Leaf(2.0),
        ],
    };
    let mut artifact = houses();
    artifact.signature.inputs.truncate(1);
    artifact.signature.inputs[0].nullable = true;
    artifact.body = Body::Prepared(Prepared {
        columns: vec![PreparedColumn {
            name: "logarithm".to_owned(),
            input: 0,
            step: Step::Number {
                missing: None,
                logarithm: true,
            },
        }],
        body: Box::new(Body::Trees(Trees {
            base: 0.0,
            trees: amounts.iter().map(tree).collect(),
        })),
    });
    let rows: Vec<Vec<Value>> = amounts
        .iter()
        .flat_map(|amount| [amount.next_down(), *amount, amount.next_up()])
        .map(|amount| vec![Value::Number(amount)])
        .chain([vec![Value::Missing]])
        .collect();
    let predictor = Predictor::new(&artifact);
    let (_, outputs) = outputs(&artifact, &rows);
    let expected = rows.iter().map(|row| predictor.number(row).unwrap());
    assert_eq!(numbers(&outputs[0]), expected.collect::<Vec<_>>());
}

#[test]
fn the_same_artifact_gives_the_same_file() {
    let file = grove().to_onnx().unwrap().into_owned();
    assert_eq!(grove().to_onnx().unwrap(), file);
    let model = Model::read(&file).unwrap();
    assert!(model.producer().unwrap().starts_with("volary "));
    let named: Vec<_> = model
        .inputs()
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(named, ["area", "rooms", "city", "garden"]);
}

#[test]
fn names_of_columns_never_meet_those_of_the_graph() {
    let names = ["t0", "t1", "prediction", "label"];
    let mut artifact = houses();
    for (input, name) in artifact.signature.inputs.iter_mut().zip(names) {
        name.clone_into(&mut input.name);
    }
    let rows = Dice(7).rows(&artifact.signature.inputs);
    let (outputs_named, outputs) = outputs(&artifact, &rows);
    assert_eq!(outputs_named, ["prediction_"]);
    let expected = Predictor::new(&artifact).number(&rows[0]).unwrap();
    assert!((numbers(&outputs[0])[0] - expected).abs() < 1e-9);
}

#[test]
fn an_imported_model_is_the_file_that_was_imported() {
    let artifact = classifier(2, Link::Logistic, vec![Score::Linear(Dice(3).linear())]);
    let file = artifact.to_onnx().unwrap();
    let wiring = Wiring {
        columns: vec![1; 4],
        answer: Answer::Probabilities { output: 1 },
        together: true,
        closed: Vec::new(),
    };
    let onnx = Onnx::read(file.as_ref(), wiring).unwrap();
    assert_eq!(onnx.model().classes().unwrap(), classes(2));
    let imported = Artifact {
        body: Body::Onnx(onnx),
        ..artifact.clone()
    };
    imported.check().unwrap();
    assert_eq!(imported.to_onnx().unwrap(), file);
    let (own, theirs) = (Predictor::new(&artifact), Predictor::new(&imported));
    for row in Dice(4).rows(&artifact.signature.inputs) {
        let (mut expected, mut found) = ([0.0; 2], [0.0; 2]);
        own.predict(&row, &mut expected).unwrap();
        theirs.predict(&row, &mut found).unwrap();
        assert!((expected[1] - found[1]).abs() < 1e-12);
    }
}

#[test]
fn what_a_graph_can_not_say_is_refused() {
    let mut artifact = houses();
    let cities = ["", "Chur", "Genf"];
    artifact.signature.inputs[2] = input("city", ColumnType::String, true, Some(&cities));
    let refused = artifact.to_onnx().unwrap_err();
    assert_eq!(refused, NotExportable::EmptyText("city".to_owned()));
    artifact.signature.inputs[2].nullable = false;
    artifact.to_onnx().unwrap();

    let none = Artifact::linear("price", 1.0, Vec::new());
    assert_eq!(none.to_onnx().unwrap_err(), NotExportable::NoInputs);
}
