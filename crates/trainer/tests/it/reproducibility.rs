//! A run that is done again makes the same artifact, byte by byte: whatever the algorithm, and however many threads it has.

use domain::models::Task;
use domain::training_runs::{Algorithm, Recipe};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;
use trainer::Trained;

use crate::{TestFile, algorithms, csv, spec_of};

/// Rows and columns for every algorithm to divide its work among threads. The target is a number above 0, or one of three classes.
fn table(rows: u64) -> TestFile {
    let columns = 18;
    let names: Vec<String> = (0..columns).map(|column| format!("x{column}")).collect();
    let header = format!("{},city,amount,class", names.join(","));
    let lines = (0..rows).map(|row| {
        let value = |column: u64| number(row * 64 + column);
        let cells = (0..columns).map(|column| {
            let value = value(column);
            // Some are missing.
            if value < 0.03 {
                String::new()
            } else {
                format!("{:.6}", value * (column + 1) as f64)
            }
        });
        let cells = cells.collect::<Vec<_>>().join(",");
        let city = ["Bern", "Chur", "Genf", "Lugano"][(value(40) * 4.0) as usize];
        let of_city = if city == "Genf" { 1.0 } else { 0.0 };
        let base = 3.0 * value(0) + 2.0 * value(1) * value(2) + value(3);
        let amount = 0.1 + base + of_city + 0.2 * value(41);
        let class = ["low", "mid", "high"][usize::from(amount > 2.0) + usize::from(amount > 3.5)];
        format!("{cells},{city},{amount:.6},{class}")
    });
    csv(&header, lines)
}

/// From 0 to 1, as good as drawn at random: SplitMix64.
fn number(place: u64) -> f64 {
    let mut z = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f64 / 16_777_216.0
}

/// Does `work` on a thread that may use the first of this process's processors alone, and so may those that it starts.
fn on_one_processor<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let pinned = scope.spawn(|| {
            let all = sched_getaffinity(None).unwrap();
            let first = (0..CpuSet::MAX_CPU).find(|&cpu| all.is_set(cpu)).unwrap();
            let mut one = CpuSet::new();
            one.set(first);
            sched_setaffinity(None, &one).unwrap();
            assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
            work()
        });
        pinned.join().unwrap()
    })
}

/// The columns of the other task would say the target.
fn features() -> Vec<String> {
    let mut features: Vec<String> = (0..18).map(|column| format!("x{column}")).collect();
    features.push("city".to_owned());
    features
}

fn spec(algorithm: Algorithm, task: Task) -> domain::training_runs::TrainingSpec {
    let params = match algorithm {
        Algorithm::RandomForest => json!({"trees": 20}),
        Algorithm::GradientBoosting => json!({"budget": 0.4}),
        Algorithm::HistogramBoosting => {
            json!({"trees": 40, "row_share": 0.8, "feature_share": 0.5})
        }
        _ => json!({}),
    };
    let target = match task {
        Task::Regression => "amount",
        Task::Classification => "class",
    };
    let mut spec = spec_of(algorithm, target, params);
    spec.task = Some(task);
    spec.features = Some(features());
    spec
}

/// What may be judged by a clock is not of the model.
fn same(first: &Trained, again: &Trained, what: &str) {
    assert!(first.artifact == again.artifact, "{what}: other bytes");
    assert_eq!(first.metrics, again.metrics, "{what}");
    assert_eq!(first.params, again.params, "{what}");
}

#[test]
fn every_algorithm_makes_the_same_bytes_on_one_thread_and_on_several() {
    let file = table(1_500);
    for task in Task::ALL {
        for algorithm in algorithms(task) {
            let spec = spec(algorithm, task);
            let what = format!("{algorithm:?} of a {}", task.as_str());
            let first = file.train(&spec).unwrap();
            same(&first, &file.train(&spec).unwrap(), &what);
            let alone = on_one_processor(|| file.train(&spec).unwrap());
            same(&first, &alone, &format!("{what} on one processor"));
        }
    }
}

#[test]
fn rows_that_are_worth_a_thread_make_the_same_trees_on_one() {
    let file = table(40_000);
    for task in Task::ALL {
        let mut spec = spec(Algorithm::HistogramBoosting, task);
        spec.params = json!({"trees": 4, "feature_share": 0.9})
            .as_object()
            .cloned();
        let first = file.train(&spec).unwrap();
        let alone = on_one_processor(|| file.train(&spec).unwrap());
        same(&first, &alone, task.as_str());
        // Histograms that there is no room for are made again.
        spec.budget.memory_mb = 256;
        same(&first, &file.train(&spec).unwrap(), "little memory");
    }
}

#[test]
fn what_auto_has_chosen_is_trained_again_without_the_search() {
    let file = table(400);
    for task in Task::ALL {
        let mut spec = spec(Algorithm::Auto, task);
        spec.budget.seconds = 120;
        let first = file.train(&spec).unwrap();
        let recipe = Recipe {
            algorithm: first.algorithm,
            params: first.params.clone(),
            train_rows: first.metrics["train_rows"] as u64,
        };
        let mut told = Vec::new();
        let mut again = || {
            trainer::train_again(&file.path(), file.format, &spec, &recipe, &mut |event| {
                told.push(format!("{event:?}"));
            })
            .unwrap()
        };
        let second = again();
        same(&first, &second, task.as_str());
        assert!(second.evaluation.candidates.is_empty());
        assert!(
            told.iter()
                .any(|line| line.contains("training again what auto chose"))
        );
        let alone = on_one_processor(|| {
            trainer::train_again(&file.path(), file.format, &spec, &recipe, &mut |_| {}).unwrap()
        });
        same(
            &first,
            &alone,
            &format!("{} on one processor", task.as_str()),
        );
    }
}

#[test]
fn what_answers_together_is_trained_again_together() {
    let file = table(1_500);
    let spec = spec(Algorithm::Auto, Task::Regression);
    let member = |algorithm: &str, weight: f64| json!({"algorithm": algorithm, "params": {}, "weight": weight});
    let of = |members: serde_json::Value| Recipe {
        algorithm: Algorithm::Auto,
        params: json!({ "members": members }).as_object().unwrap().clone(),
        train_rows: 700,
    };
    let train = |recipe: &Recipe| {
        trainer::train_again(&file.path(), file.format, &spec, recipe, &mut |_| {})
    };
    let recipe = of(json!([member("ridge", 0.3), member("decision_tree", 0.7)]));
    let (first, again) = (train(&recipe).unwrap(), train(&recipe).unwrap());
    same(&first, &again, "two together");
    assert_eq!(first.metrics["train_rows"], 700.0);
    for hostile in [
        json!([member("auto", 1.0)]),
        json!([member("nothing", 1.0)]),
        json!([{"algorithm": "ridge"}]),
        json!("ridge"),
    ] {
        let error = train(&of(hostile)).unwrap_err();
        assert_eq!(error.code, "internal", "{error:?}");
    }
}

#[test]
fn the_trainer_has_a_name() {
    let version = trainer::version();
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{version}");
    assert_eq!(version, trainer::version());
}
