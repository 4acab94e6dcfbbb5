//! The document of one deployment: what its stable version takes and gives, under the names of the training table.

use std::collections::BTreeMap;

use domain::datasets::{ColumnType, TextFormat};
use domain::dates;
use domain::models::{InputField, OutputField, Signature, Task};
use domain::predictions::Scale;
use domain::{Error, Result};
use serde_json::{Map, Value, json};
use serving::dialects::explained::MAX_ROWS as MOST_EXPLAINED;
use serving::request::MAX_ROWS;
use serving::snapshot::Deployment;
use serving::versions::{self, Version};
use utoipa::OpenApi as _;

use super::Api;
use crate::router::LARGEST_BODY;

/// Most categories that are shown.
const MAX_EXAMPLES: usize = 50;

/// # Errors
/// `Unavailable` while the stable version is not loaded.
pub fn document(deployment: &Deployment, base_url: &str) -> Result<Value> {
    let version = &deployment.stable.version;
    let loaded = version.predictor();
    let Some(predictor) = loaded.as_deref() else {
        let problem = version.problem().unwrap_or_default();
        let message = format!("deployment {} is not ready: {problem}", deployment.name);
        return Err(Error::not_yet(message, versions::LOAD_RETRY.as_secs()));
    };
    let platform = serde_json::to_value(Api::openapi()).map_err(Error::internal)?;
    Ok(describe(
        deployment.name.as_str(),
        version,
        predictor.signature(),
        base_url,
        platform,
    ))
}

/// `platform` is the document that has the shapes of all deployments: of problems, and of how a caller says who it is.
fn describe(
    deployment: &str,
    version: &Version,
    signature: &Signature,
    base_url: &str,
    mut platform: Value,
) -> Value {
    let mut schemas = platform["components"]["schemas"].take();
    schemas["Row"] = row(&signature.inputs);
    schemas["PredictRequest"] = request();
    schemas["PredictResponse"] = response(&signature.output);
    schemas["PredictResponse"]["properties"]["explanations"] = explanations(signature);
    let schemes = &mut platform["components"]["securitySchemes"];
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": deployment,
            "version": version.number.to_string(),
            "description": format!(
                "Predictions of the deployment {deployment}: at present version {} of the model {}. \
                 While a canary is out, part of the requests is answered by it, in the same shape.",
                version.number, version.model
            ),
        },
        "servers": [{"url": base_url}],
        "security": [{"bearer": []}, {"api_key": []}],
        "paths": {(format!("/predict/{deployment}")): {"post": operation(signature)}},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": schemes["bearer"].take(), "api_key": schemes["api_key"].take()},
        },
    })
}

fn operation(signature: &Signature) -> Value {
    let row = Value::from(versions::sample(signature));
    let text =
        |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "operationId": "predict",
        "summary": format!("Predict {}", signature.output.name),
        "description": "One row, or a batch of rows.",
        "parameters": [{
            "name": "explain",
            "in": "query",
            "required": false,
            "description": format!("Whether the answer says what each input adds to the predictions, of {MOST_EXPLAINED} rows at most."),
            "schema": {"type": "boolean", "default": false},
        }, {
            "name": "x-route-key",
            "in": "header",
            "required": false,
            "description": "Who the request is for: the same key goes to the same version.",
            "schema": {"type": "string"},
        }],
        "requestBody": {
            "required": true,
            "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/PredictRequest"},
                "examples": {
                    "row": {"summary": "One row", "value": {"inputs": row}},
                    "batch": {"summary": "A batch", "value": {"inputs": [row, row]}},
                },
            }},
        },
        "responses": {
            "200": {
                "description": "The predictions",
                "headers": {
                    "x-request-id": text("What to search the log for"),
                    "x-model-version": {"description": "The version that answered", "schema": {"type": "integer"}},
                    "server-timing": text("Milliseconds for auth, parse and predict, for load when the request waited for the model to be loaded, and for queue when it waited to be computed together with others"),
                    "ratelimit": text("What is left of the key's quota"),
                    "ratelimit-policy": text("The key's quota"),
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PredictResponse"}}},
            },
            "413": problem("The body is over the limit, which a batch of long rows may be with fewer rows than the most"),
            "422": problem("Inputs that the model does not take: `errors` names the row and the field of each. With `explain`, also `not_explainable`"),
            "429": problem("The key's limit: try again after `retry_after` seconds"),
            "500": problem("The model failed on these inputs: they lie so far out that it makes no finite number of them"),
            "default": problem("A problem: `error_code` says which"),
        },
    })
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

