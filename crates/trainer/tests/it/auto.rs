//! `auto`: which algorithm it takes, and what it tells of the others.

use domain::training_runs::{Algorithm, LogLevel, Named, Stage};
use serde_json::json;
use trainer::{TrainEvent, Trained};

use crate::{TestFile, csv, spec_of, titanic};

/// 600 rows of a target that `y` makes of two columns.
fn table(y: impl Fn(f64, f64) -> f64) -> TestFile {
    let rows = (0..600_u32).map(|row| {
        let (a, b) = (
            f64::from(row * 7919 % 600) / 100.0,
            f64::from(row * 104_729 % 601) / 100.0,
        );
        // Something that nothing explains.
        let noise = f64::from(row * 31 % 17) / 17.0 - 0.5;
        format!("{a},{b},{}", y(a, b) + 0.2 * noise)
    });
    csv("a,b,y", rows)
}

/// From 0 to 1, as good as drawn at random.
fn drawn(place: u64) -> f64 {
    let mut z = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f64 / 16_777_216.0
}

fn train(file: &TestFile, target: &str) -> Trained {
    file.train(&spec_of(Algorithm::Auto, target, json!({})))
        .unwrap()
}

#[test]
fn the_best_on_rows_that_were_held_out_from_it_is_taken() {
    let bent = train(&table(|a, b| (a * b).sin() * 10.0 + a * a), "y");
    let is_straight = bent.algorithm.as_named().is_some_and(|algorithm| {
        matches!(
            algorithm,
            Named::LinearRegression | Named::Ridge | Named::Lasso
        )
    });
    assert!(!is_straight, "{:?}", bent.evaluation.candidates);
    let straight = train(&table(|a, b| 3.0 * a - 2.0 * b), "y");
    assert!(
        matches!(
            straight.algorithm,
            Algorithm::LinearRegression | Algorithm::Ridge | Algorithm::Lasso
        ),
        "{:?}",
        straight.evaluation.candidates
    );
    for trained in [bent, straight] {
        let artifact = model::decode(&trained.artifact).unwrap();
        assert_eq!(artifact.algorithm, trained.algorithm.as_str());
        let candidates = &trained.evaluation.candidates;
        assert_eq!(candidates[0].algorithm, trained.algorithm);
        assert_eq!(candidates[0].params, trained.params);
        let alone = candidates
            .iter()
            .filter(|tried| tried.algorithm != Algorithm::Auto);
        let mut folds: Vec<u32> = alone.map(|tried| tried.folds).collect();
        folds.sort_unstable();
        // Five parts, and five more for the better half.
        assert_eq!(folds, [[5; 7].as_slice(), &[10; 8]].concat());
        for tried in candidates {
            let rmse = tried.estimate.unwrap();
            assert!(rmse.low <= rmse.value && rmse.value <= rmse.high);
            assert!(tried.fit_seconds > 0.0 && tried.predict_micros > 0.0);
            assert_eq!(tried.problem, None);
        }
        // A simpler one may be worse by next to nothing.
        let value = |place: usize| candidates[place].estimate.unwrap().value;
        assert!((1..5).all(|place| value(0) <= value(place) * 1.01));
    }
}

#[test]
fn the_same_run_takes_the_same_and_makes_the_same_bytes() {
    let file = titanic();
    let (one, other) = (train(&file, "Fare"), train(&file, "Fare"));
    assert_eq!((one.algorithm, one.params), (other.algorithm, other.params));
    assert_eq!(one.artifact, other.artifact);
    assert_eq!(one.metrics, other.metrics);
}

#[test]
fn every_trial_is_told_and_the_bar_never_goes_back() {
    let spec = spec_of(Algorithm::Auto, "y", json!({}));
    let (trained, events) = table(|a, b| a * b).train_with_events(&spec);
    let mut last = (Stage::Prepare, 0.0);
    let mut tried = Vec::new();
    for event in events {
        match event {
            TrainEvent::Progress(progress) => {
                assert!(progress.stage >= last.0 && progress.fraction >= last.1);
                last = (progress.stage, progress.fraction);
            }
            TrainEvent::Log { level, message } if message.starts_with("fold ") => {
                assert_eq!(level, LogLevel::Info, "{message}");
                tried.push(message);
            }
            TrainEvent::Log { .. } => {}
        }
    }
    assert_eq!(last, (Stage::Package, 1.0));
    // All on five parts, and the better half on five more.
    assert_eq!(tried.len(), 5 * 15 + 5 * 8, "{tried:?}");
    assert!(tried[0].starts_with("fold 1 of 10: linear_regression has RMSE "));
    assert!(tried[tried.len() - 1].starts_with("fold 10 of 10: "));
    let best = trained.unwrap();
    assert!(best.evaluation.candidates[0].folds == 10);
}

