//! What holds for every algorithm, and what each is chosen for.

use domain::models::Task;
use domain::training_runs::{Algorithm, LogLevel, Stage};
use model::{Body, Predictor, check_row};
use proptest::prelude::*;
use serde_json::json;
use trainer::{TrainEvent, Trained};

use crate::{TestFile, algorithms, california_housing, csv, messages, spec_of, titanic};

const TARGET: &str = "median_house_value";

#[test]
fn the_same_run_gives_the_same_bytes() {
    for (file, target) in [(california_housing(), TARGET), (titanic(), "Fare")] {
        // Some paid nothing, which no gamma distribution has.
        let fits = |algorithm: &Algorithm| target == TARGET || *algorithm != Algorithm::Gamma;
        for algorithm in algorithms(Task::Regression).into_iter().filter(fits) {
            let spec = spec_of(algorithm, target, json!({}));
            let first = file.train(&spec).unwrap();
            assert_eq!(first, file.train(&spec).unwrap(), "{algorithm:?}");
            let artifact = model::decode(&first.artifact).unwrap();
            assert_eq!(artifact.algorithm, algorithm.as_str());
            assert_eq!(artifact.params, algorithm.checked(None).unwrap().to_map());
            assert_eq!(first.algorithm, algorithm);
        }
    }
}

/// The figures of `docs/reference/algorithms.md`.
#[test]
fn boosting_predicts_house_values_better_than_a_weighted_sum() {
    let file = california_housing();
    let train = |algorithm| {
        let mut spec = spec_of(algorithm, TARGET, json!({}));
        spec.split.seed = 0;
        file.train(&spec).unwrap()
    };
    let linear = train(Algorithm::LinearRegression);
    let boosted = train(Algorithm::GradientBoosting);
    assert_eq!(boosted.metrics["test_rows"], 4_128.0);
    assert!(boosted.metrics["r2"] > 0.83, "{:?}", boosted.metrics);
    assert!(
        boosted.metrics["rmse"] < 0.75 * linear.metrics["rmse"],
        "{:?} {:?}",
        boosted.metrics,
        linear.metrics
    );
    for algorithm in [Algorithm::Ridge, Algorithm::Lasso, Algorithm::ElasticNet] {
        let shrunk = train(algorithm);
        assert!(
            shrunk.metrics["r2"] > linear.metrics["r2"] - 0.02,
            "{algorithm:?}"
        );
    }

    let importances = &boosted.evaluation.importances;
    assert!(boosted.evaluation.coefficients.is_empty());
    assert_eq!(importances.len(), boosted.signature.inputs.len());
    assert!(importances.is_sorted_by(|a, b| a.gain >= b.gain));
    let total: f64 = importances.iter().map(|importance| importance.gain).sum();
    assert!((total - 1.0).abs() < 1e-9);
    assert_eq!(importances[0].feature, "median_income");
    let Body::Trees(trees) = model::decode(&boosted.artifact).unwrap().body else {
        panic!("the model has no trees")
    };
    assert!(trees.trees.len() > 20);
}

#[test]
fn boosting_takes_missing_values_where_the_table_had_some() {
    let trained = california_housing()
        .train(&spec_of(
            Algorithm::GradientBoosting,
            TARGET,
            json!({"budget": 0.3}),
        ))
        .unwrap();
    let predictor = Predictor::new(&model::decode(&trained.artifact).unwrap());
    let bedrooms = trained
        .signature
        .inputs
        .iter()
        .find(|input| input.name == "total_bedrooms")
        .unwrap();
    assert_eq!((bedrooms.nullable, &bedrooms.impute), (true, &None));
    let mut sample = trained.signature.sample_row();
    for value in [json!(null), json!(1e9), json!(-5)] {
        sample.insert("total_bedrooms".to_owned(), value);
        let row = check_row(&predictor, None, &sample).unwrap();
        assert!(predictor.number(&row).unwrap().is_finite());
    }
    sample.insert("ocean_proximity".to_owned(), json!("ON THE MOON"));
    let row = check_row(&predictor, None, &sample).unwrap();
    assert!(predictor.number(&row).unwrap().is_finite());
}

#[test]
fn boosting_tells_how_it_goes() {
    let spec = spec_of(Algorithm::GradientBoosting, TARGET, json!({"seed": 7}));
    let (result, events) = california_housing().train_with_events(&spec);
    result.unwrap();
    let mut last = (Stage::Prepare, 0.0);
    let mut while_training = 0;
    for event in &events {
        if let TrainEvent::Progress(progress) = event {
            assert!(progress.stage >= last.0 && progress.fraction >= last.1);
            last = (progress.stage, progress.fraction);
            while_training += usize::from(progress.stage == Stage::Train);
        }
    }
    assert_eq!(last, (Stage::Package, 1.0));
    assert!(while_training > 3, "{while_training} steps of progress");
    let log = messages(&events, LogLevel::Info);
    assert!(
        log.contains("fitting gradient_boosting with budget 1.0, seed 7"),
        "{log}"
    );
    assert!(log.contains("grew ") && log.contains(" leaves"), "{log}");
    assert_eq!(messages(&events, LogLevel::Warn), "");
}

