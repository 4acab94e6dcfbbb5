mod preprocessing;

use std::collections::BTreeMap;
use std::str::FromStr;

use domain::models::Task;
use domain::training_runs::{
    Algorithm, Parameter, Split, SplitMethod, TrainingBudget, TrainingSpec,
};
use domain::{Error, FieldError, Name, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use preprocessing::{AS_CATEGORY, ColumnForm};

/// A run as its form sends it: text, so that every wrong field is named in one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingForm {
    pub dataset: String,
    #[serde(default)]
    pub dataset_version: String,
    pub target: String,
    /// Empty leaves it to the target's column.
    #[serde(default)]
    pub task: String,
    /// The checked columns; the target among them is left out.
    #[serde(default)]
    pub features: Vec<String>,
    pub model: String,
    #[serde(default)]
    pub algorithm: String,
    /// By [`parameter_field`]: those of all algorithms, of which the chosen one's are taken.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// By the column's place in the dataset.
    #[serde(default)]
    pub preprocessing: BTreeMap<String, ColumnForm>,
    /// Empty leaves it to the task.
    #[serde(default)]
    pub split_method: String,
    /// Of a split by group or time; it is left out of the features.
    #[serde(default)]
    pub split_column: String,
    pub test_fraction: String,
    pub seed: String,
    /// Empty for none.
    #[serde(default)]
    pub folds: String,
    pub seconds: String,
    pub memory_mb: String,
    /// Of `auto`; empty for none.
    #[serde(default)]
    pub max_predict_micros: String,
}

/// The name of a parameter's field.
#[must_use]
pub fn parameter_field(algorithm: Algorithm, parameter: &Parameter) -> String {
    format!("{}-{}", algorithm.as_str(), parameter.name)
}

/// A parameter's value as it stands in its field: a word without its quotes.
#[must_use]
pub fn parameter_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// What stands in the field of a parameter at first.
#[must_use]
pub fn default_text(parameter: &Parameter) -> String {
    match parameter.written(parameter.default) {
        Value::String(text) => text,
        _ => parameter.default.to_string(),
    }
}

impl TrainingForm {
    /// # Errors
    /// Every field that can not be read, at once. Whether the values are in range is for [`TrainingSpec::check`].
    pub fn spec(&self) -> Result<TrainingSpec> {
        let mut errors = Vec::new();
        let dataset = name(&mut errors, "/dataset", &self.dataset);
        let model = name(&mut errors, "/model", &self.model);
        let dataset_version = match self.dataset_version.trim() {
            "" => None,
            text => parsed(
                &mut errors,
                "/dataset_version",
                "the number of a version",
                text,
            ),
        };
        let task = task(&mut errors, &self.task);
        let algorithm = algorithm(&mut errors, &self.algorithm);
        let params = self.params(&mut errors, algorithm);
        let defaults = TrainingBudget::default();
        let method = method(&mut errors, &self.split_method);
        let split = Split {
            method,
            column: Some(self.split_column.clone())
                .filter(|_| method.is_some_and(SplitMethod::has_column)),
            test_fraction: parsed(
                &mut errors,
                "/split/test_fraction",
                "a number from 0.05 to 0.5",
                &self.test_fraction,
            )
            .unwrap_or_default(),
            seed: parsed(
                &mut errors,
                "/split/seed",
                "a whole number from 0 up",
                &self.seed,
            )
            .unwrap_or_default(),
            folds: match self.folds.trim() {
                "" => None,
                text => parsed(
                    &mut errors,
                    "/split/folds",
                    "a whole number from 2 to 10, or none",
                    text,
                ),
            },
        };
        let budget = TrainingBudget {
            seconds: parsed(
                &mut errors,
                "/budget/seconds",
                "a whole number from 1 to 86400",
                &self.seconds,
            )
            .unwrap_or(defaults.seconds),
            memory_mb: parsed(
                &mut errors,
                "/budget/memory_mb",
                "a whole number from 256 to 1048576",
                &self.memory_mb,
            )
            .unwrap_or(defaults.memory_mb),
            max_predict_micros: match self.max_predict_micros.trim() {
                "" => None,
                // The form has the field for every algorithm.
                _ if algorithm != Algorithm::Auto => None,
                text => parsed(
                    &mut errors,
                    "/budget/max_predict_micros",
                    "a whole number from 1 to 1000000, or none",
                    text,
                ),
            },
        };
        let features: Vec<String> = self
            .features
            .iter()
            .filter(|feature| **feature != self.target && Some(*feature) != split.column.as_ref())
            .cloned()
            .collect();
        let is_learned = |form: &&ColumnForm| features.contains(&form.column);
        let learned = self.preprocessing.values().filter(is_learned);
        let preprocessing = preprocessing::preprocessing(learned, &mut errors);
        match (dataset, model, errors.is_empty()) {
            (Some(dataset), Some(model), true) => Ok(TrainingSpec {
                dataset,
                dataset_version,
                target: self.target.clone(),
                task,
                model,
                algorithm,
                params,
                features: Some(features),
                preprocessing,
                split,
                budget,
            }),
            _ => Err(Error::Invalid(errors)),
        }
    }

