use domain::datasets::ColumnType;
use domain::models::OutputField;
use domain::predictions::Scale;
use model::{
    Artifact, ArtifactError, Body, Classifier, Linear, Link, PredictError, Predictor, Score,
    Transform, Value, decode, encode, label,
};
use proptest::prelude::*;

use crate::{grove, houses, input};

fn output(classes: &[&str]) -> OutputField {
    let classes = classes.iter().map(|&class| class.to_owned()).collect();
    OutputField::classification("kind", classes)
}

/// A score that is `intercept` and the input `x` times each class's slope.
fn linear(intercept: f64, slope: f64) -> Score {
    Score::Linear(Linear {
        intercept,
        transforms: vec![Transform::Numeric {
            impute: 0.0,
            mean: 0.0,
            std: 1.0,
            coefficient: slope,
        }],
    })
}

fn classifier(classes: &[&str], link: Link, scores: Vec<Score>) -> Artifact {
    let inputs = vec![input("x", ColumnType::Float, true, None)];
    let body = Classifier { link, scores };
    Artifact::classifier("logistic_regression", output(classes), inputs, body)
}

/// As it is served: written, read back and prepared.
fn served(artifact: &Artifact) -> Predictor {
    let read = decode(&encode(artifact).unwrap()).unwrap();
    assert_eq!(&read, artifact);
    Predictor::new(&read)
}

fn probabilities(predictor: &Predictor, x: f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; predictor.width()];
    predictor.predict(&[Value::Number(x)], &mut out).unwrap();
    out
}

fn close(left: &[f64], right: &[f64]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| (a - b).abs() < 1e-12)
}

#[test]
fn each_link_makes_probabilities_of_its_scores() {
    let binary = served(&classifier(
        &["no", "yes"],
        Link::Logistic,
        vec![linear(0.0, 1.0)],
    ));
    assert_eq!(binary.width(), 2);
    assert_eq!(binary.classes().unwrap(), ["no", "yes"]);
    assert!(close(&probabilities(&binary, 0.0), &[0.5, 0.5]));
    let odds = 3.0_f64;
    assert!(close(&probabilities(&binary, odds.ln()), &[0.25, 0.75]));

    let scores = || vec![linear(0.0, 1.0), linear(0.0, 0.0), linear(0.0, -1.0)];
    let softmax = served(&classifier(&["a", "b", "c"], Link::Softmax, scores()));
    let two = 2.0_f64;
    assert!(close(
        &probabilities(&softmax, two.ln()),
        &[4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0]
    ));

    // Odds of 2, 1 and 1/2 are probabilities of 2/3, 1/2 and 1/3, before they are scaled.
    let each = served(&classifier(&["a", "b", "c"], Link::OneVsRest, scores()));
    assert!(close(
        &probabilities(&each, two.ln()),
        &[4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0]
    ));
}

#[test]
fn shares_are_probabilities_but_for_rounding() {
    // Of two classes there is the second one's alone.
    let binary = served(&classifier(
        &["no", "yes"],
        Link::Shares,
        vec![linear(0.0, 1.0)],
    ));
    assert!(close(&probabilities(&binary, 0.25), &[0.75, 0.25]));
    assert!(close(&probabilities(&binary, 1.0 + 1e-12), &[0.0, 1.0]));
    assert!(close(&probabilities(&binary, -1e-12), &[1.0, 0.0]));
    assert_eq!(binary.scale(), Scale::Probability);

    let scores = || vec![linear(0.0, 1.0), linear(0.5, -1.0), linear(0.5, 0.0)];
    let artifact = classifier(&["a", "b", "c"], Link::Shares, scores());
    // Releases that know no shares read up to version 3.
    assert_eq!(encode(&artifact).unwrap()[8..10], 7_u16.to_le_bytes());
    let several = served(&artifact);
    assert!(close(&probabilities(&several, 0.2), &[0.2, 0.3, 0.5]));
    assert!(close(
        &probabilities(&several, 0.5 + 1e-13),
        &[0.5, 0.0, 0.5]
    ));
    let nothing = vec![linear(0.0, 0.0), linear(0.0, 0.0), linear(-1.0, 0.0)];
    let nothing = served(&classifier(&["a", "b", "c"], Link::Shares, nothing));
    assert!(close(&probabilities(&nothing, 1.0), &[1.0 / 3.0; 3]));
    let mut out = [0.0; 3];
    assert_eq!(
        several.predict(&[Value::Number(f64::MAX)], &mut out),
        Ok(()),
        "however far out, they add up to 1"
    );
    assert!(close(&out, &[2.0 / 3.0, 0.0, 1.0 / 3.0]), "{out:?}");
}

#[test]
fn the_label_is_the_most_probable_class_and_the_first_on_a_tie() {
    assert_eq!(label(&[0.2, 0.5, 0.3]), 1);
    assert_eq!(label(&[0.4, 0.2, 0.4]), 0);
    assert_eq!(label(&[0.5, 0.5]), 0);
}