#[test]
fn a_column_that_says_nothing_is_no_input_of_the_trees() {
    let rows = (0..400).map(|index| {
        let x = f64::from(index * 37 % 400);
        format!(
            "{x},{},{}",
            if index % 2 == 0 { "a" } else { "b" },
            (x / 40.0).floor()
        )
    });
    let file = csv("x,side,y", rows);
    let trained = file
        .train(&spec_of(Algorithm::GradientBoosting, "y", json!({})))
        .unwrap();
    assert!(trained.metrics["r2"] > 0.95, "{:?}", trained.metrics);
    let importances = &trained.evaluation.importances;
    assert_eq!(importances[0].feature, "x");
    let side = importances.iter().find(|found| found.feature == "side");
    assert!(side.is_none_or(|side| side.gain < 0.01), "{importances:?}");
    for dropped in &trained.evaluation.dropped {
        assert_eq!(dropped.reason, "unused: no tree asks for it");
        assert!(
            trained
                .signature
                .inputs
                .iter()
                .all(|input| input.name != dropped.column)
        );
    }
}

#[test]
fn tables_at_the_edge_give_a_model_or_a_reason() {
    let constant = || csv("a,y", (0..60).map(|index| format!("{index},5")));
    let rows = |count: u32| {
        csv(
            "a,y",
            (0..count).map(|index| format!("{index},{}", index * 2)),
        )
    };
    let ids = || {
        let rows = (0..30_000_u32).map(|index| {
            let category = index % 10_000;
            format!(
                "c{category},{},{}",
                index % 7,
                1 + category % 13 + index % 7
            )
        });
        csv("category,n,y", rows)
    };
    let missing = || {
        csv(
            "a,none,y",
            (0..60).map(|index| format!("{index},,{}", 1 + index * 3 % 17)),
        )
    };
    let wide = || {
        let header: Vec<String> = (0..300).map(|index| format!("c{index}")).collect();
        let rows = (0..40_u32).map(|row| {
            let cells: Vec<String> = (0..301_u32)
                .map(|column| ((row * 31 + column * column * 7 + row * column) % 101).to_string())
                .collect();
            cells.join(",")
        });
        csv(&format!("{},y", header.join(",")), rows)
    };
    for algorithm in algorithms(Task::Regression) {
        let train = |file: &TestFile| file.train(&spec_of(algorithm, "y", json!({})));
        let error = train(&constant()).unwrap_err();
        assert_eq!(error.code, "invalid_target", "{algorithm:?}");
        for count in 1..=3 {
            let error = train(&rows(count)).unwrap_err();
            assert_eq!(error.code, "too_few_rows", "{algorithm:?}");
        }
        for count in 10..=20 {
            answers_or_says_why(algorithm, train(&rows(count)));
        }
        let many = train(&ids()).unwrap();
        let most = if algorithm == Algorithm::HistogramBoosting {
            254
        } else {
            50
        };
        let inputs = &many.signature.inputs;
        let category = inputs.iter().find(|input| input.name == "category");
        assert!(
            category.is_none_or(|category| category.categories.as_ref().unwrap().len() <= most),
            "{algorithm:?}"
        );
        let trained = train(&missing()).unwrap();
        let dropped = &trained.evaluation.dropped;
        assert!(
            dropped.iter().any(
                |dropped| dropped.column == "none" && dropped.reason.starts_with("all missing")
            ),
            "{algorithm:?}"
        );
        answers_or_says_why(algorithm, train(&wide()));
    }
}

fn answers_or_says_why(
    algorithm: Algorithm,
    result: Result<Trained, domain::training_runs::RunError>,
) {
    match result {
        Ok(trained) => {
            let predictor = Predictor::new(&model::decode(&trained.artifact).unwrap());
            let sample = check_row(&predictor, None, &trained.signature.sample_row()).unwrap();
            assert!(
                predictor.number(&sample).unwrap().is_finite(),
                "{algorithm:?}"
            );
        }
        Err(error) => assert!(
            error.code != "internal" && error.fix.ends_with('.'),
            "{algorithm:?}: {error:?}"
        ),
    }
}

#[test]
fn a_penalty_of_nothing_is_linear_regression() {
    let file = california_housing();
    let linear = file
        .train(&spec_of(Algorithm::LinearRegression, TARGET, json!({})))
        .unwrap();
    for algorithm in [Algorithm::Ridge, Algorithm::Lasso, Algorithm::ElasticNet] {
        let free = file
            .train(&spec_of(algorithm, TARGET, json!({"penalty": 0})))
            .unwrap();
        assert_eq!(free.evaluation, linear.evaluation);
    }
}

#[test]
fn a_penalty_that_leaves_nothing_is_told() {
    let spec = spec_of(Algorithm::Lasso, TARGET, json!({"penalty": 2}));
    let (trained, events) = california_housing().train_with_events(&spec);
    let trained = trained.unwrap();
    let coefficients = &trained.evaluation.coefficients;
    assert!(
        coefficients
            .iter()
            .all(|coefficient| coefficient.value == 0.0)
    );
    assert!((trained.metrics["rmse"] - trained.metrics["baseline_rmse"]).abs() < 1e-6);
    let told = messages(&events, LogLevel::Warn);
    assert!(told.contains("a penalty of 2 is too high"), "{told}");
}

