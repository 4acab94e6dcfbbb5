//! What the form of a scoring run offers, and what it sends.

use domain::datasets::DatasetSummary;
use domain::models::ModelSummary;
use domain::scoring_runs::{ScoringSpec, VersionRef};
use domain::{Error, FieldError, Name, Result};

type Choices = Vec<(String, String)>;

pub(super) fn dataset_choices(chosen: Option<&str>, datasets: Vec<DatasetSummary>) -> Choices {
    let offered = datasets.into_iter().map(|dataset| {
        let label = format!("{}, newest version", dataset.name);
        (dataset.name.to_string(), label)
    });
    with_chosen(chosen, offered.collect())
}

pub(super) fn model_choices(chosen: Option<&str>, models: Vec<ModelSummary>) -> Choices {
    let offered = models.into_iter().flat_map(|model| {
        let (name, newest) = (model.name, model.latest_version);
        let aliases: Choices = model
            .aliases
            .into_iter()
            .map(|alias| {
                let value = format!("{name}/@{}", alias.alias);
                (
                    value,
                    format!("{name} @{} (v{})", alias.alias, alias.version),
                )
            })
            .collect();
        let newest = (
            format!("{name}/{newest}"),
            format!("{name} v{newest} (newest)"),
        );
        std::iter::once(newest).chain(aliases)
    });
    with_chosen(chosen, offered.collect())
}

/// The value that the URL asks for stands first, unless it is offered anyway or could not be one.
fn with_chosen(chosen: Option<&str>, mut offered: Choices) -> Choices {
    let Some(chosen) = chosen.filter(|chosen| offered.iter().all(|(value, _)| value != chosen))
    else {
        return offered;
    };
    if let Some((name, Some(version))) = parts(chosen) {
        let label = match version {
            VersionRef::Number(number) => format!("{name} v{number}"),
            VersionRef::Alias(alias) => format!("{name} @{alias}"),
        };
        offered.insert(0, (chosen.to_owned(), label));
    }
    offered
}

fn parts(value: &str) -> Option<(Name, Option<VersionRef>)> {
    let (name, version) = match value.split_once('/') {
        Some((name, version)) => (name, Some(version.parse().ok()?)),
        None => (value, None),
    };
    Some((Name::new(name).ok()?, version))
}

/// # Errors
/// Every field that can not be read, at once.
pub(super) fn spec(
    dataset: &str,
    model: &str,
    output: &str,
    prediction_column: String,
) -> Result<ScoringSpec> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: &str, expected: &str, got: &str| {
        errors.push(FieldError::new(pointer, "invalid", expected).got(got));
    };
    let of_dataset = match parts(dataset) {
        Some((name, None)) => Some((name, None)),
        Some((name, Some(VersionRef::Number(version)))) => Some((name, Some(version))),
        _ => None,
    };
    if of_dataset.is_none() {
        wrong("/dataset", "one of the datasets", dataset);
    }
    let of_model = match parts(model) {
        Some((name, Some(version))) => Some((name, version)),
        _ => None,
    };
    if of_model.is_none() {
        wrong("/model", "one of the versions", model);
    }
    let text = output.trim();
    let output = Name::new(text).ok();
    if output.is_none() && !text.is_empty() {
        let expected =
            "1 to 63 letters, digits, dots, underscores or hyphens, the first a letter or digit";
        wrong("/output", expected, text);
    }
    match (of_dataset, of_model, errors.is_empty()) {
        (Some((dataset, dataset_version)), Some((model, version)), true) => Ok(ScoringSpec {
            dataset,
            dataset_version,
            model,
            version,
            output,
            keep_columns: None,
            prediction_column: Some(prediction_column),
        }),
        _ => Err(Error::Invalid(errors)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column() -> String {
        "prediction".to_owned()
    }

    #[test]
    fn what_was_chosen_is_a_spec() {
        let found = spec("housing/2", "price/@champion", " ", column()).unwrap();
        assert_eq!(
            (found.dataset.as_str(), found.dataset_version, found.output),
            ("housing", Some(2), None)
        );
        assert_eq!(found.version.to_string(), "@champion");
        let newest = spec("housing", "price/3", "scored", column()).unwrap();
        assert_eq!(
            (newest.dataset_version, newest.version),
            (None, VersionRef::Number(3))
        );
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        for (dataset, model) in [("", "price"), ("a/b/c", "price/x"), ("housing/@x", "/3")] {
            let Err(Error::Invalid(errors)) = spec(dataset, model, "no name", column()) else {
                panic!("{dataset} and {model} were taken")
            };
            let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(pointers, ["/dataset", "/model", "/output"]);
        }
    }

    #[test]
    fn a_version_from_the_url_is_offered_first_and_nonsense_is_not() {
        let offered = || vec![("price/2".to_owned(), "price v2 (newest)".to_owned())];
        let with = |chosen: Option<&str>| with_chosen(chosen, offered());
        assert_eq!(
            with(Some("price/1"))[0],
            ("price/1".to_owned(), "price v1".to_owned())
        );
        for same in [
            None,
            Some("price/2"),
            Some("price"),
            Some("<b>/1"),
            Some("a/-1"),
        ] {
            assert_eq!(with(same), offered(), "{same:?}");
        }
    }
}
