//! Rows as a request of the protocol: a tensor for each column, or one for all of them.

use domain::datasets::ColumnType;
use domain::models::InputField;
use model::{Datatype, OTHER, Predictor, Remote, RemoteTensor, Value};
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::Trouble;
use crate::request::Rows;

#[derive(Serialize)]
struct Request<'a> {
    inputs: Vec<Input<'a>>,
    outputs: [Output<'a>; 1],
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Input<'a> {
    name: &'a str,
    shape: Vec<usize>,
    datatype: Datatype,
    data: Data<'a>,
}

/// The values of some columns, row by row.
struct Data<'a> {
    datatype: Datatype,
    first: usize,
    inputs: &'a [InputField],
    rows: &'a Rows,
    texts: Option<&'a Texts>,
}

/// The inputs as they were sent. Of a text that the signature does not name, rows say no more than that.
struct Texts(Vec<Json>);

impl Texts {
    /// `inputs`: one row, or a list of them.
    fn of(inputs: &[u8]) -> Option<Self> {
        match serde_json::from_slice(inputs).ok()? {
            Json::Array(rows) => Some(Self(rows)),
            row @ Json::Object(_) => Some(Self(vec![row])),
            _ => None,
        }
    }

    fn text(&self, row: usize, input: &str) -> Option<&str> {
        self.0.get(row)?.get(input)?.as_str()
    }
}

/// The body of a request for these rows. `inputs` are the same rows as JSON, as they were sent.
///
/// # Errors
/// `Unsaid` where the inputs have no text for what the signature does not name; none for rows that were checked, with the inputs
/// that they were made of.
pub fn infer(
    remote: &Remote,
    predictor: &Predictor,
    rows: &Rows,
    inputs: Option<&[u8]>,
) -> Result<Vec<u8>, Trouble> {
    let is_other = |value: &Value| *value == Value::Category(OTHER);
    let has_others = rows.iter().any(|row| row.iter().any(is_other));
    let texts = match inputs {
        Some(inputs) if has_others => Texts::of(inputs),
        _ => None,
    };
    let fields = &predictor.signature().inputs;
    if has_others {
        check_others(fields, rows, texts.as_ref())?;
    }
    let mut first = 0;
    let mut tensors = Vec::with_capacity(remote.tensors.len());
    for tensor in &remote.tensors {
        let RemoteTensor {
            name,
            datatype,
            columns,
            is_matrix,
        } = tensor;
        let mut shape = vec![rows.len()];
        if *is_matrix {
            shape.push(*columns);
        }
        tensors.push(Input {
            name,
            shape,
            datatype: *datatype,
            data: Data {
                datatype: *datatype,
                first,
                inputs: fields.get(first..first + columns).unwrap_or_default(),
                rows,
                texts: texts.as_ref(),
            },
        });
        first += columns;
    }
    let request = Request {
        inputs: tensors,
        outputs: [Output {
            name: &remote.output,
        }],
    };
    serde_json::to_vec(&request)
        .map_err(|_| Trouble::Malformed("the rows can not be written as a request".to_owned()))
}

fn check_others(fields: &[InputField], rows: &Rows, texts: Option<&Texts>) -> Result<(), Trouble> {
    for (place, row) in rows.iter().enumerate() {
        for (input, value) in fields.iter().zip(row) {
            let is_said = || texts.is_some_and(|texts| texts.text(place, &input.name).is_some());
            if *value == Value::Category(OTHER) && !is_said() {
                return Err(Trouble::Unsaid {
                    row: place,
                    input: input.name.clone(),
                });
            }
        }
    }
    Ok(())
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let count = self.rows.len() * self.inputs.len();
        let mut data = serializer.serialize_seq(Some(count))?;
        for (place, row) in self.rows.iter().enumerate() {
            let values = row.iter().skip(self.first);
            for (input, value) in self.inputs.iter().zip(values) {
                let cell = Cell {
                    datatype: self.datatype,
                    input,
                    value: *value,
                    texts: self.texts,
                    row: place,
                };
                data.serialize_element(&cell)?;
            }
        }
        data.end()
    }
}

