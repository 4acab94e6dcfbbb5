//! The mean of the target over the rows of a category: of use where there is something to say, and no leak where there is nothing.

use domain::models::Task;
use domain::training_runs::{Algorithm, TrainingSpec};
use model::{Body, Predictor, decode};
use serde_json::{Value as Json, json};

use super::{asked, input, predicted, predictor, random, regression};
use crate::{TestFile, csv, spec_of};

/// 1,500 rows of 300 values that have nothing to do with the target.
fn noise(is_class: bool) -> TestFile {
    csv(
        "tag,x,y",
        (0..1_500_u32).map(|row| {
            let x = random(row, 11) % 1000;
            let y = random(row, 12) % 1000 + x / 4;
            let y = if is_class {
                format!("c{}", y % 3)
            } else {
                y.to_string()
            };
            format!("t{},{x},{y}", random(row, 13) % 300)
        }),
    )
}

/// Share of the target's variance that the model explains on these rows.
fn r2(predictor: &Predictor, rows: &[(Json, f64)]) -> f64 {
    let mean = rows.iter().map(|(_, y)| y).sum::<f64>() / rows.len() as f64;
    let (mut left, mut whole) = (0.0, 0.0);
    for (row, y) in rows {
        let mut row = row.clone();
        let inputs = &predictor.signature().inputs;
        row.as_object_mut()
            .unwrap()
            .retain(|name, _| inputs.iter().any(|input| input.name == *name));
        left += (predicted(predictor, row) - y).powi(2);
        whole += (mean - y).powi(2);
    }
    1.0 - left / whole
}

#[test]
fn the_mean_of_the_target_tells_a_row_nothing_of_its_own() {
    let table = noise(false);
    let content = std::fs::read_to_string(table.path()).unwrap();
    let rows: Vec<(Json, f64)> = content
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let row = json!({"tag": cells[0], "x": cells[1].parse::<i64>().unwrap()});
            (row, cells[2].parse().unwrap())
        })
        .collect();
    for algorithm in [
        Algorithm::LinearRegression,
        Algorithm::Ridge,
        Algorithm::GradientBoosting,
        Algorithm::RandomForest,
    ] {
        let judge = |preprocessing: Json, features: &[&str]| {
            let spec = TrainingSpec {
                features: Some(features.iter().map(|&name| name.to_owned()).collect()),
                ..asked(regression(algorithm), preprocessing)
            };
            let trained = table.train(&spec).unwrap();
            let predictor = predictor(&trained);
            let is_held_out = |place: usize| trained.test_rows.contains(&(place as u32));
            let parts = |wanted: bool| -> Vec<(Json, f64)> {
                let rows = rows.iter().enumerate();
                rows.filter(|(place, _)| is_held_out(*place) == wanted)
                    .map(|(_, row)| row.clone())
                    .collect()
            };
            r2(&predictor, &parts(false)) - r2(&predictor, &parts(true))
        };
        let without = judge(json!({}), &["x"]);
        let with = judge(
            json!({"tag": {"encode": "target", "min_count": 1, "smoothing": 0}}),
            &["tag", "x"],
        );
        // Of as many rows a tag, its mean alone explains about a quarter of the rows that it was made of.
        assert!(
            with - without < 0.08,
            "{algorithm:?}: {without:.3} without the column, {with:.3} with it"
        );
    }
}

#[test]
fn the_mean_of_the_target_is_of_use_where_there_is_something_to_say() {
    let table = csv(
        "shop,y",
        (0..3_000_u32).map(|row| {
            let shop = random(row, 21) % 200;
            format!(
                "s{shop},{}",
                random(shop as u32, 22) % 100 + random(row, 23) % 10
            )
        }),
    );
    let usual = table
        .train(&regression(Algorithm::LinearRegression))
        .unwrap();
    let coded = asked(
        regression(Algorithm::LinearRegression),
        json!({"shop": {"encode": "target"}}),
    );
    let coded = table.train(&coded).unwrap();
    assert!(usual.metrics["r2"] < 0.6, "{:?}", usual.metrics);
    assert!(coded.metrics["r2"] > 0.95, "{:?}", coded.metrics);
    let shop = input(&coded, "shop");
    assert_eq!(shop.categories.as_ref().unwrap().len(), 200);
    assert!(shop.unseen.as_ref().unwrap().contains("mean of the target"));
    assert!(
        shop.transform
            .as_ref()
            .unwrap()
            .contains("10 of the average")
    );
    let classes = noise(true);
    let spec = TrainingSpec {
        task: Some(Task::Classification),
        ..asked(
            spec_of(Algorithm::LogisticRegression, "y", json!({})),
            json!({"tag": {"encode": "target"}}),
        )
    };
    let trained = classes.train(&spec).unwrap();
    let Body::Prepared(prepared) = decode(&trained.artifact).unwrap().body else {
        panic!("nothing is prepared")
    };
    let names: Vec<&str> = prepared
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert!(names.contains(&"tag (target = c2)"), "{names:?}");
    assert!(trained.metrics["log_loss"] < trained.metrics["baseline_log_loss"] + 0.02);
}