#[test]
fn an_algorithm_that_can_not_learn_from_so_few_rows_leaves_it_to_the_others() {
    let rows = (0..12_u32).map(|row| {
        let columns = (1..9).map(|column| (row * column * 37 % 23).to_string());
        format!("{},{row}", columns.collect::<Vec<_>>().join(","))
    });
    let trained = train(&csv("a,b,c,d,e,f,g,h,y", rows), "y");
    assert_ne!(trained.algorithm, Algorithm::LinearRegression);
    let candidates = &trained.evaluation.candidates;
    let failed = candidates
        .iter()
        .find(|tried| tried.algorithm == Algorithm::LinearRegression)
        .unwrap();
    assert_eq!((failed.folds, failed.estimate), (0, None));
    let problem = failed.problem.as_deref().unwrap();
    assert!(problem.contains("too few"), "{problem}");
}

#[test]
fn a_row_far_beyond_the_others_is_no_reason_to_take_a_model_that_fails_on_it() {
    let place = trainer::split(120, 0.2, 42).train[3];
    for far in ["1e200", "1e90"] {
        let rows = (0..120_u32).map(|row| {
            let a = if row == place {
                far.to_owned()
            } else {
                (row * 37 % 101).to_string()
            };
            format!("{a},{},{}", row * 53 % 97, row * 53 % 97 + row % 3)
        });
        let trained = train(&csv("a,b,y", rows), "y");
        for tried in &trained.evaluation.candidates {
            let finite = |rmse: domain::models::Estimate| {
                rmse.value.is_finite() && rmse.low.is_finite() && rmse.high.is_finite()
            };
            assert!(tried.estimate.is_none_or(finite), "{tried:?}");
        }
        let best = &trained.evaluation.candidates[0];
        assert_eq!(best.problem, None);
        assert!(best.estimate.unwrap().value > 0.0, "{best:?}");
    }
}

#[test]
fn several_answer_together_where_that_is_better() {
    // Slopes that trees do not find, a wave that a weighted sum does not, and much that nothing explains.
    let rows = (0..600_u64).map(|row| {
        let x: Vec<f64> = (0..7).map(|column| drawn(row * 8 + column)).collect();
        let wave = 6.0 * (6.0 * x[0]).sin();
        let y = 8.0 * x[1] - 6.0 * x[2] + 4.0 * x[3] + wave + 8.0 * x[6];
        let cells: Vec<String> = x[..6].iter().map(f64::to_string).collect();
        format!("{},{y}", cells.join(","))
    });
    let file = csv("a,b,c,d,e,f,y", rows);
    let trained = train(&file, "y");
    assert_eq!(
        trained.algorithm,
        Algorithm::Auto,
        "{:?}",
        trained.evaluation.candidates
    );
    let members = trained.params["members"].as_array().unwrap();
    assert!((2..=4).contains(&members.len()));
    let weights: f64 = members
        .iter()
        .map(|member| member["weight"].as_f64().unwrap())
        .sum();
    assert!((weights - 1.0).abs() < 1e-9);
    let artifact = model::decode(&trained.artifact).unwrap();
    assert_eq!(artifact.algorithm, "auto");
    assert!(matches!(artifact.body, model::Body::Blend(_)));
    let inputs = artifact.signature.inputs.len();
    assert_eq!(inputs, 6);
    let candidates = &trained.evaluation.candidates;
    let best = candidates[0].estimate.unwrap().value;
    assert!(
        candidates[1..]
            .iter()
            .all(|tried| { tried.estimate.is_none_or(|estimate| best < estimate.value) })
    );
    // What it says of a row adds up from what its inputs do.
    let predictor = model::Predictor::new(&artifact);
    let row = vec![model::Value::Number(0.3); inputs];
    let number = predictor.number(&row).unwrap();
    let explained = predictor.explain(&row).unwrap();
    let sum = explained[0].base + explained[0].contributions.iter().sum::<f64>();
    assert!(
        (sum - number).abs() < 1e-6 * number.abs().max(1.0),
        "{sum} {number}"
    );
}

