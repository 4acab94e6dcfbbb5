//! What is told of several models beside each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;

use domain::comparisons::{
    Asked, Comparison, CurveKind, Facts, InputState, Item, MOST_COMPARED, Subject,
};
use domain::datasets::ColumnType;
use domain::ids::TrainingRunId;
use domain::models::{
    ClassCurves, ClassEvaluation, CurvePoint, Estimate, Evaluation, EvaluationPoint, InputField,
    Metric, OutputField, Permutation, PermutationImportance, Signature, Task,
};
use domain::training_runs::Split;
use domain::{Error, Name, Timestamp};
use proptest::prelude::*;

fn asked(version: &[&str], run: &[&str]) -> Asked {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Asked {
        version: owned(version),
        run: owned(run),
        ..Asked::default()
    }
}

fn fields(error: Error) -> Vec<(String, String)> {
    match error {
        Error::Invalid(errors) => errors
            .into_iter()
            .map(|error| (error.pointer, error.expected))
            .collect(),
        other => vec![("?".to_owned(), other.to_string())],
    }
}

const RUN: &str = "01890000-0000-7000-8000-000000000001";

#[test]
fn what_can_not_be_compared_is_named() {
    let told = |asked: &Asked| fields(asked.subjects().unwrap_err());
    for few in [
        asked(&[], &[]),
        asked(&["price/1"], &[]),
        asked(&["", " "], &[RUN]),
    ] {
        let errors = told(&few);
        assert!(errors[0].1.contains("2 to 10"), "{errors:?}");
    }
    let many: Vec<String> = (1..=11).map(|number| format!("price/{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(told(&asked(&many, &[]))[0].1.contains("2 to 10"));
    assert!(asked(&many[..MOST_COMPARED], &[]).subjects().is_ok());
    let errors = told(&asked(
        &["price", "price/0", "price/x", "price/1"],
        &["price/1"],
    ));
    let pointers: Vec<&str> = errors.iter().map(|error| error.0.as_str()).collect();
    assert_eq!(
        pointers,
        ["/version/0", "/version/1", "/version/2", "/run/0"]
    );
    assert_eq!(
        told(&asked(&["price/1", "price/1"], &[])),
        [("/version/1".to_owned(), "each once".to_owned())]
    );
    let mut other = asked(&["price/1", "price/2"], &[]);
    other.baseline = Some("price/3".to_owned());
    assert_eq!(told(&other)[0].0, "/baseline");
}

#[test]
fn versions_come_first_and_one_is_what_others_are_compared_to() {
    let mut asked = asked(&["price/@best", "price/2"], &[RUN]);
    let (subjects, baseline) = asked.subjects().unwrap();
    let run: TrainingRunId = RUN.parse().unwrap();
    assert_eq!((subjects.len(), baseline), (3, 0));
    assert_eq!(subjects[0].to_string(), "price/@best");
    assert_eq!(subjects[2], Subject::Run(run));
    for (place, text) in ["price/@best", "price/2", RUN].into_iter().enumerate() {
        asked.baseline = Some(text.to_owned());
        assert_eq!(asked.subjects().unwrap().1, place);
    }
}

fn item(label: &str, task: Task) -> Item {
    Item {
        label: label.to_owned(),
        model: Name::new("price").unwrap(),
        version: Some(1),
        training_run: Some(RUN.parse().unwrap()),
        asked: label.to_owned(),
        is_run: false,
        algorithm: "ridge".to_owned(),
        task,
        target: "price".to_owned(),
        dataset: Some(Name::new("houses").unwrap()),
        dataset_version: Some(1),
        dataset_sha256: Some("aa".to_owned()),
        split: Some(Split::default()),
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn signature(inputs: Vec<InputField>) -> Signature {
    Signature {
        inputs,
        output: OutputField::regression("price"),
    }
}

fn input(name: &str) -> InputField {
    serde_json::from_value(serde_json::json!({"name": name, "type": "float", "nullable": false}))
        .unwrap()
}

fn facts(label: &str, metrics: &[(&str, f64)]) -> Facts {
    Facts {
        item: item(label, Task::Regression),
        settings: BTreeMap::from([("algorithm".to_owned(), "ridge".to_owned())]),
        metrics: metrics
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
        signature: Some(signature(vec![input("size")])),
        evaluation: Some(Evaluation::default()),
    }
}

#[test]
fn deltas_say_what_is_better_and_nothing_is_zero_that_was_not_computed() {
    let all = [
        facts("a", &[("rmse", 2.0), ("r2", 0.5), ("train_rows", 80.0)]),
        facts("b", &[("rmse", 1.5), ("r2", 0.5)]),
        facts("c", &[("folds_rmse", 3.0), ("folds_rmse_std", 0.25)]),
    ];
    let compared = Comparison::of(&all, 0, None).unwrap();
    let names: Vec<&str> = compared
        .metrics
        .iter()
        .map(|row| row.name.as_str())
        .collect();
    assert_eq!(names, ["rmse", "r2", "folds_rmse", "train_rows"]);
    let [own, other, missing] = &compared.metrics[0].cells[..] else {
        unreachable!()
    };
    assert_eq!((own.value, own.delta), (Some(2.0), None));
    assert_eq!((other.delta, other.is_better), (Some(-0.5), Some(true)));
    assert_eq!((missing.value, missing.delta), (None, None));
    assert_eq!(compared.metrics[1].cells[1].is_better, None);
    assert_eq!(compared.metrics[2].cells[2].std, Some(0.25));
    assert_eq!(compared.metrics[3].higher_is_better, None);
}

#[test]
fn other_held_out_rows_are_told_with_the_reason() {
    let fair = |other: &Facts| {
        let all = [facts("a", &[("rmse", 1.0)]), other.clone()];
        Comparison::of(&all, 0, None).unwrap().notes
    };
    let same = facts("b", &[("rmse", 2.0)]);
    assert_eq!(fair(&same), [""; 0]);
    let mut seed = same.clone();
    seed.item.split = Some(Split {
        seed: 7,
        ..Split::default()
    });
    let mut data = same.clone();
    data.item.dataset_sha256 = Some("bb".to_owned());
    data.item.dataset_version = Some(2);
    let mut target = same.clone();
    target.item.target = "rent".to_owned();
    for (other, reason) in [
        (&seed, "their splits differ"),
        (&data, "different data (houses v1 and houses v2)"),
        (&target, "different columns (price and rent)"),
    ] {
        let notes = fair(other);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains(reason), "{notes:?}");
        assert!(notes[0].starts_with("a and b were not judged by the same held-out rows"));
    }
    let mut imported = same;
    imported.metrics.clear();
    imported.item.training_run = None;
    assert!(fair(&imported)[0].contains("was not trained here"));
}

#[test]
fn inputs_that_came_went_and_changed_are_told() {
    let mut old = facts("old", &[]);
    let mut city = input("city");
    city.kind = ColumnType::String;
    city.categories = Some(vec!["Bern".to_owned(), "Chur".to_owned()]);
    old.signature = Some(signature(vec![input("size"), city.clone(), input("gone")]));
    let mut new = facts("new", &[]);
    city.categories = Some(vec!["Bern".to_owned(), "Genf".to_owned()]);
    city.nullable = true;
    new.signature = Some(signature(vec![input("size"), city, input("more")]));
    let mut run = facts("run", &[]);
    run.signature = None;
    let compared = Comparison::of(&[old, new, run], 0, None).unwrap();
    let states: Vec<(&str, InputState, bool)> = compared
        .inputs
        .iter()
        .map(|row| (row.name.as_str(), row.cells[1].state, row.differs))
        .collect();
    assert_eq!(
        states,
        [
            ("size", InputState::Same, false),
            ("city", InputState::Changed, true),
            ("gone", InputState::Removed, true),
            ("more", InputState::Added, true),
        ]
    );
    assert_eq!(
        compared.inputs[1].cells[1].changes,
        ["may be missing now", "new: Genf", "gone: Chur"]
    );
    assert_eq!(compared.inputs[0].cells[2].state, InputState::Unknown);
}

#[test]
fn tasks_are_not_mixed() {
    let mut class = facts("b", &[]);
    class.item.task = Task::Classification;
    let error = Comparison::of(&[facts("a", &[]), class], 0, None).unwrap_err();
    assert_eq!((error.code(), error.status()), ("different_tasks", 422));
}

fn classifier(label: &str, classes: &[&str]) -> Facts {
    let mut facts = facts(label, &[("log_loss", 0.5)]);
    facts.item.task = Task::Classification;
    let curve = |class: &&str| ClassCurves {
        class: (*class).to_owned(),
        roc: vec![CurvePoint { x: 0.0, y: 0.0 }, CurvePoint { x: 1.0, y: 1.0 }],
        ..ClassCurves::default()
    };
    facts.evaluation = Some(Evaluation {
        classification: Some(ClassEvaluation {
            curves: classes.iter().map(curve).collect(),
            log_loss: Estimate {
                value: 0.5,
                low: 0.4,
                high: 0.6,
            },
            ..ClassEvaluation::default()
        }),
        ..Evaluation::default()
    });
    facts
}

#[test]
fn curves_lie_over_each_other_for_one_class() {
    let all = [classifier("a", &["x", "y"]), classifier("b", &["y"])];
    let compared = Comparison::of(&all, 1, None).unwrap();
    assert_eq!(compared.classes, ["y", "x"]);
    assert_eq!(compared.curves.len(), 1);
    assert_eq!(compared.curves[0].kind, CurveKind::Roc);
    assert_eq!(compared.curves[0].class.as_deref(), Some("y"));
    assert_eq!(compared.curves[0].curves.len(), 2);
    let cell = compared.metrics[0].cells[0];
    assert_eq!((cell.low, cell.high), (Some(0.4), Some(0.6)));
    let one = Comparison::of(&all, 0, Some("x")).unwrap();
    assert_eq!(one.curves[0].curves.len(), 1);
    let error = Comparison::of(&all, 0, Some("z")).unwrap_err();
    assert_eq!(fields(error)[0].0, "/class");
}

#[test]
fn what_they_rely_on_stands_side_by_side() {
    let relying = |label: &str, pairs: &[(&str, f64)]| {
        let mut facts = facts(label, &[]);
        let importances = pairs.iter().map(|(feature, mean)| PermutationImportance {
            feature: (*feature).to_owned(),
            mean: *mean,
            std: 0.0,
        });
        facts.evaluation = Some(Evaluation {
            permutation: Some(Permutation {
                metric: Metric::Rmse,
                rows: 10,
                repeats: 5,
                importances: importances.collect(),
            }),
            ..Evaluation::default()
        });
        facts
    };
    let all = [
        relying("a", &[("x", 2.0), ("y", 1.0)]),
        relying("b", &[("z", 3.0), ("x", 1.0)]),
    ];
    let table = Comparison::of(&all, 0, None).unwrap().importance.unwrap();
    let rows: Vec<(&str, &[Option<f64>])> = table
        .rows
        .iter()
        .map(|row| (row.feature.as_str(), &row.values[..]))
        .collect();
    assert_eq!(
        rows,
        [
            ("x", &[Some(2.0), Some(1.0)][..]),
            ("y", &[Some(1.0), None][..]),
            ("z", &[None, Some(3.0)][..]),
        ]
    );
}

proptest! {
    /// Whatever points a model kept: curves are finite, go to the right, and errors grow.
    #[test]
    fn curves_of_numbers_are_drawable(points in proptest::collection::vec((-1e9..1e9f64, -1e9..1e9f64), 0..300)) {
        let mut one = facts("a", &[]);
        let points = points.into_iter().map(|(actual, predicted)| EvaluationPoint { actual, predicted });
        one.evaluation = Some(Evaluation { points: points.collect(), ..Evaluation::default() });
        let is_empty = one.evaluation.iter().all(|it| it.points.is_empty());
        let compared = Comparison::of(&[one, facts("b", &[])], 0, None).unwrap();
        prop_assert_eq!(compared.curves.is_empty(), is_empty);
        for set in compared.curves {
            for curve in set.curves {
                prop_assert!(curve.points.iter().all(|point| point.x.is_finite() && point.y.is_finite()));
                for pair in curve.points.windows(2) {
                    prop_assert!(pair[0].x <= pair[1].x);
                    prop_assert!(set.kind == CurveKind::Bias || pair[0].y <= pair[1].y);
                }
                if set.kind == CurveKind::ErrorQuantiles {
                    prop_assert!(curve.points.len() <= 101);
                }
            }
        }
    }
}
