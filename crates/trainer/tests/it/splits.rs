//! Splits that go by a column, folds, and what is said of rows and columns that make a model look too good.

use domain::training_runs::{Algorithm, LogLevel, SplitMethod, TrainingSpec};
use proptest::prelude::*;
use serde_json::json;
use trainer::Trained;

use crate::{TestFile, csv, messages, spec, spec_of};

const ROWS: u32 = 240;

/// Of 24 patients with ten visits each, one of which has no day; `y` grows with the days.
fn visits() -> TestFile {
    let rows = (0..ROWS).map(|row| {
        let dose = f64::from(row * 37 % 101) / 10.0;
        let day = match row {
            7 => String::new(),
            _ => format!("2026-{:02}-{:02}", 1 + row / 28, 1 + row % 28),
        };
        let noise = f64::from(row * 31 % 17) / 17.0;
        let y = 2.0 * dose + f64::from(row) / 50.0 + noise;
        format!("p{},{day},{dose},{y}", row % 24)
    });
    csv("patient,day,dose,y", rows)
}

fn split_by(method: SplitMethod, column: &str) -> TrainingSpec {
    let mut spec = spec("y");
    spec.split.method = Some(method);
    spec.split.column = Some(column.to_owned());
    spec
}

fn inputs(trained: &Trained) -> Vec<&str> {
    let inputs = trained.signature.inputs.iter();
    inputs.map(|input| input.name.as_str()).collect()
}

#[test]
fn a_group_is_on_one_side_and_its_column_is_learned_from_only_when_named() {
    let mut spec = split_by(SplitMethod::Group, "patient");
    let (trained, events) = visits().train_with_events(&spec);
    let trained = trained.unwrap();
    let held_out: Vec<u32> = trained.test_rows.iter().map(|row| row % 24).collect();
    assert_eq!(held_out.len(), 50);
    for patient in 0..24 {
        let rows = held_out.iter().filter(|&&other| other == patient).count();
        assert!([0, 10].contains(&rows), "patient {patient}: {rows}");
    }
    assert_eq!(
        inputs(&trained),
        ["dose"],
        "a day differs in nearly all rows"
    );
    let told = messages(&events, LogLevel::Info);
    assert!(
        told.contains("\"patient\" is what the split goes by"),
        "{told}"
    );
    spec.features = Some(vec!["dose".to_owned(), "patient".to_owned()]);
    let named = visits().train(&spec).unwrap();
    assert_eq!(inputs(&named), ["patient", "dose"]);
    assert_eq!(named.test_rows, trained.test_rows);
}

#[test]
fn the_newest_rows_are_held_out_and_those_without_a_moment_are_learned_from() {
    let (trained, events) = visits().train_with_events(&split_by(SplitMethod::Time, "day"));
    let trained = trained.unwrap();
    assert_eq!(trained.test_rows, (192..ROWS).collect::<Vec<_>>());
    assert_eq!(trained.metrics["train_rows"], 192.0);
    assert_eq!(inputs(&trained), ["patient", "dose"]);
    let expected = "1 rows have no value for \"day\": they are learned from";
    assert_eq!(messages(&events, LogLevel::Warn), expected);
    assert_eq!(trained.evaluation.warnings, [expected]);
    // By a number the same.
    let by_number = visits()
        .train(&split_by(SplitMethod::Time, "dose"))
        .unwrap();
    let dose = |row: u32| row * 37 % 101;
    let oldest = by_number.test_rows.iter().map(|&row| dose(row)).min();
    let learned = (0..ROWS).filter(|row| !by_number.test_rows.contains(row));
    assert!(learned.map(dose).max() < oldest);
}

