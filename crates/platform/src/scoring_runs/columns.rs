//! Whether a dataset has the columns that a model takes, each of the right type, and room for the predictions.

use domain::datasets::{ColumnProfile, DatasetVersion, MAX_COLUMNS};
use domain::models::{InputField, ModelVersion};
use domain::scoring_runs::{ScoringSpec, error_column};
use domain::{Error, FieldError, Result};

use crate::datasets::columns::{nearest, no_column};

/// # Errors
/// Everything that does not fit, at once.
pub(super) fn check(
    spec: &ScoringSpec,
    dataset: &DatasetVersion,
    model: &ModelVersion,
) -> Result<()> {
    let columns = &dataset.columns;
    let mut errors = Vec::new();
    for input in &model.signature.inputs {
        match columns.iter().find(|column| column.name == input.name) {
            None => errors.push(missing(input, dataset, model)),
            Some(column) if !fits(column, input, dataset.rows) => {
                errors.push(wrong_type(column, input, dataset, model));
            }
            Some(_) => {}
        }
    }
    for (index, name) in spec.keep_columns.iter().flatten().enumerate() {
        if !columns.iter().any(|column| column.name == *name) {
            errors.push(no_column(format!("/keep_columns/{index}"), name, columns));
        }
    }
    let kept = |name: &str| match &spec.keep_columns {
        Some(keep) => keep.iter().any(|kept| kept == name.trim()),
        None => columns.iter().any(|column| column.name == name.trim()),
    };
    let prediction = spec.prediction_column();
    let answers = model.signature.output.columns(prediction);
    let mut added: Vec<String> = answers.into_iter().map(|(name, _)| name).collect();
    added.push(error_column(prediction));
    for (place, name) in added.iter().enumerate() {
        // A table's names are read without the spaces around them.
        if added[..place]
            .iter()
            .any(|other| other.trim() == name.trim())
        {
            let expected = format!(
                "a name beside which each column has its own: {name:?} would stand twice among those that are added"
            );
            errors.push(FieldError::new("/prediction_column", "taken", expected).got(prediction));
        }
        if kept(name) && is_probability(place, &added) {
            let expected = format!(
                "columns beside those that are added: the table has {name:?} already, so leave that column out"
            );
            errors.push(FieldError::new("/keep_columns", "taken", expected).got(name.as_str()));
        } else if kept(name) {
            let expected = format!(
                "a name that no column has: the table has {name:?} already, so set prediction_column to another name, or \
                 leave that column out of keep_columns"
            );
            errors.push(FieldError::new("/prediction_column", "taken", expected).got(prediction));
        }
    }
    let count = spec.keep_columns.as_ref().map_or(columns.len(), Vec::len);
    if count + added.len() > MAX_COLUMNS {
        let expected = format!(
            "at most {} columns beside the {} that are added",
            MAX_COLUMNS.saturating_sub(added.len()),
            added.len()
        );
        errors.push(
            FieldError::new("/keep_columns", "out_of_range", expected).got(count.to_string()),
        );
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

/// What is added first is named after the prediction's column, and last; between them stand the classes, whose names are theirs.
fn is_probability(place: usize, added: &[String]) -> bool {
    place > 0 && place + 1 < added.len()
}

/// Whole numbers and others are told apart row by row, as in a prediction: 3.0 is whole. A column without any value says
/// nothing of its type.
fn fits(column: &ColumnProfile, input: &InputField, rows: Option<u64>) -> bool {
    column.kind == input.kind
        || (column.kind.is_numeric() && input.kind.is_numeric())
        || Some(column.missing) == rows
}

fn missing(input: &InputField, dataset: &DatasetVersion, model: &ModelVersion) -> FieldError {
    let near = nearest(&input.name, &dataset.columns).join(", ");
    FieldError::new("/dataset", "missing", wanted(input, model)).got(format!(
        "no such column in {} v{} (nearest: {near})",
        dataset.name, dataset.version
    ))
}

fn wrong_type(
    column: &ColumnProfile,
    input: &InputField,
    dataset: &DatasetVersion,
    model: &ModelVersion,
) -> FieldError {
    FieldError::new("/dataset", "wrong_type", wanted(input, model)).got(format!(
        "{} values in {} v{}",
        column.kind.as_str(),
        dataset.name,
        dataset.version
    ))
}

fn wanted(input: &InputField, model: &ModelVersion) -> String {
    format!(
        "a column {:?} of {} values, which {} v{} takes",
        input.name,
        input.kind.as_str(),
        model.model,
        model.version
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::datasets::{ColumnType, DataFormat, DatasetStatus};
    use domain::ids::{DatasetId, DatasetVersionId, ModelVersionId};
    use domain::models::{OutputField, Signature};
    use domain::{Name, Timestamp};
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

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

    fn dataset(columns: Vec<ColumnProfile>) -> DatasetVersion {
        DatasetVersion {
            id: DatasetVersionId::at(NOW),
            dataset_id: DatasetId::at(NOW),
            name: name("flats"),
            version: 2,
            status: DatasetStatus::Ready,
            error: None,
            format: DataFormat::Csv,
            rows: Some(10),
            bytes: 1,
            sha256: String::new(),
            columns,
            lineage: None,
            created_by: String::new(),
            created_at: NOW,
        }
    }

    fn model(inputs: &[(&str, ColumnType)]) -> ModelVersion {
        let input = |(name, kind): &(&str, ColumnType)| InputField {
            name: (*name).to_owned(),
            kind: *kind,
            nullable: true,
            categories: None,
            min: None,
            max: None,
            format: None,
            impute: None,
            unseen: None,
            transform: None,
            example: None,
        };
        ModelVersion {
            id: ModelVersionId::at(NOW),
            model: name("price"),
            version: 3,
            algorithm: "linear_regression".to_owned(),
            params: json!({}),
            metrics: BTreeMap::new(),
            signature: Signature {
                inputs: inputs.iter().map(input).collect(),
                output: OutputField::regression("price"),
            },
            dataset: None,
            dataset_version: None,
            training_run: None,
            aliases: Vec::new(),
            deployed: Vec::new(),
            created_by: String::new(),
            created_at: NOW,
            sha256: String::new(),
            bytes: 1,
            evaluation: None,
            remote: None,
        }
    }

    fn spec(more: Value) -> ScoringSpec {
        let mut spec = json!({ "dataset": "flats", "model": "price", "version": 3 });
        if let (Value::Object(spec), Value::Object(more)) = (&mut spec, more) {
            spec.extend(more);
        }
        serde_json::from_value(spec).unwrap()
    }

    fn errors(
        spec: &ScoringSpec,
        dataset: &DatasetVersion,
        model: &ModelVersion,
    ) -> Vec<(String, String, String)> {
        match check(spec, dataset, model) {
            Err(Error::Invalid(errors)) => errors
                .into_iter()
                .map(|error| (error.pointer, error.code, error.expected))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn columns_that_fit_pass_and_others_are_all_named() {
        let model = model(&[
            ("rooms", ColumnType::Integer),
            ("area", ColumnType::Float),
            ("place", ColumnType::String),
        ]);
        let mut empty = column("place", ColumnType::Boolean);
        empty.missing = 10;
        let good = dataset(vec![
            column("rooms", ColumnType::Float),
            column("area", ColumnType::Integer),
            empty,
            column("more", ColumnType::String),
        ]);
        check(&spec(json!({})), &good, &model).unwrap();

        let bad = dataset(vec![
            column("room", ColumnType::Integer),
            column("area", ColumnType::String),
            column("place", ColumnType::Integer),
        ]);
        let found = errors(&spec(json!({})), &bad, &model);
        let codes: Vec<_> = found.iter().map(|(_, code, _)| code.as_str()).collect();
        assert_eq!(codes, ["missing", "wrong_type", "wrong_type"]);
        for ((pointer, _, expected), column) in found.iter().zip(["rooms", "area", "place"]) {
            assert_eq!(pointer, "/dataset");
            assert!(expected.contains(column), "{expected}");
        }
    }

    #[test]
    fn a_column_of_the_same_name_as_the_predictions_is_in_the_way_unless_it_is_left_out() {
        let model = model(&[("rooms", ColumnType::Integer)]);
        let dataset = dataset(vec![
            column("rooms", ColumnType::Integer),
            column("prediction", ColumnType::Float),
            column("score_error", ColumnType::String),
        ]);
        for (more, taken) in [
            (json!({}), "\"prediction\""),
            (json!({ "prediction_column": "score" }), "\"score_error\""),
        ] {
            let found = errors(&spec(more), &dataset, &model);
            assert_eq!(found.len(), 1);
            assert_eq!(
                (found[0].0.as_str(), found[0].1.as_str()),
                ("/prediction_column", "taken")
            );
            assert!(found[0].2.contains(taken), "{}", found[0].2);
        }
        for more in [
            json!({ "prediction_column": "answer" }),
            json!({ "keep_columns": ["rooms"] }),
            json!({ "keep_columns": [] }),
        ] {
            check(&spec(more), &dataset, &model).unwrap();
        }
        let unknown = spec(json!({ "keep_columns": ["rooms", "roms"] }));
        assert_eq!(errors(&unknown, &dataset, &model)[0].0, "/keep_columns/1");
    }
}