fn request() -> Value {
    let row = json!({"$ref": "#/components/schemas/Row"});
    json!({
        "type": "object",
        "required": ["inputs"],
        "additionalProperties": false,
        "properties": {"inputs": {
            "description": format!("One row, or a batch of at most {MAX_ROWS} rows, in a body of at most {LARGEST_BODY} bytes."),
            "oneOf": [row, {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": row}],
        }},
    })
}

fn response(output: &OutputField) -> Value {
    let prediction = match output.task {
        Task::Regression => json!({"type": "number", "description": output.name}),
        Task::Classification => class_prediction(output),
    };
    json!({
        "type": "object",
        "required": ["predictions", "model", "version", "route", "request_id"],
        "properties": {
            "predictions": {"type": "array", "description": "One a row, in their order", "items": prediction},
            "model": {"type": "string"},
            "version": {"type": "integer", "description": "The version that answered"},
            "route": {"type": "string", "enum": ["stable", "canary"]},
            "request_id": {"type": "string"},
        },
    })
}

fn class_prediction(output: &OutputField) -> Value {
    let classes = output.classes.as_deref().unwrap_or_default();
    let share = json!({"type": "number", "minimum": 0, "maximum": 1});
    let shares: Map<String, Value> = classes
        .iter()
        .map(|class| (class.clone(), share.clone()))
        .collect();
    json!({
        "type": "object",
        "description": output.name,
        "required": ["label", "probabilities"],
        "properties": {
            "label": {"type": "string", "enum": classes, "description": "The most probable class"},
            "probabilities": {
                "type": "object",
                "description": "Of each class; they add up to 1",
                "required": classes,
                "properties": shares,
            },
        },
    })
}

/// As `domain::predictions::Explanation`, with the names of the signature.
fn explanations(signature: &Signature) -> Value {
    let number = json!({"type": "number"});
    let inputs = signature.inputs.iter();
    let inputs: Map<String, Value> = inputs
        .map(|input| (input.name.clone(), number.clone()))
        .collect();
    let base = json!({"type": "number", "description": "What the model says of the training rows on average"});
    let contributions = json!({
        "type": "object",
        "description": "What each input adds to that",
        "properties": inputs,
    });
    let scale = json!({
        "type": "string",
        "enum": Scale::ALL.map(Scale::as_str),
        "description": "What base and contributions add up to",
    });
    let single = json!({
        "type": "object",
        "required": ["scale", "base", "contributions"],
        "properties": {
            "scale": scale, "base": base, "contributions": contributions,
            "class": {"type": "string", "description": "Of two classes the one that it is about"},
        },
    });
    let of_class = json!({
        "type": "object",
        "required": ["base", "contributions"],
        "properties": {"base": base, "contributions": contributions},
    });
    let item = match signature.output.task {
        Task::Regression => single,
        Task::Classification => {
            let classes = json!({
                "type": "object",
                "required": ["scale", "classes"],
                "properties": {
                    "scale": scale,
                    "classes": {"type": "object", "additionalProperties": of_class},
                },
            });
            json!({"oneOf": [single, classes]})
        }
    };
    json!({"type": "array", "description": "One a row, when they were asked for", "items": item})
}

fn row(inputs: &[InputField]) -> Value {
    let required: Vec<&str> = inputs
        .iter()
        .filter(|input| !input.nullable)
        .map(|input| input.name.as_str())
        .collect();
    let properties: Map<String, Value> = inputs
        .iter()
        .map(|input| (input.name.clone(), property(input)))
        .collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

/// What the model has seen is told as text and examples, never as a bound: other values are taken, too. The bounds of a
/// whole number are those of 64 bits, and hold.
fn property(input: &InputField) -> Value {
    let kind = match input.kind {
        ColumnType::Integer => "integer",
        ColumnType::Float => "number",
        ColumnType::Boolean => "boolean",
        ColumnType::String => "string",
    };
    let mut schema = BTreeMap::from([(
        "type",
        if input.nullable {
            json!([kind, "null"])
        } else {
            json!(kind)
        },
    )]);
    if input.kind == ColumnType::Integer {
        schema.insert("minimum", json!(i64::MIN));
        schema.insert("maximum", json!(i64::MAX));
    }
    let description = remarks(input).join(" ");
    if !description.is_empty() {
        schema.insert("description", json!(description));
    }
    let examples = examples(input);
    if !examples.is_empty() {
        schema.insert("examples", json!(examples));
    }
    json!(schema)
}

fn remarks(input: &InputField) -> Vec<String> {
    let mut remarks = Vec::new();
    if let (Some(min), Some(max)) = (input.min, input.max) {
        remarks.push(format!(
            "{min} to {max} in the training table; other values are taken, too."
        ));
    }
    if let Some(categories) = &input.categories
        && input.kind == ColumnType::String
    {
        remarks.push(format!(
            "{} categories in the training table; any other text counts as {}.",
            categories.len(),
            input.unseen.as_deref().unwrap_or("\"other\"")
        ));
    }
    match input.format {
        Some(TextFormat::Date) => remarks.push(format!("{} (a day).", capital(dates::EXPECTED))),
        Some(TextFormat::Timestamp) => remarks.push(format!(
            "{}; in UTC where it says no zone.",
            capital(dates::EXPECTED)
        )),
        None => {}
    }
    if let Some(transform) = &input.transform {
        remarks.push(format!("The model takes {transform}."));
    }
    if input.nullable {
        remarks.push(match &input.impute {
            Some(impute) => format!("When it is null or left out, {impute} stands in."),
            None => "May be null or left out.".to_owned(),
        });
    }
    remarks
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The training table's example first, then its other categories.
fn examples(input: &InputField) -> Vec<Value> {
    let mut examples: Vec<Value> = input.example.iter().cloned().collect();
    if input.kind == ColumnType::String {
        let categories = input.categories.iter().flatten().map(|name| json!(name));
        let others: Vec<Value> = categories.filter(|name| !examples.contains(name)).collect();
        examples.extend(others);
    }
    examples.truncate(MAX_EXAMPLES);
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, kind: ColumnType, nullable: bool) -> InputField {
        InputField {
            name: name.to_owned(),
            kind,
            nullable,
            categories: None,
            min: None,
            max: None,
            format: None,
            impute: None,
            unseen: None,
            transform: None,
            example: None,
        }
    }

    #[test]
    fn a_row_has_the_signatures_names_and_types_and_no_others() {
        let found = row(&[
            input("rooms", ColumnType::Integer, false),
            input("a/b \"c\"", ColumnType::Float, true),
        ]);
        assert_eq!(found["required"], json!(["rooms"]));
        assert_eq!(found["additionalProperties"], json!(false));
        assert_eq!(found["properties"]["rooms"]["type"], "integer");
        assert_eq!(
            found["properties"]["a/b \"c\""]["type"],
            json!(["number", "null"])
        );
    }

    #[test]
    fn a_classifiers_labels_are_listed() {
        let classes = vec!["no".to_owned(), "so \"so\"".to_owned()];
        let found = response(&OutputField::classification("kind", classes.clone()));
        let item = &found["properties"]["predictions"]["items"];
        assert_eq!(item["properties"]["label"]["enum"], json!(classes));
        assert_eq!(
            item["properties"]["probabilities"]["required"],
            json!(classes)
        );
        let number = response(&OutputField::regression("price"));
        assert_eq!(
            number["properties"]["predictions"]["items"]["type"],
            "number"
        );
    }

    #[test]
    fn only_what_is_refused_is_out_of_bounds() {
        let seen = InputField {
            min: Some(1.0),
            max: Some(9.5),
            example: Some(json!(4)),
            ..input("rooms", ColumnType::Integer, false)
        };
        let found = property(&seen);
        assert_eq!(found["minimum"], json!(i64::MIN));
        assert_eq!(found["examples"], json!([4]));
        assert!(
            found["description"]
                .as_str()
                .unwrap()
                .starts_with("1 to 9.5 in")
        );
        let float = property(&InputField {
            kind: ColumnType::Float,
            ..seen
        });
        assert!(float.get("minimum").is_none() && float.get("maximum").is_none());
    }

    #[test]
    fn categories_are_examples_since_others_are_taken() {
        let place = InputField {
            categories: Some(vec!["INLAND".to_owned(), "NEAR BAY".to_owned()]),
            example: Some(json!("NEAR BAY")),
            impute: Some("most frequent \"INLAND\"".to_owned()),
            ..input("place", ColumnType::String, true)
        };
        let found = property(&place);
        assert!(found.get("enum").is_none());
        assert_eq!(found["examples"], json!(["NEAR BAY", "INLAND"]));
        let description = found["description"].as_str().unwrap();
        assert!(
            description.contains("\"other\"") && description.contains("most frequent \"INLAND\""),
            "{description}"
        );
    }
}