    /// Those of the algorithm that are filled in.
    fn params(
        &self,
        errors: &mut Vec<FieldError>,
        algorithm: Algorithm,
    ) -> Option<Map<String, Value>> {
        let mut params = Map::new();
        for parameter in algorithm.parameters() {
            let text = self
                .params
                .get(&parameter_field(algorithm, parameter))
                .map_or("", |text| text.trim());
            if text.is_empty() {
                continue;
            }
            if !parameter.choices.is_empty() {
                params.insert(parameter.name.to_owned(), Value::from(text));
                continue;
            }
            let whole = text.parse::<u64>().ok().filter(|_| parameter.is_whole);
            let value = whole
                .map(Value::from)
                .or_else(|| text.parse::<f64>().ok().map(Value::from));
            match value {
                Some(value) => {
                    params.insert(parameter.name.to_owned(), value);
                }
                None => errors.push(
                    FieldError::new(parameter.pointer, "invalid", parameter.range()).got(text),
                ),
            }
        }
        (!params.is_empty()).then_some(params)
    }
}

fn task(errors: &mut Vec<FieldError>, text: &str) -> Option<Task> {
    let task = Task::named(text);
    if task.is_none() && !text.is_empty() {
        let expected = Task::ALL.map(Task::as_str).join(" or ");
        errors.push(FieldError::new("/task", "invalid", expected).got(text));
    }
    task
}

fn method(errors: &mut Vec<FieldError>, text: &str) -> Option<SplitMethod> {
    let method = SplitMethod::named(text);
    if method.is_none() && !text.is_empty() {
        let expected = SplitMethod::ALL.map(SplitMethod::as_str).join(" or ");
        errors.push(FieldError::new("/split/method", "invalid", expected).got(text));
    }
    method
}

fn algorithm(errors: &mut Vec<FieldError>, text: &str) -> Algorithm {
    if text.is_empty() {
        return Algorithm::Auto;
    }
    Algorithm::named(text).unwrap_or_else(|| {
        let expected = Algorithm::ALL.map(Algorithm::as_str).join(", ");
        errors
            .push(FieldError::new("/algorithm", "invalid", format!("one of {expected}")).got(text));
        Algorithm::Auto
    })
}

fn name(errors: &mut Vec<FieldError>, pointer: &str, text: &str) -> Option<Name> {
    let name = Name::new(text.trim()).ok();
    if name.is_none() {
        let expected =
            "1 to 63 letters, digits, dots, underscores or hyphens, the first a letter or digit";
        errors.push(FieldError::new(pointer, "invalid", expected).got(text));
    }
    name
}

