#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::Write as _;

use domain::datasets::DataFormat;
use domain::training_runs::TrainingSpec;
use serde_json::json;

use super::*;
use crate::features::{Features, Rules};
use crate::prepare::Prepared;
use crate::table;
use crate::target::Target;

/// 300 rows of two columns, to be learned from until `until`.
fn fit(forest: &Forest, until: Option<Instant>) -> (Result<Fitted, RunError>, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "a,b,y").unwrap();
    for row in 0..300_u32 {
        writeln!(
            file,
            "{},{},{}",
            row % 17,
            row * 7 % 23,
            row % 17 * 3 + row % 5
        )
        .unwrap();
    }
    let spec = json!({"dataset": "d", "model": "m", "algorithm": "random_forest", "target": "y", "task": "regression"});
    let spec: TrainingSpec = serde_json::from_value(spec).unwrap();
    let mut table = table::load(file.path(), DataFormat::Csv, &spec, false, &mut |_| {}).unwrap();
    let target = Target::take(&mut table, &spec).unwrap();
    let train: Vec<u32> = (0..300).collect();
    let features = Features::fit(
        Prepared::same(&table),
        &train,
        Rules::default(),
        &mut |_| {},
    );
    let rows = Rows {
        features: &features,
        target: &target.values,
        classes: None,
        scale: (26.0, 15.0),
        train: &train,
        memory_mb: 512,
        stream: None,
        until,
    };
    let mut told = String::new();
    let fitted = forest.fit(&rows, &mut |what| {
        if let Told::Warn(message) = what {
            told = message;
        }
    });
    (fitted, told)
}

fn forest(trees: usize) -> Forest {
    Forest {
        trees,
        max_depth: 8,
        min_leaf_rows: 2,
        feature_share: 1.0,
        seed: Some(1),
    }
}

#[test]
fn a_forest_whose_time_is_over_is_what_has_grown() {
    let (fitted, told) = fit(&forest(50), Some(Instant::now()));
    let Fitted::Trees(fit) = fitted.unwrap() else {
        panic!("no trees");
    };
    assert!((1..50).contains(&fit.trees.trees.len()));
    assert!(
        told.contains("of 50 trees") && told.contains("budget.seconds"),
        "{told}"
    );
    // They are averaged over those that are there.
    let first = &fit.trees.trees[0].nodes;
    let largest = first.iter().fold(0.0_f64, |largest, node| match node {
        Node::Leaf(value) => largest.max(*value),
        Node::Split(_) => largest,
    });
    assert!(largest * fit.trees.trees.len() as f64 > 40.0);
}

#[test]
fn a_forest_that_has_time_grows_whole() {
    let (fitted, told) = fit(&forest(9), None);
    let Fitted::Trees(fit) = fitted.unwrap() else {
        panic!("no trees");
    };
    assert_eq!((fit.trees.trees.len(), told.as_str()), (9, ""));
    let gained: f64 = fit.gains.iter().map(|(gain, _)| gain).sum();
    assert!(fit.gains[0].0 > 0.9 * gained);
}
