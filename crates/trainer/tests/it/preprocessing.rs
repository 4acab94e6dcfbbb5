//! How columns are prepared as a spec asks for it: fitted on the training rows, kept with the model, and done the same when it predicts.

mod target_means;

use domain::datasets::TextFormat;
use domain::models::{InputField, Task};
use domain::training_runs::{Algorithm, Preprocessing, TrainingSpec};
use model::{Predictor, Value, check_row, decode};
use serde_json::{Value as Json, json};
use trainer::Trained;

use crate::{TestFile, algorithms, csv, spec_of};

fn asked(spec: TrainingSpec, preprocessing: Json) -> TrainingSpec {
    let preprocessing: Preprocessing = serde_json::from_value(preprocessing).unwrap();
    let spec = TrainingSpec {
        preprocessing,
        ..spec
    };
    spec.check().unwrap();
    spec
}

fn regression(algorithm: Algorithm) -> TrainingSpec {
    TrainingSpec {
        task: Some(Task::Regression),
        ..spec_of(algorithm, "y", json!({}))
    }
}

fn predictor(trained: &Trained) -> Predictor {
    Predictor::new(&decode(&trained.artifact).unwrap())
}

fn predicted(predictor: &Predictor, row: Json) -> f64 {
    let row = check_row(predictor, None, row.as_object().unwrap()).unwrap();
    let mut out = vec![0.0; predictor.width()];
    predictor.predict(&row, &mut out).unwrap();
    out[out.len() - 1]
}

fn input<'a>(trained: &'a Trained, name: &str) -> &'a InputField {
    let mut inputs = trained.signature.inputs.iter();
    inputs.find(|input| input.name == name).unwrap()
}

