//! The same runs as `tests/sklearn/compare.py`, which wrote down what scikit-learn says about them.

use std::collections::BTreeMap;

use domain::datasets::ColumnType;
use model::{Predictor, check_row};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use trainer::Trained;
use trainer::read::{self, Cell, CellSink, Number};

use crate::{TestFile, california_housing, spec, titanic};

#[derive(Deserialize)]
struct Expected {
    target: String,
    test_fraction: f64,
    seed: u64,
    train_rows: usize,
    /// The first 50.
    test_rows: Vec<u32>,
    test_rows_sum: u64,
    dropped: Vec<String>,
    intercept: f64,
    coefficients: BTreeMap<String, f64>,
    first_test_row: Map<String, Json>,
    /// Every so many of the held-out rows.
    predictions: Vec<f64>,
    predictions_sum: f64,
    r2: f64,
    rmse: f64,
    mae: f64,
    baseline_r2: f64,
    pipeline_r2: f64,
}

fn run(case: &str, file: &TestFile) -> (Expected, Trained) {
    let mut all: BTreeMap<String, Expected> =
        serde_json::from_str(include_str!("../sklearn/expected.json")).unwrap();
    let expected = all.remove(case).unwrap();
    let mut spec = spec(&expected.target);
    spec.split.test_fraction = expected.test_fraction;
    spec.split.seed = expected.seed;
    let trained = file.train(&spec).unwrap();
    (expected, trained)
}

fn close(what: &str, left: f64, right: f64) {
    let error = (left - right).abs() / left.abs().max(right.abs()).max(f64::MIN_POSITIVE);
    assert!(
        error <= 1e-6,
        "{what}: {left} and {right} differ by {error:e}"
    );
}

/// The rows of a table as requests for a model.
struct Requests {
    names: Vec<String>,
    kinds: Vec<Option<ColumnType>>,
    rows: Vec<Map<String, Json>>,
}

impl CellSink for Requests {
    fn cell(&mut self, position: usize, row: u64, cell: Cell<'_>) {
        let row = row as usize;
        if self.rows.len() <= row {
            self.rows.resize(row + 1, Map::new());
        }
        let Some(kind) = self.kinds[position] else {
            return;
        };
        let value = match (kind, cell) {
            (_, Cell::Missing) => Json::Null,
            (ColumnType::String, Cell::Raw(text)) => Json::from(text),
            _ => Json::from(cell.number().map(Number::as_f64).unwrap()),
        };
        self.rows[row].insert(self.names[position].clone(), value);
    }
}

pub(crate) fn requests(file: &TestFile, trained: &Trained) -> Vec<Map<String, Json>> {
    let header = read::header(&file.path(), file.format).unwrap();
    let kind = |name: &String| {
        trained
            .signature
            .inputs
            .iter()
            .find(|input| input.name == *name)
            .map(|input| input.kind)
    };
    let mut requests = Requests {
        kinds: header.names.iter().map(kind).collect(),
        names: header.names,
        rows: Vec::new(),
    };
    let all: Vec<usize> = (0..requests.names.len()).collect();
    read::scan(&file.path(), file.format, &all, &mut requests, &mut |_| {}).unwrap();
    requests.rows
}

/// Predictions for the held-out rows, by way of the artifact and of requests as a client would send them.
pub(crate) fn predictions(file: &TestFile, trained: &Trained) -> Vec<f64> {
    let predictor = Predictor::new(&model::decode(&trained.artifact).unwrap());
    let requests = requests(file, trained);
    let predict = |&row: &u32| {
        predictor
            .number(&check_row(&predictor, None, &requests[row as usize]).unwrap())
            .unwrap()
    };
    trained.test_rows.iter().map(predict).collect()
}

