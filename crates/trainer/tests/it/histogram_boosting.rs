//! Boosting of trees that grow leaf by leaf over histograms.

use domain::models::Task;
use domain::training_runs::{Algorithm, LogLevel, Recipe, SplitMethod, TrainingSpec};
use model::{Body, Link, Node, Predictor, Score, Trees, check_row, decode};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use trainer::{TrainEvent, Trained};

use crate::sklearn::requests;
use crate::{california_housing, csv, spec_of, titanic};

fn of(target: &str, params: Json) -> TrainingSpec {
    spec_of(Algorithm::HistogramBoosting, target, params)
}

fn of_classes(target: &str, params: Json) -> TrainingSpec {
    let mut spec = of(target, params);
    spec.task = Some(Task::Classification);
    spec.split.method = Some(SplitMethod::Stratified);
    spec
}

/// Of each score.
fn trees(trained: &Trained, link: Option<Link>) -> Vec<Trees> {
    match (decode(&trained.artifact).unwrap().body, link) {
        (Body::Trees(trees), None) => vec![trees],
        (Body::Classifier(classifier), Some(link)) => {
            assert_eq!(classifier.link, link);
            let scores = classifier.scores.into_iter().map(|score| match score {
                Score::Trees(trees) => trees,
                other => panic!("{other:?}"),
            });
            scores.collect()
        }
        (other, _) => panic!("{other:?}"),
    }
}

fn leaves(trees: &Trees) -> Vec<usize> {
    let of = |nodes: &[Node]| {
        let leaves = nodes.iter().filter(|node| matches!(node, Node::Leaf(_)));
        leaves.count()
    };
    trees.trees.iter().map(|tree| of(&tree.nodes)).collect()
}

fn told(events: &[TrainEvent], of: LogLevel) -> String {
    let lines = events.iter().filter_map(|event| match event {
        TrainEvent::Log { level, message } if *level == of => Some(message.as_str()),
        _ => None,
    });
    lines.collect::<Vec<&str>>().join("\n")
}

#[test]
fn numbers_are_learned_with_as_many_trees_and_leaves_as_asked() {
    let params = json!({"trees": 60, "max_leaves": 12, "learning_rate": 0.2});
    let mut spec = of("median_house_value", params);
    spec.split.seed = 0;
    let (trained, events) = california_housing().train_with_events(&spec);
    let trained = trained.unwrap();
    assert!(trained.metrics["rmse"] < 52_000.0, "{:?}", trained.metrics);
    let leaves = leaves(&trees(&trained, None)[0]);
    assert_eq!(leaves, vec![12; 60]);
    let told = told(&events, LogLevel::Info);
    assert!(told.contains("grew 60 trees with 720 leaves"), "{told}");
    assert_eq!(trained.evaluation.importances[0].feature, "median_income");
    let total: f64 = trained
        .evaluation
        .importances
        .iter()
        .map(|found| found.gain)
        .sum();
    assert!((total - 1.0).abs() < 1e-9);
}

#[test]
fn classes_are_told_apart_by_one_score_or_by_one_for_each() {
    let two = titanic()
        .train(&of_classes("Survived", json!({"trees": 30})))
        .unwrap();
    assert_eq!(trees(&two, Some(Link::Logistic)).len(), 1);
    assert!(two.metrics["roc_auc"] > 0.8, "{:?}", two.metrics);

    let many = california_housing()
        .train(&of_classes("ocean_proximity", json!({"trees": 30})))
        .unwrap();
    assert_eq!(trees(&many, Some(Link::Softmax)).len(), 5);
    assert!(many.metrics["log_loss"] < 0.2, "{:?}", many.metrics);
    let predictor = Predictor::new(&decode(&many.artifact).unwrap());
    let row = check_row(&predictor, None, &many.signature.sample_row()).unwrap();
    let mut shares = vec![0.0; predictor.width()];
    predictor.predict(&row, &mut shares).unwrap();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    // What an input does to a score is said of each class.
    let explained = predictor.explain(&row).unwrap();
    assert_eq!(explained.len(), 5);
    for (place, (of, score)) in explained.iter().zip(scores(&many, &row)).enumerate() {
        let sum = of.base + of.contributions.iter().sum::<f64>();
        assert!((sum - score).abs() < 1e-9, "{place}: {sum} and {score}");
        assert!(predictor.explained_class(place).is_some());
    }
}

/// What the trees of each class add up to.
fn scores(trained: &Trained, row: &[model::Value]) -> Vec<f64> {
    let artifact = decode(&trained.artifact).unwrap();
    let of = |trees: Trees| {
        let mut alone = artifact.clone();
        alone.background = None;
        alone.signature.output = domain::models::OutputField::regression("score");
        alone.body = Body::Trees(trees);
        Predictor::new(&alone).number(row).unwrap()
    };
    let scores = trees(trained, Some(Link::Softmax)).into_iter().map(of);
    scores.collect()
}