/// Random numbers that are always the same.
fn random(row: u32, salt: u64) -> u64 {
    let mut key = u64::from(row).wrapping_add(salt.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for _ in 0..3 {
        key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        key ^= key >> 27;
    }
    key
}

/// `y` is `size`, and 50 where that is missing; `mark` is of three cities and a few rare ones.
fn gaps() -> TestFile {
    csv(
        "size,city,flag,y",
        (0..600_u32).map(|row| {
            let size = 1 + random(row, 1) % 9;
            let is_missing = random(row, 2).is_multiple_of(5);
            let city = match random(row, 3) % 50 {
                0 => format!("rare{}", row % 7),
                1..10 => String::new(),
                number => ["Bern", "Chur", "Genf"][number as usize % 3].to_owned(),
            };
            let size = size as f64 + 0.5;
            let y = if is_missing { 50.0 } else { size };
            let size = if is_missing {
                String::new()
            } else {
                size.to_string()
            };
            format!("{size},{city},{},{y}", random(row, 4).is_multiple_of(2))
        }),
    )
}

#[test]
fn a_missing_value_is_what_was_asked_for() {
    let table = gaps();
    let of = |impute: Json| {
        let spec = asked(
            regression(Algorithm::LinearRegression),
            json!({"size": {"impute": impute}}),
        );
        let trained = table.train(&spec).unwrap();
        let predictor = predictor(&trained);
        let words = input(&trained, "size").impute.clone().unwrap();
        (
            predicted(&predictor, json!({"city": "Bern", "flag": true})),
            predictor,
            words,
        )
    };
    for (impute, word) in [
        (json!("median"), "median "),
        (json!("mean"), "mean "),
        (json!("most_frequent"), "most frequent "),
        (json!({"constant": 7}), "constant 7"),
    ] {
        let (missing, predictor, words) = of(impute);
        assert!(words.starts_with(word), "{words}");
        let stand_in: f64 = words.rsplit(' ').next().unwrap().parse().unwrap();
        let told = predicted(
            &predictor,
            json!({"size": stand_in, "city": "Bern", "flag": true}),
        );
        assert!((missing - told).abs() < 1e-9, "{words}: {missing} {told}");
    }
    // The mark beside it says what no stand-in can.
    let usual = table
        .train(&regression(Algorithm::LinearRegression))
        .unwrap();
    assert!(usual.metrics["r2"] < 0.5, "{:?}", usual.metrics);
    let (missing, _, words) = of(json!("missing_indicator"));
    assert!(words.ends_with("and marked as missing"), "{words}");
    assert!((missing - 50.0).abs() < 0.5, "{missing}");
    let both = asked(
        regression(Algorithm::LinearRegression),
        json!({"size": {"impute": {"constant": 0}, "missing_indicator": true}}),
    );
    let both = table.train(&both).unwrap();
    assert!(both.metrics["r2"] > 0.999, "{:?}", both.metrics);
    let names: Vec<&str> = both
        .evaluation
        .coefficients
        .iter()
        .map(|of| of.feature.as_str())
        .collect();
    assert!(names.contains(&"size (missing)"), "{names:?}");
}

#[test]
fn every_algorithm_takes_every_choice_and_explains_itself() {
    let table = gaps();
    let choices = json!({
        "size": {"impute": "mean", "missing_indicator": true, "scale": "log1p"},
        "city": {"encode": "target", "min_count": 5, "smoothing": 4},
        "flag": {"encode": "ordinal"},
    });
    for task in Task::ALL {
        for algorithm in algorithms(task) {
            let spec = TrainingSpec {
                task: Some(task),
                target: if task == Task::Regression {
                    "y"
                } else {
                    "flag"
                }
                .to_owned(),
                ..spec_of(algorithm, "y", json!({}))
            };
            let mut choices = choices.clone();
            if task == Task::Classification {
                choices.as_object_mut().unwrap().remove("flag");
            }
            let spec = asked(spec, choices);
            let trained = table
                .train(&spec)
                .unwrap_or_else(|error| panic!("{algorithm:?}: {error:?}"));
            let again = table.train(&spec).unwrap();
            assert_eq!(
                trained.artifact, again.artifact,
                "{algorithm:?} is not the same twice"
            );
            let predictor = predictor(&trained);
            let inputs: Vec<&str> = predictor
                .signature()
                .inputs
                .iter()
                .map(|input| input.name.as_str())
                .collect();
            let permuted = trained.evaluation.permutation.as_ref().unwrap();
            for importance in &permuted.importances {
                assert!(
                    inputs.contains(&importance.feature.as_str()),
                    "{algorithm:?} {importance:?}"
                );
            }
            let row = vec![Value::Missing; predictor.len()];
            let mut out = vec![0.0; predictor.width()];
            predictor.predict(&row, &mut out).unwrap();
            match predictor.explain(&row) {
                Ok(explanations) => {
                    assert_eq!(explanations[0].contributions.len(), predictor.len());
                }
                Err(error) => assert!(
                    predictor.explainable_rows().is_err(),
                    "{algorithm:?} {error}"
                ),
            }
        }
    }
}

#[test]
fn categories_in_an_order_are_their_places() {
    let table = csv(
        "grade,y",
        (0..400_u32).map(|row| {
            let grade = ["low", "mid", "high", "top"][random(row, 31) as usize % 4];
            let y = match grade {
                "low" => 0,
                "mid" => 10,
                "high" => 20,
                _ => 30,
            };
            format!("{grade},{y}")
        }),
    );
    let spec = asked(
        regression(Algorithm::LinearRegression),
        json!({"grade": {"encode": "ordinal", "order": ["low", "mid", "high", "top", "never"]}}),
    );
    let trained = table.train(&spec).unwrap();
    assert!(trained.metrics["r2"] > 0.9999, "{:?}", trained.metrics);
    let predictor = predictor(&trained);
    let of = |grade: &str| predicted(&predictor, json!({"grade": grade}));
    assert!((of("never") - 40.0).abs() < 1e-6);
    let unseen = of("unseen");
    assert!((10.0 - 1e-6..20.0 + 1e-6).contains(&unseen), "{unseen}");
}

#[test]
fn rare_categories_and_many_of_them_count_as_other() {
    let table = gaps();
    let kept = |asked_for: Json| {
        let spec = asked(
            regression(Algorithm::LinearRegression),
            json!({"city": asked_for}),
        );
        let trained = table.train(&spec).unwrap();
        input(&trained, "city").categories.clone().unwrap()
    };
    assert!(kept(json!({"min_count": 1})).len() > 3);
    assert_eq!(kept(json!({"min_count": 50})), ["Bern", "Chur", "Genf"]);
    assert_eq!(kept(json!({"max_categories": 2})).len(), 2);
    let constant = kept(json!({"impute": {"constant": "nowhere"}, "min_count": 100}));
    assert!(constant.contains(&"nowhere".to_owned()), "{constant:?}");
}

/// `y` is 100 on the weekend, and a bit more every year.
fn days(is_time: bool) -> TestFile {
    csv(
        "day,y",
        (0..900_u32).map(|row| {
            let day = random(row, 41) % 2_000;
            let moment = (18_000 + day) as f64 * 86_400.0 + f64::from(row % 24) * 3600.0;
            let format = if is_time {
                TextFormat::Timestamp
            } else {
                TextFormat::Date
            };
            let weekend = f64::from(domain::dates::DatePart::Weekday.of(moment) > 5.0);
            let text = domain::dates::written(moment, format);
            let text = if random(row, 42).is_multiple_of(20) {
                String::new()
            } else {
                text
            };
            format!("{text},{}", 100.0 * weekend)
        }),
    )
}

#[test]
fn dates_are_taken_apart() {
    let all = json!([
        "year",
        "month",
        "day",
        "weekday",
        "hour",
        "days_since_epoch"
    ]);
    for (is_time, format) in [(false, TextFormat::Date), (true, TextFormat::Timestamp)] {
        let table = days(is_time);
        let profile = table.profile().unwrap();
        assert_eq!(profile.columns[0].format, Some(format));
        let spec = asked(
            regression(Algorithm::GradientBoosting),
            json!({"day": {"date_parts": all}}),
        );
        let trained = table.train(&spec).unwrap();
        assert!(trained.metrics["r2"] > 0.8, "{:?}", trained.metrics);
        let day = input(&trained, "day");
        assert_eq!(
            (day.format, day.nullable, day.categories.as_ref()),
            (Some(format), true, None)
        );
        let example = day.example.as_ref().unwrap().as_str().unwrap();
        assert!(domain::dates::moment(example).is_some());
        let predictor = predictor(&trained);
        assert!(predicted(&predictor, json!({"day": "2026-01-31"})) > 70.0);
        assert!(predicted(&predictor, json!({"day": "2026-01-30T12:00:00Z"})) < 30.0);
        predicted(&predictor, json!({}));
        let linear = asked(
            regression(Algorithm::LinearRegression),
            json!({"day": {"date_parts": ["year", "weekday"], "impute": {"constant": "2020-01-01"}, "missing_indicator": true}}),
        );
        let linear = table.train(&linear).unwrap();
        let impute = input(&linear, "day").impute.clone().unwrap();
        assert!(impute.starts_with("constant 2020-01-01"), "{impute}");
        assert!(impute.ends_with("marked as missing"), "{impute}");
    }
    let left = asked(
        regression(Algorithm::LinearRegression),
        json!({"day": {"date_parts": []}}),
    );
    let names = days(false).train(&left);
    assert!(names.is_ok() || names.unwrap_err().code == "invalid_features");
}

#[test]
fn what_can_not_be_prepared_is_refused_with_what_to_do() {
    let table = csv(
        "note,size,day,y",
        (0..100_u32).map(|row| {
            let day = if row == 50 {
                "31.01.2026"
            } else {
                "2026-01-31"
            };
            format!("the {row}th of many,{row},{day},{}", row * 3)
        }),
    );
    let refused = |preprocessing: Json| {
        let spec = TrainingSpec {
            preprocessing: serde_json::from_value(preprocessing).unwrap(),
            ..regression(Algorithm::LinearRegression)
        };
        let error = table.train(&spec).unwrap_err();
        assert_eq!(error.code, "invalid_features", "{error:?}");
        error.message
    };
    let free_text = refused(json!({"note": {"encode": "target"}}));
    for part in ["\"note\"", "free text", "100 different values"] {
        assert!(free_text.contains(part), "{free_text}");
    }
    let no_date = refused(json!({"day": {"date_parts": ["year"]}}));
    assert!(
        no_date.contains("row 51") && no_date.contains("31.01.2026"),
        "{no_date}"
    );
    let wrong = refused(json!({"size": {"encode": "target"}}));
    assert!(wrong.contains("/preprocessing/size/encode"), "{wrong}");
    // Left to itself, the text is left out, and it is said why.
    let trained = table
        .train(&regression(Algorithm::LinearRegression))
        .unwrap();
    let mut dropped = trained.evaluation.dropped.iter();
    let note = dropped.find(|dropped| dropped.column == "note").unwrap();
    assert!(
        note.reason.contains("100 different values"),
        "{}",
        note.reason
    );
}

#[test]
fn the_same_is_done_to_a_held_out_row_as_to_one_that_is_asked_for() {
    let table = gaps();
    let spec = asked(
        TrainingSpec {
            split: domain::training_runs::Split {
                folds: Some(3),
                ..domain::training_runs::Split::default()
            },
            ..regression(Algorithm::Ridge)
        },
        json!({
            "size": {"impute": {"constant": 2}, "scale": "none"},
            "city": {"encode": "target", "impute": {"constant": "none"}},
            "flag": {"impute": {"constant": true}},
        }),
    );
    let trained = table.train(&spec).unwrap();
    let predictor = predictor(&trained);
    let content = std::fs::read_to_string(table.path()).unwrap();
    let lines: Vec<&str> = content.lines().skip(1).collect();
    let mut errors = Vec::new();
    for &row in &trained.test_rows {
        let cells: Vec<&str> = lines[row as usize].split(',').collect();
        let size = cells[0].parse::<f64>().map_or(Json::Null, Json::from);
        let city = if cells[1].is_empty() {
            Json::Null
        } else {
            cells[1].into()
        };
        let row = json!({"size": size, "city": city, "flag": cells[2] == "true"});
        let known = predictor
            .signature()
            .inputs
            .iter()
            .map(|input| input.name.clone());
        let known: Vec<String> = known.collect();
        let mut row = row.as_object().unwrap().clone();
        row.retain(|name, _| known.contains(name));
        errors.push(
            (predicted(&predictor, Json::Object(row)) - cells[3].parse::<f64>().unwrap()).abs(),
        );
    }
    let mae = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(
        (mae - trained.metrics["mae"]).abs() < 1e-9,
        "{mae} {:?}",
        trained.metrics
    );
    assert!(trained.metrics.contains_key("folds_mae"));
}