struct Cell<'a> {
    datatype: Datatype,
    input: &'a InputField,
    value: Value,
    texts: Option<&'a Texts>,
    row: usize,
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.value, self.input.kind) {
            (Value::Missing, _) => serializer.serialize_none(),
            (Value::Category(index), ColumnType::Boolean) => serializer.serialize_bool(index == 1),
            (Value::Category(OTHER), _) => {
                let sent = self.texts;
                match sent.and_then(|texts| texts.text(self.row, &self.input.name)) {
                    Some(text) => serializer.serialize_str(text),
                    None => Err(serde::ser::Error::custom("a text is not known")),
                }
            }
            (Value::Category(index), _) => {
                let categories = self.input.categories.as_deref().unwrap_or_default();
                match categories.get(index as usize) {
                    Some(text) => serializer.serialize_str(text),
                    None => Err(serde::ser::Error::custom("a category is not known")),
                }
            }
            (Value::Number(number), _) if self.datatype.whole_range().is_some() => {
                // Rows were checked to be whole, and to fit.
                serializer.serialize_i128(number as i128)
            }
            (Value::Number(number), _) if self.datatype == Datatype::Fp64 => {
                serializer.serialize_f64(number)
            }
            (Value::Number(number), _) => serializer.serialize_f32(number as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::models::{OutputField, RemoteEndpoint, RemoteProtocol, Signature};
    use model::{Artifact, Body, RemoteAnswer};
    use serde_json::json;

    use super::*;

    fn remote() -> (Remote, Predictor) {
        let place = InputField {
            name: "a/place".to_owned(),
            kind: ColumnType::String,
            nullable: true,
            categories: Some(vec!["INLAND".to_owned()]),
            min: None,
            max: None,
            format: None,
            impute: None,
            unseen: None,
            transform: None,
            example: None,
        };
        let remote = Remote {
            endpoint: RemoteEndpoint {
                protocol: RemoteProtocol::OipV2,
                url: "http://a".to_owned(),
                model: "m".to_owned(),
                version: None,
                timeout_ms: None,
            },
            tensors: vec![RemoteTensor {
                name: "a/place".to_owned(),
                datatype: Datatype::Bytes,
                columns: 1,
                is_matrix: false,
            }],
            output: "y".to_owned(),
            answer: RemoteAnswer::Number,
        };
        let predictor = Predictor::new(&Artifact {
            algorithm: "remote".to_owned(),
            params: serde_json::Map::new(),
            signature: Signature {
                inputs: vec![place],
                output: OutputField::regression("y"),
            },
            body: Body::Remote(remote.clone()),
            background: None,
        });
        (remote, predictor)
    }

    #[test]
    fn a_text_goes_as_it_came_and_one_that_nobody_knows_is_the_caller_s_to_mend() {
        let (remote, predictor) = remote();
        let mut rows = Rows::of_width(1);
        for value in [Value::Category(0), Value::Missing, Value::Category(OTHER)] {
            rows.push(&[value]);
        }
        let sent = |texts: &Json| {
            let inputs = texts.to_string();
            infer(&remote, &predictor, &rows, Some(inputs.as_bytes()))
        };
        let body = sent(&json!([{}, {}, {"a/place": "12345"}])).unwrap();
        let body: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["inputs"][0]["data"], json!(["INLAND", null, "12345"]));
        for texts in [
            json!([{}, {}, {"a/place": 12345}]),
            json!([{}, {}, ["12345"]]),
            json!([]),
        ] {
            let trouble = sent(&texts).unwrap_err();
            let error = trouble.of_caller().unwrap();
            assert_eq!(
                (error.pointer.as_str(), error.row),
                ("/inputs/a~1place", Some(2))
            );
        }
        assert!(infer(&remote, &predictor, &rows, None).is_err());
    }
}
