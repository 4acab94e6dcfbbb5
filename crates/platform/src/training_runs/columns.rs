//! Whether a spec fits the columns of its dataset.

use domain::datasets::{ColumnProfile, ColumnType, TopValue};
use domain::models::Task;
use domain::training_runs::{
    ColumnPreprocessing, MAX_CLASSES, MIN_CLASS_ROWS, Role, SplitMethod, TrainingSpec,
    preprocessing,
};
use domain::{Error, FieldError, Result, dates};

use crate::datasets::columns::no_column;

/// The task of the run: the one that is asked for, else the one that the target's column is of.
///
/// # Errors
/// Every field that does not fit, at once: the target must be a column that the task can predict, the algorithm and the split must
/// serve the task, the features must exist, and the split's column must be of its method.
pub(super) fn check(spec: &TrainingSpec, columns: &[ColumnProfile]) -> Result<Task> {
    let mut errors = Vec::new();
    let mut task = spec.task.unwrap_or(Task::Regression);
    match columns.iter().find(|column| column.name == spec.target) {
        None => errors.push(no_column("/target".to_owned(), &spec.target, columns)),
        Some(column) => {
            task = spec.task.unwrap_or(Task::of(column.kind, column.distinct));
            errors.extend(check_target(spec, task, column).err());
            // What was asked for beside it is checked before there is a dataset.
            if spec.task.is_none() {
                errors.extend(spec.check_task(task).err().into_iter().flatten());
            }
        }
    }
    if let Some(name) = &spec.split.column {
        match columns.iter().find(|column| column.name == *name) {
            None => errors.push(no_column("/split/column".to_owned(), name, columns)),
            Some(column) => errors.extend(check_split(spec.split.method, column).err()),
        }
    }
    let unlearned = 1 + usize::from(spec.split.column.is_some());
    match &spec.features {
        Some(features) => {
            for (index, feature) in features.iter().enumerate() {
                if !columns.iter().any(|column| column.name == *feature) {
                    errors.push(no_column(format!("/features/{index}"), feature, columns));
                }
            }
        }
        None if columns.len() <= unlearned => {
            let beside = if unlearned == 1 {
                "a dataset with at least one column beside the target"
            } else {
                "a dataset with at least one column beside the target and the split's"
            };
            errors.push(FieldError::new("/dataset", "invalid", beside));
        }
        None => {}
    }
    for (name, asked) in &spec.preprocessing {
        let pointer = preprocessing::pointer(name, "");
        match columns.iter().find(|column| column.name == *name) {
            None => errors.push(no_column(pointer, name, columns)),
            Some(column) => errors.extend(check_preprocessing(asked, column)),
        }
    }
    if errors.is_empty() {
        Ok(task)
    } else {
        Err(Error::Invalid(errors))
    }
}

/// Of dates only the values that the profile lists are looked at; the run says it of the others.
fn check_preprocessing(asked: &ColumnPreprocessing, column: &ColumnProfile) -> Vec<FieldError> {
    let mut errors = asked.check_column(&column.name, column.kind);
    if errors.is_empty() && asked.role(column.kind) == Role::Date {
        let mut values = column.top_values.iter().map(|top| top.value.as_str());
        if let Some(value) = values.find(|value| dates::moment(value).is_none()) {
            let pointer = preprocessing::pointer(&column.name, "date_parts");
            let expected = format!("a column whose every value is {}", dates::EXPECTED);
            errors.push(FieldError::new(pointer, "wrong_type", expected).got(value));
        }
    }
    errors
}

/// Says of the columns of dates that are learned from, and that nothing was said of, what becomes of them.
pub(super) fn take_dates_apart(spec: &mut TrainingSpec, columns: &[ColumnProfile]) {
    for column in columns {
        let Some(format) = column.format.filter(|_| spec.learns(&column.name)) else {
            continue;
        };
        let asked = spec.preprocessing.get(&column.name).cloned();
        let mut asked = asked.unwrap_or_default();
        if asked.date_parts.is_some() {
            continue;
        }
        asked.date_parts = ColumnPreprocessing::of_dates(format).date_parts;
        // What was asked for may be for categories.
        if check_preprocessing(&asked, column).is_empty() {
            spec.preprocessing.insert(column.name.clone(), asked);
        }
    }
}