#[test]
fn what_can_not_be_divided_says_so() {
    let text = || {
        csv(
            "day,a,y",
            (0..60).map(|row| format!("{}.1.2026,{row},{}", row % 28, row * 7 % 31)),
        )
    };
    let constant = || {
        csv(
            "day,a,y",
            (0..60).map(|row| format!("1,{row},{}", row * 7 % 31)),
        )
    };
    let flags = || {
        csv(
            "day,a,y",
            (0..60).map(|row| format!("{},{row},{}", row % 2 == 0, row * 7 % 31)),
        )
    };
    for (file, method, column, message) in [
        (text(), SplitMethod::Time, "day", "row 1 has \"0.1.2026\""),
        (flags(), SplitMethod::Time, "day", "is boolean"),
        (
            constant(),
            SplitMethod::Time,
            "day",
            "is the same in all rows",
        ),
        (
            constant(),
            SplitMethod::Group,
            "day",
            "is the same in all rows",
        ),
        (text(), SplitMethod::Group, "month", "no column \"month\""),
    ] {
        let error = file.train(&split_by(method, column)).unwrap_err();
        assert_eq!(error.code, "invalid_split", "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
    }
}

#[test]
fn folds_are_judged_beside_the_held_out_rows() {
    let mut plain = spec("y");
    plain.features = Some(vec!["dose".to_owned()]);
    let alone = visits().train(&plain).unwrap();
    for (method, column) in [
        (SplitMethod::Random, None),
        (SplitMethod::Group, Some("patient")),
        (SplitMethod::Time, Some("day")),
    ] {
        let mut spec = plain.clone();
        spec.split.method = Some(method);
        spec.split.column = column.map(str::to_owned);
        spec.split.folds = Some(5);
        let (trained, events) = visits().train_with_events(&spec);
        let trained = trained.unwrap();
        let metric = |name: &str| trained.metrics[name];
        assert_eq!(metric("folds"), 5.0, "{method:?}");
        let (mean, std) = (metric("folds_rmse"), metric("folds_rmse_std"));
        assert!(mean > 0.0 && std > 0.0 && std < mean, "{mean} {std}");
        assert!(
            !trained
                .metrics
                .keys()
                .any(|name| name.starts_with("folds_baseline"))
        );
        let told = messages(&events, LogLevel::Info);
        let line = format!("5 folds: RMSE {mean:.6} ± {std:.6}");
        assert!(told.lines().any(|told| told == line), "{told}");
        if method == SplitMethod::Random {
            assert_eq!(trained.artifact, alone.artifact, "the model is the same");
            assert_eq!(trained.metrics["rmse"], alone.metrics["rmse"]);
        }
        assert_eq!(trained, visits().train(&spec).unwrap());
    }
}

#[test]
fn a_classifiers_folds_have_every_class() {
    let rows = (0..200_u32)
        .map(|row| format!("{},{}", row * 37 % 101, ["a", "b", "c"][(row % 3) as usize]));
    let mut spec = spec_of(Algorithm::LogisticRegression, "y", json!({}));
    spec.task = Some(domain::models::Task::Classification);
    spec.split.method = None;
    spec.split.folds = Some(4);
    let trained = csv("x,y", rows).train(&spec).unwrap();
    assert_eq!(trained.metrics["folds"], 4.0);
    for metric in ["log_loss", "accuracy", "roc_auc"] {
        assert!(trained.metrics.contains_key(&format!("folds_{metric}_std")));
    }
}

#[test]
fn folds_for_which_there_is_no_time_are_told() {
    let mut spec = spec("y");
    spec.split.folds = Some(3);
    spec.budget.seconds = 0;
    let (trained, events) = visits().train_with_events(&spec);
    let trained = trained.unwrap();
    assert!(!trained.metrics.contains_key("folds"));
    let told = messages(&events, LogLevel::Warn);
    assert!(told.contains("no time for fold 1 of 3"), "{told}");
}

#[test]
fn auto_compares_within_groups_and_in_the_order_of_time() {
    // Of few rows groups are put together thrice; time goes by but once.
    for (method, column, folds) in [
        (SplitMethod::Group, "patient", 15),
        (SplitMethod::Time, "day", 5),
    ] {
        let mut spec = split_by(method, column);
        spec.algorithm = Algorithm::Auto;
        spec.features = Some(vec!["dose".to_owned()]);
        let trained = visits().train(&spec).unwrap();
        let best = &trained.evaluation.candidates[0];
        assert_eq!(
            (best.folds, best.problem.as_ref()),
            (folds, None),
            "{best:?}"
        );
    }
    // Two patients: one is held out, and one can not be divided.
    let rows = (0..60).map(|row| format!("{},{row},{}", row % 2, row * 7 % 31));
    let mut two = split_by(SplitMethod::Group, "patient");
    two.algorithm = Algorithm::Auto;
    let error = csv("patient,a,y", rows).train(&two).unwrap_err();
    assert!(
        error.message.contains("can not be divided further"),
        "{error:?}"
    );
}

#[test]
fn a_copy_of_the_target_is_told() {
    let rows = (0..80_u32).map(|row| {
        let y = row * 7 % 31;
        let class = ["no", "yes"][(row * 13 % 29 % 2) as usize];
        let answer = u8::from(class == "yes");
        format!("{},{y}.0,{answer},{class},{y}", row * 37 % 101)
    });
    let file = csv("x,copy,answer,class,y", rows);
    let warnings = |target: &str, features: [&str; 2]| {
        let mut spec = spec(target);
        if target == "class" {
            spec = spec_of(Algorithm::LogisticRegression, target, json!({}));
            spec.task = Some(domain::models::Task::Classification);
        }
        spec.features = Some(features.map(str::to_owned).to_vec());
        file.train(&spec).unwrap().evaluation.warnings
    };
    let copy = warnings("y", ["x", "copy"]);
    assert!(
        copy[0].starts_with("column \"copy\" equals the target \"y\""),
        "{copy:?}"
    );
    let answer = warnings("class", ["x", "answer"]);
    assert!(
        answer[0].starts_with("column \"answer\" says the class of the target \"class\""),
        "{answer:?}"
    );
    assert_eq!((copy.len(), answer.len()), (1, 1));
    assert_eq!(warnings("y", ["x", "answer"]), [] as [&str; 0]);
}

#[test]
fn held_out_rows_that_are_training_rows_too_are_counted() {
    // Every row twice.
    let rows = (0..100_u32).map(|row| {
        let row = row / 2;
        format!(
            "{},{},{}",
            row * 37 % 101,
            ["a", "b"][(row % 2) as usize],
            row * 7 % 31
        )
    });
    let file = csv("x,c,y", rows);
    let trained = file.train(&spec("y")).unwrap();
    let test = &trained.test_rows;
    let twice = test
        .iter()
        .filter(|&&row| !test.contains(&(row ^ 1)))
        .count();
    let expected = format!("{twice} of 20 held-out rows are training rows too");
    assert!(
        trained.evaluation.warnings[0].starts_with(&expected),
        "{:?}",
        trained.evaluation.warnings
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_split_and_folds_train_or_say_why_not(
        days in proptest::collection::vec(0_u32..9, 12..60),
        method in 0_usize..4,
        folds in 2_u32..=10,
        seed in any::<u64>(),
    ) {
        let rows = days.iter().enumerate().map(|(row, day)| format!("{day},{},{}", row * 37 % 41, row * 7 % 31));
        let mut spec = spec("y");
        let method = SplitMethod::ALL[method];
        spec.split.method = Some(method);
        spec.split.column = method.has_column().then(|| "day".to_owned());
        spec.split.folds = Some(folds);
        spec.split.seed = seed;
        match csv("day,x,y", rows).train(&spec) {
            Ok(trained) => {
                prop_assert!(trained.metrics.values().all(|value| value.is_finite()));
                prop_assert!(trained.metrics.get("folds").is_none_or(|&judged| judged <= f64::from(folds)));
            }
            Err(error) => prop_assert!(!error.fix.is_empty() && error.code != "crashed"),
        }
    }
}