fn parsed<T: FromStr>(
    errors: &mut Vec<FieldError>,
    pointer: &str,
    expected: &str,
    text: &str,
) -> Option<T> {
    let value = text.trim().parse().ok();
    if value.is_none() {
        errors.push(FieldError::new(pointer, "invalid", expected).got(text));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> TrainingForm {
        let text = str::to_owned;
        TrainingForm {
            dataset: text("housing"),
            dataset_version: text("2"),
            target: text("price"),
            task: text(""),
            split_method: text(""),
            split_column: text("day"),
            folds: text(""),
            features: vec![text("rooms"), text("price")],
            model: text("price"),
            algorithm: text("elastic_net"),
            preprocessing: BTreeMap::from([(
                text("0"),
                ColumnForm {
                    column: text("rooms"),
                    kind: text("integer"),
                    impute: text("mean"),
                    ..ColumnForm::default()
                },
            )]),
            params: BTreeMap::from([
                (text("elastic_net-penalty"), text(" 0.5 ")),
                (text("elastic_net-l1_ratio"), text("")),
                (text("gradient_boosting-budget"), text("none")),
            ]),
            test_fraction: text("0.25"),
            seed: text("7"),
            seconds: text("60"),
            memory_mb: text("512"),
            max_predict_micros: text("40"),
        }
    }

    #[test]
    fn a_filled_form_is_a_spec_without_the_target_among_the_features() {
        let spec = form().spec().unwrap();
        assert_eq!(spec.features, Some(vec!["rooms".to_owned()]));
        assert_eq!(spec.dataset_version, Some(2));
        assert_eq!(spec.algorithm, Algorithm::ElasticNet);
        assert_eq!((spec.task, spec.split.method), (None, None));
        assert_eq!((spec.split.column.as_ref(), spec.split.folds), (None, None));
        assert_eq!(spec.budget.max_predict_micros, None, "it is for auto");
        let told = TrainingForm {
            task: "classification".to_owned(),
            split_method: "random".to_owned(),
            ..form()
        };
        let told = told.spec().unwrap();
        assert_eq!(told.task, Some(Task::Classification));
        assert_eq!(told.split.method, Some(SplitMethod::Random));
        let impute = spec.preprocessing["rooms"].impute.clone();
        assert_eq!(impute, Some(domain::training_runs::Impute::Mean));
        let params = spec.params.clone().unwrap();
        assert_eq!(Value::from(params), serde_json::json!({"penalty": 0.5}));
        assert!(spec.check().is_ok());
    }

    #[test]
    fn the_column_of_a_split_is_not_among_the_features() {
        let told = TrainingForm {
            split_method: "time".to_owned(),
            features: ["rooms", "day", "price"].map(str::to_owned).to_vec(),
            folds: " 5 ".to_owned(),
            ..form()
        };
        let spec = told.spec().unwrap();
        assert_eq!(spec.split.column.as_deref(), Some("day"));
        assert_eq!(spec.split.folds, Some(5));
        assert_eq!(spec.features, Some(vec!["rooms".to_owned()]));
        assert!(spec.check().is_ok());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = TrainingForm {
            model: " ".to_owned(),
            seed: "-1".to_owned(),
            test_fraction: "half".to_owned(),
            algorithm: "gradient_boosting".to_owned(),
            task: "ranking".to_owned(),
            split_method: "by date".to_owned(),
            folds: "many".to_owned(),
            ..form()
        };
        let Err(Error::Invalid(errors)) = wrong.spec() else {
            panic!("the form was taken")
        };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        let expected = [
            "/model",
            "/task",
            "/params/budget",
            "/split/method",
            "/split/test_fraction",
            "/split/seed",
            "/split/folds",
        ];
        assert_eq!(pointers, expected);
    }

    #[test]
    fn a_form_without_an_algorithm_leaves_the_choice_to_the_platform() {
        let of = |algorithm: &str| {
            let form = TrainingForm {
                algorithm: algorithm.to_owned(),
                ..form()
            };
            let spec = form.spec()?;
            let is_auto = spec.algorithm == Algorithm::Auto;
            assert_eq!(spec.budget.max_predict_micros, is_auto.then_some(40));
            Ok::<_, Error>((spec.algorithm, spec.params))
        };
        assert_eq!(of("").unwrap(), (Algorithm::Auto, None));
        assert_eq!(
            of("linear_regression").unwrap(),
            (Algorithm::LinearRegression, None)
        );
        let Err(Error::Invalid(errors)) = of("magic") else {
            panic!("the algorithm was taken")
        };
        assert!(errors[0].expected.contains("ridge, lasso, elastic_net"));
    }
}