fn check_target(
    spec: &TrainingSpec,
    task: Task,
    column: &ColumnProfile,
) -> std::result::Result<(), FieldError> {
    let refused = |code: &str, expected: String| {
        Err(FieldError::new("/target", code, expected).got(spec.target.as_str()))
    };
    if column.distinct < 2 {
        return refused("invalid", "a column with more than one value".to_owned());
    }
    match task {
        Task::Regression if !column.kind.is_numeric() => refused(
            "wrong_type",
            format!(
                "a numeric column for a regression; the column holds {} values: set task to classification to tell them apart",
                column.kind.as_str()
            ),
        ),
        Task::Classification if column.distinct > MAX_CLASSES as u64 => refused(
            "out_of_range",
            format!(
                "a column of at most {MAX_CLASSES} different values for a classification; it has {}: {}",
                column.distinct,
                if column.kind.is_numeric() {
                    "set task to regression, or choose another one"
                } else {
                    "choose another one, or merge rare values and upload a new version"
                }
            ),
        ),
        Task::Classification => match rarest(column) {
            Some(rare) if rare.count < MIN_CLASS_ROWS as u64 => refused(
                "invalid",
                format!(
                    "a column with {MIN_CLASS_ROWS} or more rows of each value; {:?} has {}: correct it if it is misspelt, leave \
                     the row out or add more of them, and upload a new version",
                    rare.value, rare.count
                ),
            ),
            _ => Ok(()),
        },
        Task::Regression => Ok(()),
    }
}

/// Of a time only the values that the profile lists are looked at; the run says it of the others.
fn check_split(
    method: Option<SplitMethod>,
    column: &ColumnProfile,
) -> std::result::Result<(), FieldError> {
    let refused = |code: &str, expected: &str, got: &str| {
        Err(FieldError::new("/split/column", code, expected).got(got))
    };
    if column.distinct < 2 {
        let expected = "a column with more than one value, to have some on either side";
        return refused("invalid", expected, &column.name);
    }
    if method != Some(SplitMethod::Time) || column.kind.is_numeric() {
        return Ok(());
    }
    let expected = "a column of numbers or of dates such as 2026-01-31 or 2026-01-31T09:30:00Z";
    if column.kind == ColumnType::Boolean {
        return refused("wrong_type", expected, &column.name);
    }
    let mut values = column.top_values.iter().map(|top| top.value.as_str());
    match values.find(|value| dates::moment(value).is_none()) {
        Some(value) => refused("wrong_type", expected, value),
        None => Ok(()),
    }
}

