//! Whether a spec fits the columns of its dataset.

use domain::datasets::ColumnProfile;
use domain::training_runs::TrainingSpec;
use domain::{Error, FieldError, Result};

use crate::datasets::columns::no_column;

/// # Errors
/// Every field that does not fit, at once: the target must be a numeric column, the features must exist.
pub(super) fn check(spec: &TrainingSpec, columns: &[ColumnProfile]) -> Result<()> {
    let mut errors = Vec::new();
    match columns.iter().find(|column| column.name == spec.target) {
        None => errors.push(no_column("/target".to_owned(), &spec.target, columns)),
        Some(column) if !column.kind.is_numeric() => {
            let expected = format!(
                "a numeric column; the column holds {} values",
                column.kind.as_str()
            );
            errors
                .push(FieldError::new("/target", "wrong_type", expected).got(spec.target.clone()));
        }
        Some(column) if column.distinct < 2 => {
            errors.push(
                FieldError::new("/target", "invalid", "a column with more than one value")
                    .got(spec.target.clone()),
            );
        }
        Some(_) => {}
    }
    match &spec.features {
        Some(features) => {
            for (index, feature) in features.iter().enumerate() {
                if !columns.iter().any(|column| column.name == *feature) {
                    errors.push(no_column(format!("/features/{index}"), feature, columns));
                }
            }
        }
        None if columns.len() < 2 => {
            errors.push(FieldError::new(
                "/dataset",
                "invalid",
                "a dataset with at least one column beside the target",
            ));
        }
        None => {}
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

#[cfg(test)]
mod tests {
    use domain::datasets::ColumnType;
    use serde_json::json;

    use super::*;

    fn column(name: &str, kind: ColumnType) -> ColumnProfile {
        ColumnProfile {
            name: name.to_owned(),
            kind,
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
    fn a_target_must_be_a_number_and_not_the_only_column() {
        assert!(
            errors(&spec("ocean_proximity", None), &table())[0]
                .1
                .contains("holds string values")
        );
        let one = [column("median_income", ColumnType::Float)];
        assert_eq!(errors(&spec("median_income", None), &one)[0].0, "/dataset");
    }
}