#[test]
fn that_a_value_is_missing_says_something() {
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
    let features = Some(vec!["x".to_owned(), "side".to_owned()]);
    let mut spec = of("y", json!({}));
    spec.features.clone_from(&features);
    let trained = file.train(&spec).unwrap();
    assert!(trained.metrics["r2"] > 0.99, "{:?}", trained.metrics);
    let mut spec = of_classes("class", json!({}));
    spec.features = features;
    let trained = file.train(&spec).unwrap();
    assert_eq!(trained.metrics["accuracy"], 1.0);
}

#[test]
fn categories_are_put_in_another_order_where_another_column_says_so() {
    // What a category does depends on the side: high on the left is low on the right, where all is higher.
    let rows = (0..3_000_u32).map(|row| {
        let (category, side) = (row % 40, row / 40 % 2);
        let is_high = (category * 7 % 40 < 20) == (side == 0);
        let y = if is_high { 100 } else { 0 } + 60 * side + row * 31 % 7;
        format!("c{category},{},{y}", ["left", "right"][side as usize])
    });
    let file = csv("category,side,y", rows);
    let params = json!({"trees": 30, "max_leaves": 4, "learning_rate": 0.3});
    let trained = file.train(&of("y", params)).unwrap();
    assert!(trained.metrics["r2"] > 0.99, "{:?}", trained.metrics);
    let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
    let mut row = trained.signature.sample_row();
    row.insert("category".to_owned(), json!("never seen"));
    let row = check_row(&predictor, None, &row).unwrap();
    assert!(predictor.number(&row).unwrap().is_finite());
}

#[test]
fn very_many_categories_share_bins() {
    let rows = (0..40_000_u32).map(|row| {
        let category = row % 10_000;
        format!("c{category},{},{}", row % 7, category / 100 + row % 3)
    });
    let file = csv("category,n,y", rows);
    let trained = file.train(&of("y", json!({"trees": 20}))).unwrap();
    let categories = trained.signature.inputs[0].categories.as_ref().unwrap();
    assert_eq!(categories.len(), 254);
    // As many as are asked for.
    let mut spec = of("y", json!({"trees": 50, "learning_rate": 0.3}));
    spec.preprocessing =
        serde_json::from_value(json!({"category": {"max_categories": 1000}})).unwrap();
    let trained = file.train(&spec).unwrap();
    let categories = trained
        .signature
        .inputs
        .iter()
        .find(|input| input.name == "category");
    assert_eq!(
        categories.unwrap().categories.as_ref().unwrap().len(),
        1_000
    );
}

/// A weighted sum tells fewer categories apart than trees do.
#[test]
fn what_answers_together_with_a_weighted_sum_says_what_both_say() {
    let rows = (0..2_400_u32).map(|row| {
        let (category, x) = (row * 7 % 120, row * 31 % 97);
        format!("c{category},{x},{}", category * 13 % 29 + x / 7)
    });
    let file = csv("category,x,y", rows);
    let spec = spec_of(Algorithm::Auto, "y", json!({}));
    let train = |members: Json| {
        let recipe = Recipe {
            algorithm: Algorithm::Auto,
            params: json!({ "members": members }).as_object().unwrap().clone(),
            train_rows: 1_920,
        };
        trainer::train_again(&file.path(), file.format, &spec, &recipe, &mut |_| {}).unwrap()
    };
    let member = |algorithm: &str, weight: f64| json!({"algorithm": algorithm, "params": {}, "weight": weight});
    for other in ["ridge", "decision_tree"] {
        let both = train(json!([
            member(other, 0.4),
            member("histogram_boosting", 0.6)
        ]));
        let turned = train(json!([
            member("histogram_boosting", 0.6),
            member(other, 0.4)
        ]));
        let inputs = &both.signature.inputs;
        assert_eq!(inputs[0].categories.as_ref().unwrap().len(), 120);
        let alone = |algorithm| file.train(&spec_of(algorithm, "y", json!({}))).unwrap();
        let weighed = alone(Algorithm::named(other).unwrap());
        let boosted = alone(Algorithm::HistogramBoosting);
        assert_eq!(
            weighed.signature.inputs[0]
                .categories
                .as_ref()
                .unwrap()
                .len(),
            50
        );
        let predictor = |trained: &Trained| Predictor::new(&decode(&trained.artifact).unwrap());
        let said = |predictor: &Predictor, row: &serde_json::Map<String, Json>| {
            let row = check_row(predictor, None, row).unwrap();
            predictor.number(&row).unwrap()
        };
        let of = [&both, &turned, &weighed, &boosted].map(predictor);
        for row in requests(&file, &both).iter().step_by(5) {
            let [both, turned, weighed, boosted] =
                [0, 1, 2, 3].map(|place: usize| said(&of[place], row));
            assert!(
                (both - (0.4 * weighed + 0.6 * boosted)).abs() < 1e-9,
                "{row:?}"
            );
            assert!((both - turned).abs() < 1e-9, "{row:?}");
        }
    }
}