/// Known where the profile lists every value; elsewhere the run says it.
fn rarest(column: &ColumnProfile) -> Option<&TopValue> {
    let is_whole = column.top_values.len() as u64 == column.distinct;
    let least = column.top_values.iter().min_by_key(|value| value.count);
    least.filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(name: &str, kind: ColumnType) -> ColumnProfile {
        ColumnProfile {
            name: name.to_owned(),
            kind,
            format: None,
            nullable: false,
            missing: 0,
            distinct: 10,
            min: None,
            max: None,
            mean: None,
            std: None,
            histogram: Vec::new(),
            top_values: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn table() -> Vec<ColumnProfile> {
        vec![
            column("median_income", ColumnType::Float),
            column("median_house_value", ColumnType::Integer),
            column("ocean_proximity", ColumnType::String),
        ]
    }

    fn spec(target: &str, features: Option<Vec<&str>>) -> TrainingSpec {
        let spec = json!({ "dataset": "d", "model": "m", "algorithm": "auto", "target": target, "features": features });
        serde_json::from_value(spec).unwrap()
    }

    fn errors(spec: &TrainingSpec, columns: &[ColumnProfile]) -> Vec<(String, String)> {
        match check(spec, columns) {
            Err(Error::Invalid(errors)) => errors
                .into_iter()
                .map(|error| (error.pointer, error.expected))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_fits_passes() {
        check(&spec("median_house_value", None), &table()).unwrap();
        check(
            &spec(
                "median_house_value",
                Some(vec!["ocean_proximity", "median_income"]),
            ),
            &table(),
        )
        .unwrap();
    }

    #[test]
    fn every_wrong_name_is_told_with_near_ones() {
        let wrong = spec(
            "median_hose_value",
            Some(vec!["Median_Income", "proximity"]),
        );
        let expected = [
            (
                "/target",
                "a column of the dataset, such as median_house_value",
            ),
            (
                "/features/0",
                "a column of the dataset, such as median_income",
            ),
            (
                "/features/1",
                "a column of the dataset, such as ocean_proximity",
            ),
        ];
        for ((pointer, text), (want_pointer, want_text)) in
            errors(&wrong, &table()).iter().zip(expected)
        {
            assert_eq!(pointer, want_pointer);
            assert!(text.starts_with(want_text), "{text}");
        }
        assert!(
            errors(&spec("zzzzzzzzzzzz", None), &table())[0]
                .1
                .contains("median_income, median_house_value, ocean_proximity")
        );
    }

    #[test]
    fn a_target_is_of_its_task_and_not_the_only_column() {
        let mut regression = spec("ocean_proximity", None);
        regression.task = Some(Task::Regression);
        let expected = &errors(&regression, &table())[0].1;
        assert!(expected.contains("holds string values"), "{expected}");
        assert!(expected.contains("set task to classification"));
        let one = [column("median_income", ColumnType::Float)];
        assert_eq!(errors(&spec("median_income", None), &one)[0].0, "/dataset");
    }

    #[test]
    fn the_task_is_that_of_the_column_unless_told() {
        let of = |kind, distinct, asked| {
            let mut columns = table();
            columns[1].kind = kind;
            columns[1].distinct = distinct;
            let mut spec = spec("median_house_value", None);
            spec.task = asked;
            check(&spec, &columns).unwrap()
        };
        assert_eq!(of(ColumnType::Integer, 3, None), Task::Regression);
        assert_eq!(of(ColumnType::Integer, 2, None), Task::Classification);
        assert_eq!(of(ColumnType::Float, 2, None), Task::Regression);
        assert_eq!(of(ColumnType::Boolean, 2, None), Task::Classification);
        assert_eq!(of(ColumnType::String, 9, None), Task::Classification);
        let told = Some(Task::Classification);
        assert_eq!(of(ColumnType::Float, 9, told), Task::Classification);
        assert_eq!(
            of(ColumnType::Integer, 2, Some(Task::Regression)),
            Task::Regression
        );
    }

    #[test]
    fn classes_must_be_few_and_each_have_rows() {
        let mut columns = table();
        columns[2].distinct = 101;
        let expected = &errors(&spec("ocean_proximity", None), &columns)[0].1;
        assert!(expected.contains("it has 101"), "{expected}");
        columns[2].distinct = 2;
        columns[2].top_values = [("INLAND", 9), ("ILSAND", 1)]
            .map(|(value, count)| TopValue {
                value: value.to_owned(),
                count,
            })
            .to_vec();
        let expected = &errors(&spec("ocean_proximity", None), &columns)[0].1;
        assert!(expected.contains("\"ILSAND\" has 1"), "{expected}");
        columns[2].top_values[1].count = 2;
        check(&spec("ocean_proximity", None), &columns).unwrap();
    }

    #[test]
    fn an_algorithm_of_another_task_names_those_that_serve() {
        let mut ridge = spec("ocean_proximity", None);
        ridge.algorithm = domain::training_runs::Algorithm::Ridge;
        let found = errors(&ridge, &table());
        assert_eq!(found[0].0, "/algorithm");
        assert!(
            found[0]
                .1
                .contains("auto, logistic_regression, naive_bayes, k_nearest_neighbors, decision_tree, random_forest, gradient_boosting, histogram_boosting")
        );
    }

    fn split_by(method: &str, column: &str) -> TrainingSpec {
        let mut spec = spec("median_house_value", None);
        spec.split = serde_json::from_value(json!({ "method": method, "column": column })).unwrap();
        spec
    }

    #[test]
    fn a_split_goes_by_a_column_of_its_kind() {
        let mut columns = table();
        columns.push(column("day", ColumnType::String));
        columns.push(column("flag", ColumnType::Boolean));
        columns[3].top_values = vec![TopValue {
            value: "2026-01-31".to_owned(),
            count: 1,
        }];
        for (method, column) in [
            ("group", "ocean_proximity"),
            ("group", "median_income"),
            ("group", "flag"),
            ("time", "median_income"),
            ("time", "day"),
        ] {
            check(&split_by(method, column), &columns).unwrap();
        }
        let absent = &errors(&split_by("group", "Ocean"), &columns)[0];
        assert_eq!(absent.0, "/split/column");
        assert!(absent.1.contains("ocean_proximity"), "{}", absent.1);
        let boolean = &errors(&split_by("time", "flag"), &columns)[0];
        assert!(boolean.1.contains("numbers or of dates"), "{}", boolean.1);
        columns[3].top_values[0].value = "31.01.2026".to_owned();
        let text = &errors(&split_by("time", "day"), &columns)[0];
        assert_eq!(text.0, "/split/column");
        assert!(text.1.contains("such as 2026-01-31"), "{}", text.1);
        columns[3].distinct = 1;
        let constant = &errors(&split_by("group", "day"), &columns)[0];
        assert!(constant.1.contains("more than one value"));
    }

    #[test]
    fn something_is_left_to_learn_from_beside_the_column_of_the_split() {
        let mut columns = table();
        columns.truncate(2);
        let mut spec = split_by("time", "median_income");
        assert_eq!(errors(&spec, &columns)[0].0, "/dataset");
        spec.features = Some(vec!["median_income".to_owned()]);
        check(&spec, &columns).unwrap();
    }
}
