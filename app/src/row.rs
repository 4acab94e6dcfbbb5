//! The row that a person enters: text in each field, made into JSON by the signature's types.

use std::collections::BTreeMap;

use domain::datasets::ColumnType;
use domain::models::{InputField, Signature};
use serde_json::{Map, Value};

/// What stands in each field. An empty text is a missing value.
pub type Entries = BTreeMap<String, String>;

/// Entry by entry: `collect` sorts first, with code of its own for every iterator, and that is a part of the download.
pub fn entries(fields: &mut dyn Iterator<Item = (String, String)>) -> Entries {
    let mut entries = Entries::new();
    for (name, text) in fields {
        entries.insert(name, text);
    }
    entries
}

/// The text that a JSON value is entered as.
#[must_use]
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number
            .as_f64()
            .filter(|_| number.is_f64())
            .map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}

/// The signature's sample row.
#[must_use]
pub fn sample(signature: &Signature) -> Entries {
    entries_of(&signature.sample_row())
}

/// A row of values that training met; `random` gives numbers from 0 to 1.
#[must_use]
pub fn valid(signature: &Signature, random: impl Fn() -> f64) -> Entries {
    let valid = |input: &InputField| valid_text(input, random().clamp(0.0, 1.0));
    entries(
        &mut signature
            .inputs
            .iter()
            .map(|input| (input.name.clone(), valid(input))),
    )
}

fn valid_text(input: &InputField, share: f64) -> String {
    let choose = |count: usize| ((share * count as f64) as usize).min(count.saturating_sub(1));
    match (input.kind, input.min.zip(input.max), &input.categories) {
        (ColumnType::Integer, Some((min, max)), _) => {
            (min + share * (max - min)).round().to_string()
        }
        (ColumnType::Float, Some((min, max)), _) => {
            // As many digits as tell a hundredth of the range apart.
            let places =
                usize::try_from(2 - (max - min).max(f64::MIN_POSITIVE).log10().floor() as i32)
                    .unwrap_or(0)
                    .min(6);
            let value = (min + share * (max - min)).clamp(min, max);
            format!("{value:.places$}")
        }
        (ColumnType::Boolean, ..) => (share < 0.5).to_string(),
        (_, _, Some(categories)) => categories
            .get(choose(categories.len()))
            .cloned()
            .unwrap_or_default(),
        _ => input.example.as_ref().map(text_of).unwrap_or_default(),
    }
}

/// The row as it goes over the wire. What can not be read as the field's type goes as text, so that the server names the
/// fault on its field in the same words as for any other caller.
#[must_use]
pub fn to_json(signature: &Signature, entries: &Entries) -> Map<String, Value> {
    let mut row = Map::new();
    for input in &signature.inputs {
        let text = entries.get(&input.name).map_or("", String::as_str);
        row.insert(input.name.clone(), value_of(input, text));
    }
    row
}

fn value_of(input: &InputField, text: &str) -> Value {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Value::Null;
    }
    let as_text = || Value::String(text.to_owned());
    match input.kind {
        ColumnType::Integer => trimmed
            .parse::<i64>()
            .map_or_else(|_| number(trimmed).unwrap_or_else(as_text), Value::from),
        ColumnType::Float => number(trimmed).unwrap_or_else(as_text),
        ColumnType::Boolean => match trimmed.to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => as_text(),
        },
        ColumnType::String => as_text(),
    }
}

fn number(text: &str) -> Option<Value> {
    serde_json::Number::from_f64(text.parse().ok()?).map(Value::Number)
}

fn entries_of(row: &Map<String, Value>) -> Entries {
    entries(
        &mut row
            .iter()
            .map(|(name, value)| (name.clone(), text_of(value))),
    )
}

/// Entries from a row of JSON, as the JSON tab holds it; `None` for anything but one object.
#[must_use]
pub fn from_json(text: &str) -> Option<Entries> {
    match serde_json::from_str(text).ok()? {
        Value::Object(row) => Some(entries_of(&row)),
        _ => None,
    }
}

/// The field that an error of the server is about: `/inputs/age` and `/inputs/0/age` are about `age`.
#[must_use]
pub fn field_of(pointer: &str) -> Option<String> {
    let rest = pointer.strip_prefix("/inputs/")?;
    let name = match rest.split_once('/') {
        Some((row, name)) if row.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => rest,
    };
    Some(name.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use domain::models::OutputField;
    use serde_json::json;

    use super::*;

    fn signature() -> Signature {
        let input = |name: &str, kind, example| InputField {
            name: name.to_owned(),
            kind,
            nullable: true,
            categories: None,
            min: None,
            max: None,
            format: None,
            impute: None,
            unseen: None,
            transform: None,
            example: Some(example),
        };
        Signature {
            inputs: vec![
                input("rooms", ColumnType::Integer, json!(3)),
                input("income", ColumnType::Float, json!(4.5)),
                input("sold", ColumnType::Boolean, json!(true)),
                input("place", ColumnType::String, json!("INLAND")),
            ],
            output: OutputField::regression("price"),
        }
    }

    #[test]
    fn the_sample_row_survives_being_entered() {
        let signature = signature();
        assert_eq!(
            to_json(&signature, &sample(&signature)),
            signature.sample_row()
        );
    }

    #[test]
    fn a_valid_row_stays_within_what_training_met() {
        let mut signature = signature();
        (signature.inputs[0].min, signature.inputs[0].max) = (Some(1.0), Some(9.0));
        (signature.inputs[1].min, signature.inputs[1].max) = (Some(0.5), Some(15.0));
        signature.inputs[3].categories = Some(vec!["INLAND".to_owned(), "ISLAND".to_owned()]);
        let row = |share: f64| valid(&signature, move || share);
        assert_eq!(row(0.0)["rooms"], "1");
        assert_eq!(row(1.0)["income"], "15.0");
        assert_eq!(row(1.0)["place"], "ISLAND");
        assert_eq!(row(0.0)["sold"], "true");
    }

    #[test]
    fn an_empty_field_is_missing_and_a_wrong_one_goes_as_it_is() {
        let entries = Entries::from([
            ("rooms".to_owned(), "many".to_owned()),
            ("income".to_owned(), " ".to_owned()),
        ]);
        let row = to_json(&signature(), &entries);
        assert_eq!(row["rooms"], json!("many"));
        assert_eq!(row["income"], Value::Null);
        assert_eq!(row["place"], Value::Null);
    }

    #[test]
    fn a_pointer_finds_its_field() {
        assert_eq!(field_of("/inputs/age").as_deref(), Some("age"));
        assert_eq!(field_of("/inputs/0/a~1b").as_deref(), Some("a/b"));
        assert_eq!(field_of("/model"), None);
    }

    #[test]
    fn a_json_row_fills_the_fields() {
        let entries = from_json(r#"{"rooms": 2, "place": null}"#).unwrap();
        assert_eq!(entries["rooms"], "2");
        assert_eq!(entries["place"], "");
        assert_eq!(from_json("[1]"), None);
    }
}