fn same_split_and_predictions(file: &TestFile, expected: &Expected, trained: &Trained) {
    assert_eq!(trained.test_rows[..50], expected.test_rows);
    assert_eq!(
        trained
            .test_rows
            .iter()
            .map(|&row| u64::from(row))
            .sum::<u64>(),
        expected.test_rows_sum
    );
    assert_eq!(trained.metrics["train_rows"], expected.train_rows as f64);

    let predictions = predictions(file, trained);
    let step = (predictions.len() / 400).max(1);
    let sampled: Vec<f64> = predictions.iter().copied().step_by(step).collect();
    assert_eq!(sampled.len(), expected.predictions.len());
    for (index, (ours, theirs)) in sampled.iter().zip(&expected.predictions).enumerate() {
        close(&format!("prediction {index}"), *ours, *theirs);
    }
    close(
        "sum of predictions",
        predictions.iter().sum(),
        expected.predictions_sum,
    );

    close("r2", trained.metrics["r2"], expected.r2);
    close("rmse", trained.metrics["rmse"], expected.rmse);
    close("mae", trained.metrics["mae"], expected.mae);
    close(
        "baseline r2",
        trained.metrics["baseline_r2"],
        expected.baseline_r2,
    );
    let apart = (trained.metrics["r2"] - expected.pipeline_r2).abs();
    assert!(
        apart <= 0.01,
        "scikit-learn's own pipeline has R2 {}",
        expected.pipeline_r2
    );
}

/// Each coefficient on the standardised columns, the way the artifact holds them.
pub(crate) fn coefficients(trained: &Trained) -> BTreeMap<String, f64> {
    let artifact = model::decode(&trained.artifact).unwrap();
    let mut coefficients = BTreeMap::new();
    let (model::Body::Linear(linear) | model::Body::Exponential(linear)) = &artifact.body else {
        panic!("the model is not linear");
    };
    for (input, transform) in artifact.signature.inputs.iter().zip(&linear.transforms) {
        match transform {
            model::Transform::Numeric { coefficient, .. } => {
                coefficients.insert(input.name.clone(), *coefficient);
            }
            model::Transform::Categorical { effects, other, .. } => {
                let categories = input.categories.as_ref().unwrap();
                for (category, effect) in categories.iter().zip(effects).skip(1) {
                    coefficients.insert(format!("{} = {category}", input.name), *effect);
                }
                coefficients.insert(format!("{} = other", input.name), *other);
            }
        }
    }
    coefficients
}

#[test]
fn california_housing_is_as_scikit_learn_has_it() {
    let file = california_housing();
    let (expected, trained) = run("california_housing", &file);
    same_split_and_predictions(&file, &expected, &trained);

    close(
        "intercept",
        trained.evaluation.intercept,
        expected.intercept,
    );
    assert!(trained.evaluation.dropped.is_empty());
    assert_eq!(
        trained.evaluation.coefficients.len(),
        expected.coefficients.len()
    );
    let ours = coefficients(&trained);
    for (name, theirs) in &expected.coefficients {
        close(name, ours[name], *theirs);
    }
    let first: Map<String, Json> = requests(&file, &trained)[trained.test_rows[0] as usize].clone();
    assert_eq!(first, expected.first_test_row);
}

#[test]
fn titanic_with_gaps_rare_categories_and_collinear_columns_predicts_as_scikit_learn_does() {
    let file = titanic();
    let (expected, trained) = run("titanic", &file);
    same_split_and_predictions(&file, &expected, &trained);

    // Two cabins hold exactly the people of one ticket each. We drop the later columns; scikit-learn halves the effect.
    let dropped: Vec<_> = trained
        .evaluation
        .dropped
        .iter()
        .map(|dropped| (dropped.column.as_str(), dropped.reason.as_str()))
        .collect();
    assert_eq!(expected.dropped, ["Name"]);
    assert_eq!(
        dropped,
        [
            (
                "Name",
                "free text: (nearly) every row has another value: 891 different values in 891 rows; leave the column out of features, or \
                 make columns of few values of it before you upload the table"
            ),
            ("Cabin = C23 C25 C27", "collinear with Ticket = 19950"),
            ("Cabin = F2", "collinear with Ticket = 230080"),
        ]
    );
    let ours = coefficients(&trained);
    for (name, theirs) in &expected.coefficients {
        let factor = if ["Ticket = 19950", "Ticket = 230080"].contains(&name.as_str()) {
            2.0
        } else {
            1.0
        };
        if !name.starts_with("Cabin = C23") && !name.starts_with("Cabin = F2") {
            close(name, ours[name], theirs * factor);
        }
    }
}