#[test]
fn what_takes_too_long_to_predict_is_shown_but_not_taken() {
    let file = table(|a, b| (a * b).sin() * 10.0 + a * a);
    let mut spec = spec_of(Algorithm::Auto, "y", json!({}));
    let free = file.train(&spec).unwrap();
    let is_forest = |tried: &&domain::models::Candidate| {
        tried.algorithm == Algorithm::RandomForest && tried.folds > 0
    };
    let forests = free.evaluation.candidates.iter().filter(is_forest);
    let forests = forests.map(|forest| forest.predict_micros);
    // A single tree takes some hundredths of a forest.
    let micros = (forests.fold(f64::INFINITY, f64::min) / 4.0).max(1.0) as u32;
    spec.budget.max_predict_micros = Some(micros);
    let bound = file.train(&spec).unwrap();
    let candidates = &bound.evaluation.candidates;
    assert!(candidates[0].predict_micros <= f64::from(micros));
    let forest = candidates.iter().find(is_forest).unwrap();
    let problem = forest.problem.as_deref().unwrap();
    assert!(problem.contains("to predict a row"), "{problem}");
}

#[test]
fn a_target_of_classes_is_tried_by_what_tells_classes_apart() {
    let mut spec = spec_of(Algorithm::Auto, "Survived", json!({}));
    spec.task = Some(domain::models::Task::Classification);
    spec.features = Some(["Sex", "Age", "Pclass"].map(str::to_owned).to_vec());
    let trained = titanic().train(&spec).unwrap();
    let tried = |algorithm: Algorithm| {
        let mut candidates = trained.evaluation.candidates.iter();
        candidates.any(|tried| tried.algorithm == algorithm && tried.folds >= 5)
    };
    for algorithm in [
        Algorithm::NaiveBayes,
        Algorithm::LogisticRegression,
        Algorithm::DecisionTree,
        Algorithm::RandomForest,
        Algorithm::GradientBoosting,
        Algorithm::HistogramBoosting,
    ] {
        assert!(tried(algorithm), "{algorithm:?}");
    }
    assert!(trained.metrics["log_loss"] < trained.metrics["baseline_log_loss"]);
}

#[test]
fn a_long_tail_is_tried_by_what_multiplies() {
    let skewed = train(&table(|a, b| (a + 0.2 * b).exp()), "y");
    let names: Vec<&str> = skewed
        .evaluation
        .candidates
        .iter()
        .map(|tried| tried.algorithm.as_str())
        .collect();
    assert!(
        names.contains(&"gamma") && names.contains(&"poisson"),
        "{names:?}"
    );
}

#[test]
fn tables_at_the_edge_give_a_model_or_a_reason() {
    let categories = || {
        let rows = (0..30_000_u32).map(|row| {
            let (category, n) = (row % 10_000, row % 7);
            let is_high = category % 13 + n > 9;
            format!("c{category},{n},{},{is_high}", 1 + category % 13 + n)
        });
        csv("category,n,y,is_high", rows)
    };
    let mut spec = spec_of(Algorithm::Auto, "is_high", json!({}));
    spec.task = Some(domain::models::Task::Classification);
    spec.features = Some(["category", "n"].map(str::to_owned).to_vec());
    let file = categories();
    for algorithm in crate::algorithms(domain::models::Task::Classification) {
        spec.algorithm = algorithm;
        let most = if algorithm == Algorithm::HistogramBoosting {
            254
        } else {
            50
        };
        let trained = file.train(&spec).unwrap();
        let mut inputs = trained.signature.inputs.iter();
        assert!(
            inputs.all(|input| input
                .categories
                .as_ref()
                .is_none_or(|all| all.len() <= most)),
            "{algorithm:?}"
        );
    }
    spec.algorithm = Algorithm::Auto;
    for (target, task) in [
        ("is_high", domain::models::Task::Classification),
        ("y", domain::models::Task::Regression),
    ] {
        spec.task = Some(task);
        target.clone_into(&mut spec.target);
        let trained = file.train(&spec).unwrap();
        assert!(!trained.signature.inputs.is_empty(), "{target}");
    }

    let error = |rows: Vec<&str>, task| {
        let mut spec = spec_of(Algorithm::Auto, "y", json!({}));
        spec.task = Some(task);
        let rows = rows.into_iter().enumerate();
        let file = csv("a,y", rows.map(|(row, value)| format!("{row},{value}")));
        file.train(&spec).unwrap_err().code
    };
    let (number, class) = (
        domain::models::Task::Regression,
        domain::models::Task::Classification,
    );
    assert_eq!(error(vec!["5"; 60], number), "invalid_target");
    assert_eq!(error(vec!["yes"; 60], class), "invalid_target");
    assert_eq!(error(vec!["1", "2", "3"], number), "too_few_rows");
    assert_eq!(error(vec!["a", "b", "a"], class), "invalid_target");
}
