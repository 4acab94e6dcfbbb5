//! Scores that are densities: what they answer, and which files are refused.

use domain::datasets::ColumnType;
use domain::models::OutputField;
use domain::predictions::Scale;
use model::{
    Artifact, ArtifactError, Classifier, Densities, Density, Link, OTHER, Observer, PredictError,
    Predictor, Score, Value, decode, encode,
};
use proptest::prelude::*;

use crate::artifact::{content, sealed};
use crate::input;

fn with(scores: Vec<Densities>) -> Artifact {
    let classes = ["no", "yes"].map(str::to_owned).to_vec();
    let inputs = vec![
        input("x", ColumnType::Float, true, None),
        input("c", ColumnType::String, true, Some(&["p", "q"])),
    ];
    let scores = scores.into_iter().map(Score::Densities).collect();
    let body = Classifier {
        link: Link::Softmax,
        scores,
    };
    Artifact::classifier(
        "naive_bayes",
        OutputField::classification("y", classes),
        inputs,
        body,
    )
}

fn densities(base: f64, cuts: &[f64], terms: &[f64], known: &[f64], other: f64) -> Densities {
    Densities {
        base,
        terms: vec![
            Density::Ranges {
                cuts: cuts.to_vec(),
                terms: terms.to_vec(),
            },
            Density::Categorical {
                terms: known.to_vec(),
                other,
            },
        ],
    }
}

fn example() -> Artifact {
    with(vec![
        densities(0.0, &[], &[0.0], &[0.0, 0.0], 0.0),
        densities(
            -1.0,
            &[-2.0, 0.0, 5.5],
            &[0.5, -0.5, 3.0, 1.0],
            &[0.25, -4.0],
            2.0,
        ),
    ])
}

/// What the second class's score is above the first one's, which is 0.
fn score(predictor: &Predictor, x: Value, c: Value) -> f64 {
    let mut out = [0.0; 2];
    predictor.predict(&[x, c], &mut out).unwrap();
    (out[1] / out[0]).ln()
}

#[test]
fn each_value_adds_its_term_and_a_missing_one_nothing() {
    use Value::{Category, Missing, Number};
    let artifact = example();
    let bytes = encode(&artifact).unwrap();
    assert_eq!(bytes[8..10], 7_u16.to_le_bytes());
    let read = decode(&bytes).unwrap();
    assert_eq!(read, artifact);
    let predictor = Predictor::new(&read);
    for (x, c, expected) in [
        (Missing, Missing, -1.0),
        (Number(-1e300), Missing, -0.5),
        (Number(-2.000_1), Missing, -0.5),
        (Number(-2.0), Missing, -1.5),
        (Number(0.0), Missing, 2.0),
        (Number(5.5), Category(0), 0.25),
        (Number(1e300), Category(1), -4.0),
        (Missing, Category(OTHER), 1.0),
    ] {
        let found = score(&predictor, x, c);
        assert!((found - expected).abs() < 1e-9, "{x:?} {c:?}: {found}");
    }
    let mut out = [0.0; 2];
    for (slot, row) in [
        (0, [Category(0), Missing]),
        (1, [Missing, Number(1.0)]),
        (1, [Missing, Category(2)]),
    ] {
        let wrong = predictor.predict(&row, &mut out);
        assert_eq!(wrong, Err(PredictError::WrongKind { slot }));
    }
    let short = predictor.predict(&[Missing], &mut out);
    assert!(matches!(short, Err(PredictError::WrongLength { .. })));
    assert!(!predictor.gains_from_batches());
}

#[test]
fn explanations_measure_from_the_mean_terms_of_the_rows() {
    use Value::{Category, Missing, Number};
    let mut artifact = example();
    let mut observer = Observer::new(&artifact).unwrap();
    assert_eq!(observer.trees(), 0);
    for row in [[Number(-3.0), Category(0)], [Missing, Category(1)]] {
        observer.see(&row).unwrap();
    }
    artifact.background = observer.background();
    let read = decode(&encode(&artifact).unwrap()).unwrap();
    assert_eq!(read, artifact);
    let predictor = Predictor::new(&read);
    assert_eq!(predictor.scale(), Scale::Score);
    let [_, second] = &predictor.explain(&[Number(1.0), Missing]).unwrap()[..] else {
        panic!("not two");
    };
    // The mean terms are 0.25 and -1.875.
    assert!((second.base - (-1.0 + 0.25 - 1.875)).abs() < 1e-12);
    assert!((second.contributions[0] - (3.0 - 0.25)).abs() < 1e-12);
    assert!((second.contributions[1] - 1.875).abs() < 1e-12);
}

#[test]
fn densities_that_are_none_are_refused() {
    let good = || densities(0.0, &[1.0], &[0.0, 1.0], &[0.0, 0.0], 0.0);
    let refused = |bad: Densities, why: &str| match encode(&with(vec![good(), bad])) {
        Err(ArtifactError::Inconsistent(what)) => assert!(what.contains(why), "{what} lacks {why}"),
        other => panic!("{why}: {other:?}"),
    };
    encode(&with(vec![good(), good()])).unwrap();
    refused(densities(f64::NAN, &[], &[0.0], &[0.0; 2], 0.0), "base");
    refused(
        densities(0.0, &[1.0], &[0.0], &[0.0; 2], 0.0),
        "1 cuts, but 1 terms",
    );
    refused(
        densities(0.0, &[1.0, 1.0], &[0.0; 3], &[0.0; 2], 0.0),
        "do not ascend",
    );
    refused(
        densities(0.0, &[f64::INFINITY], &[0.0; 2], &[0.0; 2], 0.0),
        "not finite",
    );
    refused(
        densities(0.0, &[], &[f64::NAN], &[0.0; 2], 0.0),
        "not finite",
    );
    refused(
        densities(0.0, &[], &[0.0], &[0.0; 3], 0.0),
        "2 categories, but 3 terms",
    );
    refused(
        densities(0.0, &[], &[0.0], &[0.0; 2], f64::NAN),
        "not finite",
    );
    let mut swapped = good();
    swapped.terms.reverse();
    refused(swapped, "is a number, but is used as a category");
    let mut short = good();
    short.terms.pop();
    refused(short, "2 inputs, but 1 densities");
}

proptest! {
    /// A hostile file with a right checksum is refused, or is a model that answers.
    #[test]
    fn any_sealed_densities_are_refused_or_answer(
        place in any::<prop::sample::Index>(),
        replacement in proptest::collection::vec(any::<u8>(), 1..12),
    ) {
        let mut bytes = content(&example());
        let begin = place.index(bytes.len());
        let end = (begin + replacement.len()).min(bytes.len());
        bytes.splice(begin..end, replacement);
        if let Ok(artifact) = decode(&sealed(bytes)) {
            let predictor = Predictor::new(&artifact);
            let mut out = vec![0.0; predictor.width()];
            let row = vec![Value::Missing; predictor.len()];
            let _ = predictor.predict(&row, &mut out);
        }
    }

    #[test]
    fn any_cut_is_refused(length in any::<prop::sample::Index>()) {
        let mut bytes = content(&example());
        bytes.truncate(length.index(bytes.len()));
        prop_assert!(decode(&sealed(bytes)).is_err());
    }
}
