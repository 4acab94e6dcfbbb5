use domain::datasets::ColumnType;
use domain::models::{Metric, Task};
use domain::training_runs::{Algorithm, SplitMethod, TrainingSpec};
use model::{Predictor, check_row, label};
use proptest::prelude::*;
use serde_json::json;
use trainer::Trained;

use crate::{TestFile, algorithms, california_housing, csv, spec_of, titanic};

fn spec(algorithm: Algorithm, target: &str) -> TrainingSpec {
    let mut spec = spec_of(algorithm, target, json!({}));
    spec.task = Some(Task::Classification);
    spec.split.method = None;
    spec
}

/// As others compare on it: without names and numbers of people, and with their seed.
fn survival(algorithm: Algorithm) -> TrainingSpec {
    let features = ["Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked"];
    let mut spec = spec(algorithm, "Survived");
    spec.features = Some(features.map(str::to_owned).to_vec());
    spec.split.seed = 0;
    spec
}

fn predictor(trained: &Trained) -> Predictor {
    Predictor::new(&model::decode(&trained.artifact).unwrap())
}

#[test]
fn survival_is_told_much_better_than_by_the_shares() {
    for algorithm in algorithms(Task::Classification) {
        let trained = titanic().train(&survival(algorithm)).unwrap();
        let metrics = &trained.metrics;
        assert!(metrics["log_loss"] < 0.48, "{algorithm:?}: {metrics:?}");
        assert!(metrics["roc_auc"] > 0.82, "{algorithm:?}: {metrics:?}");
        assert!(metrics["accuracy"] > metrics["baseline_accuracy"] + 0.1);
        assert!(metrics["baseline_log_loss"] > 0.64);
        assert_eq!(metrics["test_rows"], 178.0);
        assert_eq!(metrics["train_rows"], 713.0);

        let output = &trained.signature.output;
        assert_eq!(output.task, Task::Classification);
        assert_eq!(output.classes.as_deref().unwrap(), ["0", "1"]);
        let evaluation = trained.evaluation.classification.as_ref().unwrap();
        // As many are held out of each class as it has of all rows: 549 and 342 of 891.
        let rows: Vec<u64> = evaluation
            .per_class
            .iter()
            .map(|class| class.rows)
            .collect();
        assert_eq!(rows, [110, 68]);
        assert_eq!(evaluation.confusion.iter().flatten().sum::<u64>(), 178);
        assert_eq!(evaluation.curves.len(), 1);
        assert!(evaluation.curves[0].roc.len() <= 101);
        let estimate = evaluation.log_loss;
        assert!(estimate.low < metrics["log_loss"] && metrics["log_loss"] < estimate.high);
        assert!(trained.evaluation.points.is_empty());

        // A woman in first class, a man in third.
        let predictor = predictor(&trained);
        let share = |inputs: serde_json::Value| {
            let row = check_row(&predictor, None, inputs.as_object().unwrap()).unwrap();
            let mut out = [0.0; 2];
            predictor.predict(&row, &mut out).unwrap();
            assert!((out[0] + out[1] - 1.0).abs() < 1e-12);
            out[1]
        };
        let of = |class: u8, sex: &str| {
            let mut row = trained.signature.sample_row();
            row.insert("Pclass".to_owned(), json!(class));
            row.insert("Sex".to_owned(), json!(sex));
            share(row.into())
        };
        let (most, least) = (of(1, "female"), of(3, "male"));
        // The other columns are those of one row: to neighbours they count as much.
        let few = match algorithm {
            Algorithm::KNearestNeighbors => 0.4,
            _ => 0.3,
        };
        assert!(most > 0.65 && least < few, "{algorithm:?}: {most} {least}");
    }
}

/// scikit-learn 1.9.1 on the same split, with the columns encoded and scaled as `docs/reference/` says and
/// `C` = 1 / (penalty * rows), and with its own functions for the metrics.
#[test]
fn logistic_regression_and_its_metrics_are_those_of_scikit_learn() {
    let survived = titanic()
        .train(&survival(Algorithm::LogisticRegression))
        .unwrap();
    let regions = california_housing()
        .train(&spec(Algorithm::LogisticRegression, "ocean_proximity"))
        .unwrap();
    let expected = [
        ("log_loss", 0.418_026, 0.564_488),
        ("accuracy", 0.808_989, 0.801_599),
        ("roc_auc", 0.872_126, 0.891_517),
        ("pr_auc", 0.859_376, 0.599_357),
        ("f1", 0.734_375, 0.532_268),
        ("brier", 0.132_745, 0.301_225),
    ];
    for (name, of_two, of_five) in expected {
        for (trained, expected) in [(&survived, of_two), (&regions, of_five)] {
            let found = trained.metrics[name];
            assert!(
                (found - expected).abs() < 2e-6,
                "{name}: {found}, not {expected}"
            );
        }
    }
}

