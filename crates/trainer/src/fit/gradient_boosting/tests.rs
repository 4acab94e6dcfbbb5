#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{Read, Write};

use domain::datasets::DataFormat;
use domain::models::{OutputField, Task};
use domain::training_runs::TrainingSpec;
use model::{Predictor, Value};
use serde_json::json;

use super::*;
use crate::features::{Features, Rules};
use crate::package::package;
use crate::prepare::Prepared;
use crate::split::split;
use crate::table;
use crate::target::Target;

/// perpetual's own predictions for every row of the table, and ours from the artifact, written and read back.
fn both(content: &[u8], target: &str, budget: f64) -> (Vec<f64>, Vec<f64>) {
    both_of(Task::Regression, content, target, budget)
}

/// Of two classes the second one's probability.
fn both_of(task: Task, content: &[u8], target: &str, budget: f64) -> (Vec<f64>, Vec<f64>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    let spec = json!({"dataset": "d", "model": "m", "algorithm": "gradient_boosting", "target": target, "task": task});
    let spec: TrainingSpec = serde_json::from_value(spec).unwrap();
    let mut table = table::load(file.path(), DataFormat::Csv, &spec, false, &mut |_| {}).unwrap();
    let learned = Target::take(&mut table, &spec).unwrap();
    let values = &learned.values;
    let usable: Vec<u32> = (0..table.rows as u32).collect();
    let train = split(table.rows as u32, 0.2, 0).train;
    let features = Features::fit(
        Prepared::same(&table),
        &train,
        Rules::default(),
        &mut |_| {},
    );
    let count = train.len() as f64;
    let mean = train.iter().map(|&row| values[row as usize]).sum::<f64>() / count;
    let squares = train
        .iter()
        .map(|&row| (values[row as usize] - mean).powi(2));
    let std = (squares.sum::<f64>() / count).sqrt();
    let rows = |train| Rows {
        features: &features,
        target: values,
        classes: learned.classes.as_ref().map(Vec::len),
        scale: (mean, std),
        train,
        memory_mb: 4096,
        stream: None,
        until: None,
    };
    let boosting = GradientBoosting { budget, seed: 42 };
    let trained = rows(&train);
    let aim = Aim {
        rows: &trained,
        goal: match task {
            Task::Regression => Goal::Number,
            Task::Classification => Goal::Class(1),
        },
        until: None,
    };
    let orders = aim.orders();
    let booster = boosting
        .boost(&aim, &inputs(&trained, &orders).unwrap(), &mut |_| {})
        .unwrap();
    let all = inputs(&rows(&usable), &orders).unwrap();
    let matrix = Matrix::new(&all, usable.len(), features.features.len());
    let theirs = booster.predict(&matrix, false);

    let grown = grown::read(&booster, aim.scale(), &orders).unwrap();
    let (fitted, output) = match &learned.classes {
        None => (Fitted::Trees(grown), OutputField::regression(target)),
        Some(classes) => (
            Fitted::Classes(Link::Logistic, Fits::Trees(vec![grown])),
            OutputField::classification(target, classes.clone()),
        ),
    };
    let packaged = package(&features, fitted, output, &usable);
    let bytes = model::encode(&packaged.artifact).unwrap();
    let predictor = Predictor::new(&model::decode(&bytes).unwrap());
    let mut values = vec![Value::Missing; predictor.len()];
    let mut out = vec![0.0; predictor.width()];
    let ours = usable.iter().map(|&row| {
        packaged.values(&features, row, &mut values);
        predictor.predict(&values, &mut out).unwrap();
        *out.last().unwrap()
    });
    let theirs = theirs.into_iter().map(|value| match task {
        Task::Regression => value * std + mean,
        Task::Classification => 1.0 / (1.0 + (-value).exp()),
    });
    (ours.collect(), theirs.collect())
}

fn same(ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-3),
            "row {row}: {ours} and {theirs}"
        );
    }
    assert!(ours.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-3));
}

#[test]
fn house_values_are_predicted_as_the_library_does() {
    let packed: &[u8] = include_bytes!("../../../../../demo/california_housing.csv.gz");
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut content)
        .unwrap();
    let (ours, theirs) = both(&content, "median_house_value", 1.0);
    assert_eq!(ours.len(), 20_640);
    same(&ours, &theirs);
}

/// With missing numbers and categories, rare categories, and so few rows that the library would add a linear fit.
#[test]
fn fares_are_predicted_as_the_library_does() {
    let content = include_bytes!("../../../tests/data/titanic.csv");
    for budget in [0.1, 1.0, 2.0] {
        let (ours, theirs) = both(content, "Fare", budget);
        same(&ours, &theirs);
    }
}

#[test]
fn survival_is_predicted_as_the_library_does() {
    let content = include_bytes!("../../../tests/data/titanic.csv");
    for budget in [0.1, 1.0] {
        let (ours, theirs) = both_of(Task::Classification, content, "Survived", budget);
        assert!(ours.iter().all(|share| (0.0..=1.0).contains(share)));
        same(&ours, &theirs);
    }
}

/// As [`fares_are_predicted_as_the_library_does`], with numbers alone, as the linear fit asks for.
#[test]
fn a_small_table_of_numbers_is_predicted_by_trees_alone() {
    use std::fmt::Write as _;

    let mut content = "a,b,y\n".to_owned();
    for row in 0..1_000_u32 {
        let (a, b) = (
            f64::from(row * 7919 % 1000),
            f64::from(row * 104_729 % 1000),
        );
        let y = 3.0 * a - b + (a * b) / 500.0;
        writeln!(content, "{a},{b},{y}").unwrap();
    }
    let (ours, theirs) = both(content.as_bytes(), "y", 1.0);
    same(&ours, &theirs);
}
