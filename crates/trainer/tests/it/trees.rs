//! Decision trees, and forests of them.

use std::collections::BTreeMap;

use domain::models::Task;
use domain::training_runs::{Algorithm, LogLevel, SplitMethod, TrainingSpec};
use model::{Body, Link, Node, Predictor, Reference, Score, Tree, check_row, decode};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use trainer::Trained;

use crate::sklearn::requests;
use crate::{TestFile, california_housing, csv, messages, spec_of, titanic};

fn of_classes(algorithm: Algorithm, target: &str, params: Json) -> TrainingSpec {
    let mut spec = spec_of(algorithm, target, params);
    spec.task = Some(Task::Classification);
    spec.split.method = Some(SplitMethod::Stratified);
    spec
}

fn trees(trained: &Trained) -> Vec<Tree> {
    match decode(&trained.artifact).unwrap().body {
        Body::Trees(trees) => trees.trees,
        Body::Classifier(classifier) => {
            assert_eq!(classifier.link, Link::Shares);
            let scores = classifier.scores.into_iter().flat_map(|score| match score {
                Score::Trees(trees) => trees.trees,
                other => panic!("{other:?}"),
            });
            scores.collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The most splits between the root and a leaf.
fn depth(nodes: &[Node]) -> usize {
    let mut depths = vec![0; nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        if let Node::Split(split) = node {
            depths[place + 1] = depths[place] + 1;
            depths[split.right as usize] = depths[place] + 1;
        }
    }
    depths.into_iter().max().unwrap()
}

/// Of the training rows alone.
fn predictions(file: &TestFile, trained: &Trained) -> Vec<(usize, f64)> {
    let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
    let rows = requests(file, trained).into_iter().enumerate();
    let learned = rows.filter(|(row, _)| !trained.test_rows.contains(&(*row as u32)));
    learned
        .map(|(place, row)| {
            let row = check_row(&predictor, None, &row).unwrap();
            (place, predictor.number(&row).unwrap())
        })
        .collect()
}

#[test]
fn a_tree_is_no_deeper_and_no_leaf_smaller_than_asked() {
    let file = california_housing();
    for (algorithm, params) in [
        (
            Algorithm::DecisionTree,
            json!({"max_depth": 6, "min_leaf_rows": 300}),
        ),
        (
            Algorithm::DecisionTree,
            json!({"max_depth": 1, "min_leaf_rows": 1}),
        ),
        (
            Algorithm::RandomForest,
            json!({"max_depth": 5, "min_leaf_rows": 40, "trees": 3, "feature_share": 1}),
        ),
    ] {
        let trained = file
            .train(&spec_of(algorithm, "median_house_value", params.clone()))
            .unwrap();
        let trees = trees(&trained);
        let deepest = trees.iter().map(|tree| depth(&tree.nodes)).max().unwrap();
        assert_eq!(json!(deepest), params["max_depth"]);
        let background = decode(&trained.artifact).unwrap().background.unwrap();
        let Reference::Covers(covers) = &background.scores[0] else {
            panic!("no covers");
        };
        let least = params["min_leaf_rows"].as_u64().unwrap();
        for (tree, rows) in trees.iter().zip(covers) {
            for (node, rows) in tree.nodes.iter().zip(rows) {
                if matches!(node, Node::Leaf(_)) {
                    assert!(u64::from(*rows) >= least, "{rows} rows for {params}");
                }
            }
        }
        assert!(trained.metrics["r2"] > 0.3, "{:?}", trained.metrics);
        let importances = &trained.evaluation.importances;
        assert_eq!(importances[0].feature, "median_income");
    }
}

#[test]
fn a_forest_is_made_by_its_seed() {
    let file = titanic();
    let train = |seed: u64| {
        let params = json!({"seed": seed, "trees": 40});
        let numbers = file.train(&spec_of(Algorithm::RandomForest, "Fare", params.clone()));
        let classes = file.train(&of_classes(Algorithm::RandomForest, "Survived", params));
        [numbers.unwrap().artifact, classes.unwrap().artifact]
    };
    let first = train(7);
    assert_eq!(first, train(7));
    for (left, right) in first.iter().zip(&train(8)) {
        assert_ne!(left, right);
    }
}

/// The figures of `docs/reference/algorithms.md`.
#[test]
fn a_forest_does_better_than_its_trees() {
    let file = california_housing();
    let train = |algorithm| {
        let mut spec = spec_of(algorithm, "median_house_value", json!({}));
        spec.split.seed = 0;
        file.train(&spec).unwrap()
    };
    let (tree, forest) = (
        train(Algorithm::DecisionTree),
        train(Algorithm::RandomForest),
    );
    assert!(tree.metrics["rmse"] < 64_000.0, "{:?}", tree.metrics);
    assert!(forest.metrics["rmse"] < 49_500.0, "{:?}", forest.metrics);
    assert_eq!(trees(&forest).len(), 200);
    let total: f64 = forest
        .evaluation
        .importances
        .iter()
        .map(|found| found.gain)
        .sum();
    assert!((total - 1.0).abs() < 1e-9);
}

#[test]
fn that_a_value_is_missing_says_something() {
    // What is missing is dear; otherwise the value says nothing.
    let rows = (0..600_u32).map(|row| {
        let (gap, noise) = (row % 3 == 0, row * 7919 % 101);
        let x = if gap {
            String::new()
        } else {
            noise.to_string()
        };
        let class = if gap { "dear" } else { "cheap" };
        format!(
            "{x},{},{},{class}",
            row % 2,
            u32::from(gap) * 100 + noise % 5
        )
    });
    let file = csv("x,side,y,class", rows);
    for algorithm in [Algorithm::DecisionTree, Algorithm::RandomForest] {
        let mut spec = spec_of(algorithm, "y", json!({"feature_share": 1}));
        if algorithm == Algorithm::DecisionTree {
            spec.params = None;
        }
        spec.features = Some(vec!["x".to_owned(), "side".to_owned()]);
        let trained = file.train(&spec).unwrap();
        assert!(
            trained.metrics["r2"] > 0.99,
            "{algorithm:?} {:?}",
            trained.metrics
        );
        let mut spec = of_classes(algorithm, "class", json!({}));
        spec.features = Some(vec!["x".to_owned(), "side".to_owned()]);
        let trained = file.train(&spec).unwrap();
        assert_eq!(trained.metrics["accuracy"], 1.0, "{algorithm:?}");
    }
}

#[test]
fn one_split_parts_categories_however_they_are_named() {
    // 40 categories in no order: of every third one the target is high, and of these the class is "b"; of the next ones it is "a" or "c".
    let rows = (0..2_000_u32).map(|row| {
        let category = row % 40;
        let noise = row * 31 % 7;
        let class = ["b", "a", "c"][category as usize % 3];
        let y = if category % 3 == 0 { 100 } else { 0 } + noise;
        format!("c{},{y},{class}", (category * 17 + 5) % 40)
    });
    let file = csv("category,y,class", rows);
    let mut spec = spec_of(Algorithm::DecisionTree, "y", json!({"max_depth": 1}));
    spec.features = Some(vec!["category".to_owned()]);
    let trained = file.train(&spec).unwrap();
    assert!(trained.metrics["r2"] > 0.99, "{:?}", trained.metrics);

    let mut spec = of_classes(Algorithm::DecisionTree, "class", json!({"max_depth": 2}));
    spec.features = Some(vec!["category".to_owned()]);
    let trained = file.train(&spec).unwrap();
    assert_eq!(trained.metrics["accuracy"], 1.0, "{:?}", trained.metrics);
}

#[test]
fn a_tree_that_can_not_split_says_so() {
    // Each side of the only split has one row: less than a tenth of them.
    let file = csv(
        "a,y",
        (0..100).map(|row| format!("{},{}", u8::from(row == 50), row % 7)),
    );
    for algorithm in [Algorithm::DecisionTree, Algorithm::RandomForest] {
        let error = file.train(&spec_of(algorithm, "y", json!({}))).unwrap_err();
        assert_eq!(error.code, "invalid_features");
        assert!(
            error.message.contains("training rows on either side"),
            "{error:?}"
        );
        assert!(error.fix.contains("min_leaf_rows"));
    }
}

#[test]
fn trees_that_have_no_room_get_larger_leaves_and_say_how_large() {
    let params = json!({"min_leaf_rows": 1, "trees": 300});
    let mut spec = spec_of(Algorithm::RandomForest, "median_house_value", params);
    spec.budget.memory_mb = 256;
    let (trained, events) = california_housing().train_with_events(&spec);
    let trained = trained.unwrap();
    let told = messages(&events, LogLevel::Warn);
    assert!(
        told.contains("training rows or more, not 1: the trees would take"),
        "{told}"
    );
    assert_eq!(trees(&trained).len(), 300);
    assert!(
        trained.artifact.len() < 12 << 20,
        "{}",
        trained.artifact.len()
    );
    assert!(trained.metrics["r2"] > 0.75, "{:?}", trained.metrics);
}

#[test]
fn many_classes_share_the_trees_that_a_model_may_have() {
    let rows = (0..600_u32).map(|row| {
        let class = row % 100;
        format!("{},{},class {class:02}", class * 7 + row % 3, row % 11)
    });
    let spec = of_classes(
        Algorithm::RandomForest,
        "y",
        json!({"trees": 250, "min_leaf_rows": 1, "feature_share": 1}),
    );
    let (trained, events) = csv("a,b,y", rows).train_with_events(&spec);
    let trained = trained.unwrap();
    let told = messages(&events, LogLevel::Warn);
    assert!(told.contains("grows 200 trees, not 250"), "{told}");
    assert_eq!(trees(&trained).len(), 20_000);
    assert!(trained.metrics["accuracy"] > 0.7, "{:?}", trained.metrics);
}

#[test]
fn no_class_is_impossible() {
    for algorithm in [Algorithm::DecisionTree, Algorithm::RandomForest] {
        let file = california_housing();
        let trained = file
            .train(&of_classes(
                algorithm,
                "ocean_proximity",
                json!({"min_leaf_rows": 1}),
            ))
            .unwrap();
        let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
        let mut out = vec![0.0; predictor.width()];
        for row in requests(&file, &trained).iter().step_by(200) {
            let row = check_row(&predictor, None, row).unwrap();
            predictor.predict(&row, &mut out).unwrap();
            // The rarest class has 5 rows of 20,640.
            assert!(
                out.iter().all(|share| *share > 1e-7),
                "{algorithm:?}: {out:?}"
            );
            assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}

/// Numbers with gaps, a few categories, and a target.
fn any_rows() -> impl Strategy<Value = Vec<(Option<i32>, &'static str, i32)>> {
    let number = prop_oneof![6 => (-40..40_i32).prop_map(Some), 1 => Just(None)];
    let text = prop_oneof![Just("p"), Just("q"), Just("r"), Just("")];
    proptest::collection::vec((number, text, -900..900_i32), 12..120)
}

fn table(rows: &[(Option<i32>, &str, i32)], bend: impl Fn(i64) -> i64) -> TestFile {
    let number = |number: Option<i32>| {
        number.map_or(String::new(), |number| bend(number.into()).to_string())
    };
    let rows = rows.iter();
    csv(
        "number,text,y",
        rows.map(|(of, text, y)| format!("{},{text},{y}", number(*of))),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Rows that come to the same leaf are told the mean of their targets.
    #[test]
    fn a_tree_says_the_mean_of_the_rows_that_come_to_a_leaf(
        rows in any_rows(),
        depth in 1..30_u8,
        leaf_rows in 1..30_u8,
    ) {
        let file = table(&rows, |number| number);
        let params = json!({"max_depth": depth, "min_leaf_rows": leaf_rows});
        match file.train(&spec_of(Algorithm::DecisionTree, "y", params)) {
            Ok(trained) => {
                let mut leaves: BTreeMap<u64, (f64, f64, f64)> = BTreeMap::new();
                for (row, predicted) in predictions(&file, &trained) {
                    let leaf = leaves.entry(predicted.to_bits()).or_insert((predicted, 0.0, 0.0));
                    leaf.1 += f64::from(rows[row].2);
                    leaf.2 += 1.0;
                }
                for (predicted, sum, count) in leaves.into_values() {
                    prop_assert!((predicted - sum / count).abs() < 1e-9 * sum.abs().max(1.0));
                }
            }
            Err(error) => prop_assert!(error.code != "internal", "{error:?}"),
        }
    }

    /// Trees go by the order of numbers.
    #[test]
    fn numbers_of_another_scale_make_the_same_trees(rows in any_rows(), is_forest in any::<bool>()) {
        let (algorithm, params) = if is_forest {
            (Algorithm::RandomForest, json!({"trees": 5, "feature_share": 0.5}))
        } else {
            (Algorithm::DecisionTree, json!({"min_leaf_rows": 2}))
        };
        let train = |bend: fn(i64) -> i64| {
            let file = table(&rows, bend);
            let trained = file.train(&spec_of(algorithm, "y", params.clone())).ok()?;
            Some(predictions(&file, &trained))
        };
        let bits = |predictions: Option<Vec<(usize, f64)>>| {
            let of = |(row, predicted): (usize, f64)| (row, predicted.to_bits());
            predictions.map(|predictions| predictions.into_iter().map(of).collect::<Vec<_>>())
        };
        prop_assert_eq!(bits(train(|number| number)), bits(train(|number| number * number * number * 3 - 11)));
    }
}