#[test]
fn what_is_far_out_is_certain_and_what_is_no_number_an_error() {
    for link in [Link::Softmax, Link::OneVsRest] {
        let scores = vec![linear(0.0, -1.0), linear(-10.0, -1.0)];
        let predictor = served(&classifier(&["a", "b"], link, scores));
        // Both scores are far below 0: only what lies between them counts.
        let out = probabilities(&predictor, 1e6);
        assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{out:?}");
        assert!((out[0] / out[1]).ln() - 10.0 < 1e-9, "{out:?}");
    }
    let steep = classifier(&["no", "yes"], Link::Logistic, vec![linear(0.0, 1e300)]);
    let predictor = served(&steep);
    assert!(close(&probabilities(&predictor, -1.0), &[1.0, 0.0]));
    let mut out = [0.0; 2];
    assert_eq!(
        predictor.predict(&[Value::Number(1e300)], &mut out),
        Err(PredictError::NotFinite)
    );
}

#[test]
fn there_must_be_room_for_every_class() {
    let predictor = served(&classifier(
        &["no", "yes"],
        Link::Logistic,
        vec![linear(0.0, 1.0)],
    ));
    let row = [Value::Number(0.0)];
    let wrong = |room| Err(PredictError::WrongWidth { width: 2, room });
    assert_eq!(predictor.predict(&row, &mut [0.0]), wrong(1));
    assert_eq!(predictor.predict(&row, &mut [0.0; 3]), wrong(3));
    assert!(predictor.number(&row).is_err());
    let regressor = Predictor::new(&houses());
    let mut two = [0.0; 2];
    assert_eq!(
        regressor.predict(&[Value::Missing; 4], &mut two),
        Err(PredictError::WrongWidth { width: 1, room: 2 })
    );
}

#[test]
fn a_classifier_that_contradicts_itself_is_not_written() {
    let refused = |artifact: &Artifact, what: &str| match encode(artifact) {
        Err(ArtifactError::Inconsistent(problem)) => {
            assert!(problem.contains(what), "{problem} is not about {what}");
        }
        other => panic!("{other:?}"),
    };
    let one = || vec![linear(0.0, 1.0)];
    refused(&classifier(&["a"], Link::Logistic, one()), "at least 2");
    refused(&classifier(&["a", "a"], Link::Logistic, one()), "twice");
    refused(
        &classifier(&["a", "b", "c"], Link::Logistic, one()),
        "tells 2 classes",
    );
    refused(
        &classifier(&["a", "b", "c"], Link::Softmax, one()),
        "3 are needed",
    );
    refused(
        &classifier(&["a", "b"], Link::Shares, [one(), one()].concat()),
        "1 are needed",
    );
    let mut regression = classifier(&["a", "b"], Link::Logistic, one());
    regression.signature.output = OutputField::regression("kind");
    refused(&regression, "of a regression");
    let mut classes = houses();
    classes.signature.output.classes = Some(Vec::new());
    refused(&classes, "no classes");
    classes.signature.output = output(&["a", "b"]);
    refused(&classes, "of a classification");
}

#[test]
fn what_is_cut_off_or_changed_is_refused() {
    let scores = vec![linear(0.5, 1.0), linear(0.25, -1.0), linear(0.0, 2.0)];
    let bytes = encode(&classifier(&["a", "b", "c"], Link::Softmax, scores)).unwrap();
    assert_eq!(bytes[8..10], 3_u16.to_le_bytes());
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn any_scores_give_shares_of_one_alone_and_together(
        scores in proptest::collection::vec((-50.0..50.0f64, -50.0..50.0f64), 3..8),
        has_trees in any::<bool>(),
        link in prop_oneof![Just(Link::Softmax), Just(Link::OneVsRest), Just(Link::Shares)],
        xs in proptest::collection::vec(-20.0..20.0f64, 1..70),
    ) {
        let names: Vec<String> = (0..scores.len()).map(|place| format!("class {place}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let artifact = if has_trees {
            let Body::Trees(trees) = grove().body else { unreachable!() };
            let of = |base| {
                let mut trees = trees.clone();
                trees.base = base;
                Score::Trees(trees)
            };
            let scores = scores.iter().map(|&(base, _)| of(base)).collect();
            let inputs = houses().signature.inputs;
            Artifact::classifier("gradient_boosting", output(&names), inputs, Classifier { link, scores })
        } else {
            let scores = scores.iter().map(|&(intercept, slope)| linear(intercept, slope)).collect();
            classifier(&names, link, scores)
        };
        let predictor = served(&artifact);
        let row = |x: f64| {
            let mut row = vec![Value::Missing; predictor.len()];
            row[0] = Value::Number(x);
            row
        };
        let mut rows: Vec<_> = xs.into_iter().map(row).collect();
        rows.push(Vec::new());
        let width = predictor.width();
        let mut together = vec![0.0; rows.len() * width];
        let done = predictor.predict_batch(&rows, &mut together);
        prop_assert!(done.last().unwrap().is_err());
        for ((row, together), done) in rows.iter().zip(together.chunks(width)).zip(&done) {
            let mut alone = vec![0.0; width];
            prop_assert_eq!(*done, predictor.predict(row, &mut alone));
            if done.is_ok() {
                prop_assert!((alone.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                prop_assert!(alone.iter().all(|share| (0.0..=1.0).contains(share)));
                let bits = |shares: &[f64]| shares.iter().map(|share| share.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&alone), bits(together));
            }
        }
    }
}
