#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use domain::models::Task;
use domain::training_runs::{Algorithm, BUDGET, Named, PENALTY, SEED};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn what_is_left_out_has_its_default() {
    for named in Named::ALL {
        let algorithm = Algorithm::from(named);
        assert_eq!(algorithm.as_named(), Some(named));
        let all = algorithm.checked(None).unwrap();
        for parameter in algorithm.parameters() {
            assert!((all.of(parameter) - parameter.default).abs() < 1e-15);
            assert!((parameter.min..=parameter.max).contains(&parameter.default));
        }
        assert_eq!(
            algorithm.checked(Some(&all.to_map())).unwrap(),
            all,
            "what is written down is taken again"
        );
        assert_eq!(Algorithm::named(algorithm.as_str()), Some(algorithm));
        assert_eq!(json!(algorithm), json!(algorithm.as_str()));
    }
    assert_eq!(Algorithm::named("auto"), Some(Algorithm::Auto));
    assert_eq!(Algorithm::Auto.as_named(), None);
}

#[test]
fn every_task_has_an_algorithm_to_choose_besides_auto() {
    for task in Task::ALL {
        assert!(Algorithm::Auto.serves(task));
        let named = Named::ALL.map(Algorithm::from);
        assert!(named.into_iter().any(|algorithm| algorithm.serves(task)));
        assert_eq!(Task::named(task.as_str()), Some(task));
        assert_eq!(json!(task), json!(task.as_str()));
    }
    assert!(!Algorithm::Ridge.serves(Task::Classification));
    assert!(!Algorithm::LogisticRegression.serves(Task::Regression));
}

#[test]
fn everything_wrong_is_named_with_the_way_out() {
    let given = map(json!({"budget": 7, "seed": 1.5, "penalty": 1, "bud/get": 1}));
    let mut errors: Vec<_> = Algorithm::GradientBoosting
        .checked(Some(&given))
        .unwrap_err()
        .into_iter()
        .map(|error| (error.pointer, error.code, error.expected))
        .collect();
    errors.sort();
    let expected = [
        ("/params/budget", "out_of_range", "a number from 0.1 to 2"),
        (
            "/params/bud~1get",
            "unknown_field",
            "no such parameter: gradient_boosting takes budget, seed",
        ),
        (
            "/params/penalty",
            "unknown_field",
            "no such parameter: gradient_boosting takes budget, seed",
        ),
        (
            "/params/seed",
            "wrong_type",
            "a whole number from 0 to 9007199254740991",
        ),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(pointer, code, text)| (pointer.to_owned(), code.to_owned(), text.to_owned()))
        .collect();
    assert_eq!(errors, expected);

    for wrong in [json!("1"), json!(null), json!([1]), json!(true)] {
        let errors = Algorithm::Ridge
            .checked(Some(&map(json!({ "penalty": wrong }))))
            .unwrap_err();
        assert_eq!(errors[0].code, "wrong_type");
        assert_eq!(errors[0].expected, "a number from 0 to 1000000");
    }
    for (wrong, code) in [(json!("far"), "invalid"), (json!(1), "wrong_type")] {
        let errors = Algorithm::KNearestNeighbors
            .checked(Some(&map(json!({ "weights": wrong }))))
            .unwrap_err();
        assert_eq!(
            (errors[0].code.as_str(), errors[0].expected.as_str()),
            (code, "uniform or distance")
        );
    }
    let far = map(json!({"weights": "distance", "neighbors": 3}));
    let taken = Algorithm::KNearestNeighbors.checked(Some(&far)).unwrap();
    assert_eq!(taken.to_map(), far);
    let none = Algorithm::LinearRegression
        .checked(Some(&map(json!({"alpha": 1}))))
        .unwrap_err();
    assert_eq!(
        none[0].expected,
        "no such parameter: linear_regression takes none"
    );
    let auto = Algorithm::Auto
        .checked(Some(&map(json!({"penalty": 1}))))
        .unwrap_err();
    assert!(auto[0].expected.contains("name an algorithm"));
}

proptest! {
    #[test]
    fn a_number_is_taken_exactly_within_its_range(number in prop_oneof![-3.0..4.0f64, any::<f64>()]) {
        let value = json!(number);
        for (algorithm, parameter) in [(Algorithm::GradientBoosting, BUDGET), (Algorithm::Lasso, PENALTY), (Algorithm::GradientBoosting, SEED)] {
            let taken = algorithm.checked(Some(&map(json!({ parameter.name: value.clone() }))));
            let fits = number.is_finite()
                && (parameter.min..=parameter.max).contains(&number)
                && (!parameter.is_whole || number.fract() == 0.0);
            prop_assert_eq!(taken.is_ok(), fits);
        }
    }
}