#[test]
fn a_lasso_keeps_what_matters() {
    let rows = (0..600_u32).map(|row| {
        let noise = |column: u32| {
            f64::from((row * 7919 + column * 104_729 + row * row * column) % 1000) / 500.0 - 1.0
        };
        let cells: Vec<f64> = (0..20).map(noise).collect();
        let y = 5.0 * cells[3] - 2.0 * cells[11] + 0.1 * noise(99);
        let cells: Vec<String> = cells.iter().chain([&y]).map(f64::to_string).collect();
        cells.join(",")
    });
    let header: Vec<String> = (0..20).map(|column| format!("c{column}")).collect();
    let file = csv(&format!("{},y", header.join(",")), rows);
    let trained = file
        .train(&spec_of(Algorithm::Lasso, "y", json!({"penalty": 0.1})))
        .unwrap();
    let kept: Vec<&str> = trained
        .evaluation
        .coefficients
        .iter()
        .filter(|coefficient| coefficient.value != 0.0)
        .map(|coefficient| coefficient.feature.as_str())
        .collect();
    assert_eq!(kept, ["c3", "c11"]);
}

#[test]
fn more_columns_than_rows_are_no_trouble_with_a_penalty() {
    let header: Vec<String> = (0..60).map(|column| format!("c{column}")).collect();
    let rows = (0..40_u32).map(|row| {
        let cells: Vec<String> = (0..61_u32)
            .map(|column| ((row * row * 3 + column * row * 17 + column) % 97).to_string())
            .collect();
        cells.join(",")
    });
    let file = csv(&format!("{},y", header.join(",")), rows);
    let refused = file
        .train(&spec_of(Algorithm::LinearRegression, "y", json!({})))
        .unwrap_err();
    assert!(refused.fix.contains("ridge"), "{refused:?}");
    for algorithm in [Algorithm::Ridge, Algorithm::Lasso, Algorithm::ElasticNet] {
        answers_or_says_why(algorithm, file.train(&spec_of(algorithm, "y", json!({}))));
    }
}

#[test]
fn parameters_out_of_range_end_the_run() {
    let error = california_housing()
        .train(&spec_of(
            Algorithm::GradientBoosting,
            TARGET,
            json!({"budget": 40}),
        ))
        .unwrap_err();
    assert!(
        error
            .message
            .contains("/params/budget: expected a number from 0.1 to 2")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// At the minimum, no coefficient can be moved to lower what is minimised.
    #[test]
    fn a_penalised_fit_is_at_its_minimum(
        rows in proptest::collection::vec((-10.0..10.0f64, -1.0..1.0f64, 0.0..1e4f64, -5.0..5.0f64), 30..120),
        penalty in 0.001..0.6f64,
        l1_ratio in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64],
    ) {
        let table: Vec<[f64; 4]> = rows.iter().map(|&(a, b, c, noise)| [a, b, c, 2.0 * a - 3.0 * b + c / 1e4 + noise]).collect();
        let file = csv("a,b,c,y", table.iter().map(|row| format!("{:?},{:?},{:?},{:?}", row[0], row[1], row[2], row[3])));
        let trained = file.train(&spec_of(Algorithm::ElasticNet, "y", json!({"penalty": penalty, "l1_ratio": l1_ratio}))).unwrap();
        let train: Vec<[f64; 4]> = table.iter().enumerate().filter(|(row, _)| !trained.test_rows.contains(&(*row as u32))).map(|(_, row)| *row).collect();
        let count = train.len() as f64;
        let column = |place: usize| {
            let mean = train.iter().map(|row| row[place]).sum::<f64>() / count;
            let std = (train.iter().map(|row| (row[place] - mean).powi(2)).sum::<f64>() / count).sqrt();
            (train.iter().map(|row| (row[place] - mean) / std).collect::<Vec<f64>>(), std)
        };
        let (target, spread) = column(3);
        let columns: Vec<Vec<f64>> = (0..3).map(|place| column(place).0).collect();
        let weight = |name: &str| trained.evaluation.coefficients.iter().find(|coefficient| coefficient.feature == name).unwrap().standardized / spread;
        let weights = ["a", "b", "c"].map(weight);
        let left: Vec<f64> = (0..train.len()).map(|row| target[row] - (0..3).map(|place| weights[place] * columns[place][row]).sum::<f64>()).collect();
        for (place, &weight) in weights.iter().enumerate() {
            let pull = left.iter().zip(&columns[place]).map(|(left, x)| left * x).sum::<f64>() / count - penalty * (1.0 - l1_ratio) * weight;
            let lasso = penalty * l1_ratio;
            if weight == 0.0 {
                prop_assert!(pull.abs() <= lasso + 1e-6);
            } else {
                prop_assert!((pull - lasso * weight.signum()).abs() < 1e-6, "{} {} {}", pull, lasso, weight);
            }
        }
    }
}