#[test]
fn what_can_not_be_learned_is_said_or_learned_as_well_as_it_can() {
    // Each side of the only split has one row: less than a tenth of them.
    let file = csv(
        "a,y",
        (0..100).map(|row| format!("{},{}", u8::from(row == 50), row % 7)),
    );
    let error = file.train(&of("y", json!({}))).unwrap_err();
    assert_eq!(error.code, "invalid_features");
    assert!(error.fix.contains("min_leaf_rows"), "{error:?}");

    // Nothing is left to learn after some trees: all of it is learned.
    let file = csv("a,y", (0..100).map(|row| format!("{row},{}", row % 2 * 10)));
    let params = json!({"learning_rate": 1, "min_leaf_rows": 1, "penalty": 0, "max_leaves": 200});
    let (trained, events) = file.train_with_events(&of("y", params));
    trained.unwrap();
    let told = told(&events, LogLevel::Info);
    assert!(told.contains("nothing was left to learn after"), "{told}");

    let file = csv(
        "a,b,y",
        (0..12).map(|row| format!("{},,{row}", if row < 6 { "p" } else { "q" })),
    );
    let trained = file.train(&of("y", json!({}))).unwrap();
    assert_eq!(trained.evaluation.dropped[0].column, "b");
}

#[test]
fn many_classes_share_the_trees_that_a_model_may_have() {
    let rows = (0..400_u32).map(|row| {
        let class = row % 40;
        format!("{},{},class {class:02}", class * 7 + row % 3, row % 11)
    });
    let spec = of_classes(
        "y",
        json!({"trees": 600, "max_leaves": 2, "min_leaf_rows": 1}),
    );
    let (trained, events) = csv("a,b,y", rows).train_with_events(&spec);
    let warned = told(&events, LogLevel::Warn);
    assert!(warned.contains("grows 500 trees, not 600"), "{warned}");
    let trained = trained.unwrap();
    assert!(trained.metrics["accuracy"] > 0.7, "{:?}", trained.metrics);
}

#[test]
fn too_little_memory_is_refused_with_how_much_it_takes() {
    let header: Vec<String> = (0..400).map(|column| format!("c{column}")).collect();
    let rows = (0..60_u32).map(|row| {
        let cells = (0..400_u32).map(|column| ((row * 37 + column * 11) % 53).to_string());
        cells.chain([row.to_string()]).collect::<Vec<_>>().join(",")
    });
    let file = csv(&format!("{},y", header.join(",")), rows);
    let mut spec = of("y", json!({}));
    // Histograms that are not kept are made again.
    spec.budget.memory_mb = 256;
    let few = file.train(&spec).unwrap();
    spec.budget.memory_mb = 4_096;
    assert_eq!(
        few.metrics["rmse"],
        file.train(&spec).unwrap().metrics["rmse"]
    );
}

#[test]
fn what_is_drawn_goes_by_the_seed() {
    let file = titanic();
    let train = |seed: u64| {
        let params = json!({"seed": seed, "trees": 20, "row_share": 0.6, "feature_share": 0.5});
        let numbers = file.train(&of("Fare", params.clone())).unwrap();
        let classes = file.train(&of_classes("Pclass", params)).unwrap();
        [numbers.artifact, classes.artifact]
    };
    let first = train(7);
    assert_eq!(first, train(7));
    for (left, right) in first.iter().zip(&train(8)) {
        assert_ne!(left, right);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A single tree at the full step says the mean of the rows that come to a leaf, whatever is missing.
    #[test]
    fn a_tree_says_the_mean_of_the_rows_that_come_to_a_leaf(
        rows in proptest::collection::vec(
            (prop_oneof![6 => (-40..40_i32).prop_map(Some), 1 => Just(None)], 0..9_u8, -900..900_i32),
            30..160,
        ),
        leaves in 2..30_u8,
    ) {
        let lines = rows.iter().map(|(number, text, y)| {
            let number = number.map_or(String::new(), |number| number.to_string());
            let text = if *text == 0 { String::new() } else { format!("t{text}") };
            format!("{number},{text},{y}")
        });
        let file = csv("number,text,y", lines);
        let params = json!({"trees": 1, "learning_rate": 1, "penalty": 0, "min_leaf_rows": 2, "max_leaves": leaves});
        match file.train(&of("y", params)) {
            Ok(trained) => {
                let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
                let mut leaves = std::collections::BTreeMap::<u64, (f64, f64, f64)>::new();
                for (row, request) in requests(&file, &trained).into_iter().enumerate() {
                    if trained.test_rows.contains(&(row as u32)) {
                        continue;
                    }
                    let values = check_row(&predictor, None, &request).unwrap();
                    let predicted = predictor.number(&values).unwrap();
                    let leaf = leaves.entry(predicted.to_bits()).or_insert((predicted, 0.0, 0.0));
                    leaf.1 += f64::from(rows[row].2);
                    leaf.2 += 1.0;
                }
                for (predicted, sum, count) in leaves.into_values() {
                    prop_assert!((predicted - sum / count).abs() < 1e-3, "{predicted} {}", sum / count);
                }
            }
            Err(error) => prop_assert!(error.code != "internal", "{error:?}"),
        }
    }
}