/// Where the loss is least, each class has the share of the training rows' probability that it has of the rows: the intercepts
/// bear no penalty.
#[test]
fn one_value_far_from_all_others_does_not_spoil_several_classes() {
    let rows: Vec<(f64, f64, &str)> = (0..3000_u32)
        .map(|row| {
            let z = f64::from(row * 7919 % 1000) / 100.0;
            let far = row == 1500;
            let x = if far { 1e4 } else { z + f64::from(row % 7) };
            let place = z as usize / 4 + usize::from(row % 9 == 0);
            (x, z, ["a", "b", "c"][place % 3])
        })
        .collect();
    let mut spec = spec(Algorithm::LogisticRegression, "class");
    spec.params = json!({"penalty": 1e-6}).as_object().cloned();
    let lines = rows.iter().map(|(x, z, class)| format!("{x},{z},{class}"));
    let trained = csv("x,z,class", lines).train(&spec).unwrap();
    let predictor = predictor(&trained);
    let classes = trained.signature.output.classes.as_deref().unwrap();
    let (mut given, mut actual) = ([0.0; 3], [0.0; 3]);
    for (place, (x, z, class)) in rows.iter().enumerate() {
        if trained.test_rows.contains(&(place as u32)) {
            continue;
        }
        let inputs = json!({"x": x, "z": z});
        let row = check_row(&predictor, None, inputs.as_object().unwrap()).unwrap();
        let mut out = [0.0; 3];
        predictor.predict(&row, &mut out).unwrap();
        for (sum, probability) in given.iter_mut().zip(out) {
            *sum += probability / 2400.0;
        }
        let class = classes.iter().position(|known| known == class).unwrap();
        actual[class] += 1.0 / 2400.0;
    }
    for (given, actual) in given.iter().zip(actual) {
        assert!((given - actual).abs() < 1e-4, "{given} of {actual}");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    for algorithm in algorithms(Task::Classification) {
        let first = titanic().train(&survival(algorithm)).unwrap();
        assert_eq!(first, titanic().train(&survival(algorithm)).unwrap());
    }
}

#[test]
fn regions_are_told_apart_by_their_place() {
    let file = california_housing();
    for algorithm in algorithms(Task::Classification) {
        let trained = file.train(&spec(algorithm, "ocean_proximity")).unwrap();
        let classes = ["<1H OCEAN", "INLAND", "ISLAND", "NEAR BAY", "NEAR OCEAN"];
        let output = &trained.signature.output;
        assert_eq!(output.classes.as_deref().unwrap(), classes);
        let evaluation = trained.evaluation.classification.as_ref().unwrap();
        assert_eq!(evaluation.curves.len(), 5);
        assert!(evaluation.thresholds.is_empty());
        // Five rows of islands in 20,640.
        assert_eq!(evaluation.per_class[2].rows, 1);
        let metrics = &trained.metrics;
        assert!(metrics["log_loss"] < 0.6 * metrics["baseline_log_loss"]);
        assert!(metrics["accuracy"] > 0.7, "{algorithm:?}: {metrics:?}");
        // A probability of so much comes true about as often.
        for curve in evaluation
            .curves
            .iter()
            .filter(|curve| curve.class == "INLAND")
        {
            for bin in curve.calibration.iter().filter(|bin| bin.rows > 150) {
                assert!(
                    (bin.predicted - bin.actual).abs() < 0.15,
                    "{algorithm:?}: {bin:?}"
                );
            }
        }
    }
}

#[test]
fn auto_takes_what_has_the_lowest_log_loss() {
    let trained = titanic().train(&survival(Algorithm::Auto)).unwrap();
    let candidates = &trained.evaluation.candidates;
    let alone = candidates
        .iter()
        .filter(|tried| tried.algorithm != Algorithm::Auto);
    assert_eq!(alone.count(), 15);
    assert_eq!(candidates[0].algorithm, trained.algorithm);
    for tried in candidates {
        assert_eq!(tried.metric, Metric::LogLoss);
        assert!(tried.algorithm.serves(Task::Classification));
        let estimate = tried.estimate.unwrap();
        assert!(estimate.low < estimate.value && estimate.value < estimate.high);
    }
    // A simpler one may be worse by next to nothing.
    let value = |place: usize| candidates[place].estimate.unwrap().value;
    assert!(value(0) <= value(1) * 1.01);
}

fn ten_each(classes: &[&str]) -> TestFile {
    let rows = (0..classes.len() * 10).map(|row| {
        let place = row % classes.len();
        format!(
            "{},{},{}",
            row * 7 % 13 + 5 * place,
            row % 5,
            classes[place]
        )
    });
    csv("a,b,y", rows)
}

#[test]
fn classes_stand_as_they_are_written_in_their_order() {
    let cases: [(&[&str], ColumnType, &[&str]); 6] = [
        (&["yes", "no"], ColumnType::String, &["no", "yes"]),
        (&["TRUE", "false"], ColumnType::Boolean, &["false", "true"]),
        (&["10", "9", "-2"], ColumnType::Integer, &["-2", "9", "10"]),
        (
            &["2.50", "1", "1e2"],
            ColumnType::Float,
            &["1", "2.50", "1e2"],
        ),
        (
            &["\"a \"\"b\"\"\"", "zürich ☃", "'"],
            ColumnType::String,
            &["'", "a \"b\"", "zürich ☃"],
        ),
        (
            &["1", "2", "n. a."],
            ColumnType::String,
            &["1", "2", "n. a."],
        ),
    ];
    for (written, kind, expected) in cases {
        let file = ten_each(written);
        let profile = file.profile().unwrap();
        assert_eq!(profile.columns[2].kind, kind, "{written:?}");
        for algorithm in algorithms(Task::Classification) {
            let trained = file.train(&spec(algorithm, "y")).unwrap();
            let classes = trained.signature.output.classes.clone().unwrap();
            assert_eq!(classes, expected, "{algorithm:?}");
            assert_eq!(trained.metrics["test_rows"], 2.0 * written.len() as f64);
        }
    }
}

#[test]
fn rows_without_a_class_are_left_out() {
    let file = csv(
        "a,y",
        (0..60).map(|row| format!("{row},{}", ["x", "null", "z"][row as usize % 3])),
    );
    let trained = file
        .train(&spec(Algorithm::LogisticRegression, "y"))
        .unwrap();
    let classes = trained.signature.output.classes.clone().unwrap();
    assert_eq!(classes, ["x", "z"]);
    assert!(trained.test_rows.iter().all(|row| row % 3 != 1));
}

#[test]
fn what_can_not_be_told_apart_says_why() {
    let ids = csv("a,y", (0..500).map(|row| format!("{},id{row}", row % 7)));
    let numbers = csv("a,y", (0..500).map(|row| format!("{},{row}.5", row % 7)));
    let many = csv(
        "a,y",
        (0..20_000).map(|row| format!("{},id{}", row % 7, row % 10_000)),
    );
    let long = "x".repeat(151);
    let long = csv(
        "a,y",
        (0..40).map(|row| format!("{row},{}", if row % 2 == 0 { &long } else { "b" })),
    );
    let cases = [
        (ten_each(&["same"]), "\"same\" in every row"),
        (ten_each(&["3"]), "\"3\" in every row"),
        (ids, "500 classes: a classifier tells at most 100 apart"),
        (numbers, "500 classes"),
        (many, "10000 classes"),
        (long, "longer than 150 characters"),
        (
            csv(
                "a,y",
                (0..40).map(|row| {
                    format!(
                        "{row},{}",
                        match row {
                            7 => "tpyo",
                            8 => "odd",
                            _ => ["x", "y"][row as usize % 2],
                        }
                    )
                }),
            ),
            "classes of a single row: \"odd\", \"tpyo\"",
        ),
        (
            csv("a,y", (0..40).map(|row| format!("{row},"))),
            "no values",
        ),
    ];
    for (file, expected) in cases {
        for algorithm in algorithms(Task::Classification) {
            let error = file.train(&spec(algorithm, "y")).unwrap_err();
            assert_eq!(error.code, "invalid_target", "{error:?}");
            assert!(error.message.contains(expected), "{error:?}");
            assert!(!error.fix.is_empty());
        }
    }
    let three = csv("a,y", ["1,x", "2,y", "3,x"].map(str::to_owned));
    let error = three.train(&spec(Algorithm::Auto, "y")).unwrap_err();
    assert!(
        error.code == "too_few_rows" || error.message.contains("single row"),
        "{error:?}"
    );
}

#[test]
fn a_class_that_a_random_split_holds_out_whole_is_named() {
    let file = csv(
        "a,y",
        (0..40).map(|row| {
            format!(
                "{row},{}",
                if row < 2 {
                    "rare"
                } else {
                    ["x", "z"][row as usize % 2]
                }
            )
        }),
    );
    let mut random = spec(Algorithm::LogisticRegression, "y");
    random.split.method = Some(SplitMethod::Random);
    random.split.test_fraction = 0.5;
    let errors: Vec<_> = (0..40)
        .filter_map(|seed| {
            random.split.seed = seed;
            file.train(&random).err()
        })
        .collect();
    assert!(!errors.is_empty());
    for error in errors {
        assert!(error.message.contains("\"rare\""), "{error:?}");
        assert!(error.fix.contains("stratified"));
    }
    random.split.method = Some(SplitMethod::Stratified);
    for seed in 0..40 {
        random.split.seed = seed;
        file.train(&random).unwrap();
    }
}

#[test]
fn an_algorithm_of_another_task_is_refused() {
    let error = titanic().train(&survival(Algorithm::Ridge)).unwrap_err();
    assert!(error.message.contains("/algorithm"), "{error:?}");
    let mut regression = survival(Algorithm::LogisticRegression);
    regression.task = Some(Task::Regression);
    assert!(titanic().train(&regression).is_err());
    regression.algorithm = Algorithm::GradientBoosting;
    regression.split.method = Some(SplitMethod::Stratified);
    let error = titanic().train(&regression).unwrap_err();
    assert!(error.message.contains("/split/method"), "{error:?}");
}

#[test]
fn a_column_that_tells_the_classes_apart_without_a_fault_still_gives_a_model() {
    let file = csv(
        "a,b,y",
        (0..200).map(|row| format!("{},{},{}", u8::from(row % 4 == 0), row % 9, row % 4 == 0)),
    );
    for algorithm in algorithms(Task::Classification) {
        let trained = file.train(&spec(algorithm, "y")).unwrap();
        assert_eq!(trained.metrics["accuracy"], 1.0, "{algorithm:?}");
        assert_eq!(trained.metrics["roc_auc"], 1.0, "{algorithm:?}");
    }
}

#[test]
fn columns_that_say_the_same_share_what_they_weigh() {
    let file = csv(
        "a,same,text,y",
        (0..300_u32).map(|row| {
            let a = row * 7919 % 101;
            format!(
                "{a},{},{},{}",
                2 * a,
                ["p", "q"][row as usize % 2],
                u32::from(a + row % 40 > 60)
            )
        }),
    );
    let trained = file
        .train(&spec(Algorithm::LogisticRegression, "y"))
        .unwrap();
    let of = |name: &str| {
        let mut all = trained.evaluation.coefficients.iter();
        all.find(|coefficient| coefficient.feature == name).unwrap()
    };
    assert!((of("a").standardized - of("same").standardized).abs() < 1e-3 * of("a").standardized);
    assert!(of("a").standardized > 0.5);
    assert_eq!(of("a").class, None);
    assert_eq!(trained.metrics["features"], 3.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the table: a model whose every promise holds, or a reason.
    #[test]
    fn any_table_trains_or_says_why_not(
        rows in proptest::collection::vec(
            (
                prop_oneof![8 => (-1e6..1e6f64).prop_map(|x| x.to_string()), 1 => Just(String::new()), 1 => Just("1e300".to_owned())],
                prop_oneof![4 => "[abc]", 1 => "[a-z]{3}", 1 => Just("NA".to_owned())],
                prop_oneof![12 => "[xyz]", 1 => Just(String::new()), 1 => Just("\"q\"\"\"".to_owned())],
            ),
            1..120,
        ),
        seed in any::<u64>(),
        algorithm in proptest::sample::select(algorithms(Task::Classification)),
    ) {
        let file = csv("number,text,y", rows.iter().map(|(number, text, y)| format!("{number},{text},{y}")));
        let mut spec = spec(algorithm, "y");
        spec.split.seed = seed;
        match file.train(&spec) {
            Ok(trained) => {
                prop_assert!(trained.metrics.values().all(|value| value.is_finite()));
                let predictor = predictor(&trained);
                let classes = predictor.classes().unwrap().to_vec();
                prop_assert!(classes.is_sorted() && classes.len() >= 2);
                let sample = trained.signature.sample_row();
                let row = check_row(&predictor, None, &sample).unwrap();
                let mut out = vec![0.0; classes.len()];
                prop_assert!(predictor.predict(&row, &mut out).is_ok());
                prop_assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                prop_assert!(label(&out) < classes.len());
                let evaluation = trained.evaluation.classification.unwrap();
                let told: u64 = evaluation.confusion.iter().flatten().sum();
                prop_assert_eq!(told as f64, trained.metrics["test_rows"]);
            }
            Err(error) => prop_assert!(!error.fix.is_empty() && error.code != "internal", "{:?}", error),
        }
    }
}
