//! What an engine says of its model, and what is given of it, as a signature and the tensors that it stands for.

mod output;

use std::collections::HashMap;

use domain::FieldError;
use domain::datasets::{ColumnType, MAX_COLUMNS};
use domain::models::{
    GivenInput, GivenSignature, InputField, REMOTE, RemoteEndpoint, Signature, is_input_name,
};
use model::{Artifact, Body, Datatype, Remote, RemoteTensor};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use output::Chosen;

/// What is wrong with what an engine says of itself is wrong with the model that was named.
const MODEL: &str = "/remote/model";
/// Longest word of an engine that is repeated, in characters.
const LONGEST_WORD: usize = 20;

/// A model as its engine describes it. What is not named here is passed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    #[serde(default)]
    pub inputs: Vec<TensorMetadata>,
    #[serde(default)]
    pub outputs: Vec<TensorMetadata>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct TensorMetadata {
    pub name: String,
    pub datatype: String,
    pub shape: Vec<i64>,
    #[serde(default)]
    pub parameters: Option<Map<String, Json>>,
}

/// Columns of a tensor whose first dimension is the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    /// `[rows]`
    One,
    /// `[rows, columns]`; as many as one likes without a number.
    Matrix(Option<usize>),
}

impl TensorMetadata {
    /// # Errors
    /// One that is not known, shortened to what can be shown.
    fn datatype(&self) -> Result<Datatype, FieldError> {
        Datatype::from_text(&self.datatype).ok_or_else(|| {
            let expected = format!(
                "tensors of the protocol's datatypes; {} has another",
                self.shown()
            );
            FieldError::new(MODEL, "unknown_datatype", expected).got(word(&self.datatype))
        })
    }

    fn columns(&self) -> Option<Columns> {
        match *self.shape {
            [rows] if rows < 1 => Some(Columns::One),
            [rows, columns] if rows < 1 => match usize::try_from(columns) {
                Ok(columns) if columns > 0 => Some(Columns::Matrix(Some(columns))),
                Ok(_) => None,
                Err(_) => Some(Columns::Matrix(None)),
            },
            _ => None,
        }
    }

    fn shape_error(&self, expected: &str) -> FieldError {
        let expected = format!("{expected}; {} has another shape", self.shown());
        FieldError::new(MODEL, "unknown_shape", expected).got(format!("{:?}", self.shape))
    }

    fn shown(&self) -> String {
        let name: String = self.name.chars().take(LONGEST_WORD).collect();
        format!("{name:?}")
    }

    fn parameter(&self, name: &str) -> Option<&Json> {
        self.parameters.as_ref()?.get(name)
    }
}

/// Letters, digits and underscores, and not too many.
fn word(text: &str) -> String {
    let plain = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_');
    plain.take(LONGEST_WORD).collect()
}

/// The version that this engine computes.
///
/// # Errors
/// What does not fit, field by field: of the model at the engine, or of what was given.
pub fn wire(
    endpoint: RemoteEndpoint,
    params: Map<String, Json>,
    metadata: &Metadata,
    given: &GivenSignature,
) -> Result<Artifact, Vec<FieldError>> {
    let (inputs, tensors) = inputs(metadata, &given.inputs)?;
    let Chosen {
        field,
        tensor,
        answer,
    } = output::choose(metadata, &given.output).map_err(|error| vec![error])?;
    let artifact = Artifact {
        algorithm: REMOTE.to_owned(),
        params,
        signature: Signature {
            inputs,
            output: field,
        },
        body: Body::Remote(Remote {
            endpoint,
            tensors,
            output: tensor,
            answer,
        }),
        background: None,
    };
    match artifact.check() {
        Ok(()) => Ok(artifact),
        Err(error) => Err(vec![FieldError::new(
            "/signature",
            "invalid",
            format!("a signature that fits the engine's tensors: {error}"),
        )]),
    }
}

type Wired = (Vec<InputField>, Vec<RemoteTensor>);

fn inputs(metadata: &Metadata, given: &[GivenInput]) -> Result<Wired, Vec<FieldError>> {
    match metadata.inputs.as_slice() {
        [] => {
            let expected = "a model whose inputs the engine names: it lists none, so declare them there \
                            (MLServer has them in model-settings.json)";
            Err(vec![FieldError::new(MODEL, "missing", expected)])
        }
        inputs if inputs.len() > MAX_COLUMNS => {
            let expected = format!("a model of at most {MAX_COLUMNS} inputs");
            Err(vec![FieldError::new(MODEL, "out_of_range", expected)])
        }
        [tensor] => match tensor.columns() {
            Some(Columns::Matrix(columns)) if columns != Some(1) => matrix(tensor, columns, given),
            _ => named(&metadata.inputs, given),
        },
        tensors => named(tensors, given),
    }
}

/// All columns in one tensor: what they are called is for the caller to say.
fn matrix(
    tensor: &TensorMetadata,
    columns: Option<usize>,
    given: &[GivenInput],
) -> Result<Wired, Vec<FieldError>> {
    let datatype = tensor.datatype().map_err(|error| vec![error])?;
    let wrong = |expected: String| {
        let error = FieldError::new("/signature/inputs", "missing", expected);
        vec![error.got(format!("{} inputs", given.len()))]
    };
    let name = tensor.shown();
    match columns {
        Some(columns) if columns > MAX_COLUMNS => {
            return Err(vec![tensor.shape_error("at most 4096 columns")]);
        }
        Some(columns) if columns != given.len() => {
            return Err(wrong(format!(
                "a name for each of the {columns} columns of {name}, in their order"
            )));
        }
        None if given.is_empty() => {
            return Err(wrong(format!(
                "a name for each column of {name}, in their order"
            )));
        }
        Some(_) | None => {}
    }
    let mut errors = Vec::new();
    let mut fields = Vec::with_capacity(given.len());
    for (place, given) in given.iter().enumerate() {
        match field(&given.name, datatype, false, Some((place, given))) {
            Ok(field) => fields.push(field),
            Err(error) => errors.push(error),
        }
    }
    let tensor = RemoteTensor {
        name: tensor.name.clone(),
        datatype,
        columns: fields.len(),
        is_matrix: true,
    };
    if errors.is_empty() {
        Ok((fields, vec![tensor]))
    } else {
        Err(errors)
    }
}

/// A tensor for each column: what is given is said of some of them.
fn named(tensors: &[TensorMetadata], given: &[GivenInput]) -> Result<Wired, Vec<FieldError>> {
    let mut said: HashMap<&str, (usize, &GivenInput)> = given
        .iter()
        .enumerate()
        .map(|(place, given)| (given.name.as_str(), (place, given)))
        .collect();
    let mut errors = Vec::new();
    let (mut fields, mut wired) = (Vec::new(), Vec::new());
    for tensor in tensors {
        let of_tensor = said.remove(tensor.name.as_str());
        match named_one(tensor, of_tensor) {
            Ok((field, tensor)) => {
                fields.push(field);
                wired.push(tensor);
            }
            Err(error) => errors.push(error),
        }
    }
    let mut unknown: Vec<usize> = said.values().map(|(place, _)| *place).collect();
    unknown.sort_unstable();
    for place in unknown {
        let names: Vec<_> = tensors.iter().take(20).map(TensorMetadata::shown).collect();
        let expected = format!("one of the engine's inputs: {}", names.join(", "));
        let pointer = format!("/signature/inputs/{place}/name");
        errors.push(FieldError::new(pointer, "invalid", expected).got(given[place].name.as_str()));
    }
    if errors.is_empty() {
        Ok((fields, wired))
    } else {
        Err(errors)
    }
}

fn named_one(
    tensor: &TensorMetadata,
    given: Option<(usize, &GivenInput)>,
) -> Result<(InputField, RemoteTensor), FieldError> {
    if !is_input_name(&tensor.name) {
        let expected = "inputs whose names have 1 to 200 characters";
        return Err(FieldError::new(MODEL, "invalid", expected));
    }
    let datatype = tensor.datatype()?;
    let is_matrix = match tensor.columns() {
        Some(Columns::One) => false,
        Some(Columns::Matrix(Some(1) | None)) => true,
        Some(Columns::Matrix(Some(_))) | None => {
            return Err(tensor.shape_error(
                "a tensor of one column for each input, [-1] or [-1, 1], or a single one of [-1, columns]",
            ));
        }
    };
    let nullable = tensor.parameter("nullable").and_then(Json::as_bool);
    let field = field(&tensor.name, datatype, nullable.unwrap_or(false), given)?;
    let tensor = RemoteTensor {
        name: tensor.name.clone(),
        datatype,
        columns: 1,
        is_matrix,
    };
    Ok((field, tensor))
}

/// One input of the signature, which comes in this datatype.
fn field(
    name: &str,
    datatype: Datatype,
    nullable: bool,
    given: Option<(usize, &GivenInput)>,
) -> Result<InputField, FieldError> {
    let place = given.map_or(0, |(place, _)| place);
    let said = given.map(|(_, given)| given);
    let kind = said.and_then(|given| given.kind).unwrap_or(datatype.kind());
    let wrong = |member: &str, expected: String| {
        let pointer = format!("/signature/inputs/{place}/{member}");
        FieldError::new(pointer, "invalid", expected)
    };
    if !datatype.suits(kind) {
        let expected = format!("a type that {} can hold", datatype.as_str());
        return Err(wrong("type", expected).got(kind.as_str()));
    }
    let categories = match kind {
        ColumnType::Boolean => Some(vec!["false".to_owned(), "true".to_owned()]),
        ColumnType::String => said.and_then(|given| given.categories.clone()),
        ColumnType::Integer | ColumnType::Float => None,
    };
    let range = |bound: Option<f64>| bound.filter(|_| kind.is_numeric());
    let (min, max) = said.map_or((None, None), |given| (range(given.min), range(given.max)));
    let example = said.and_then(|given| given.example.clone());
    let first = categories.as_deref().and_then(<[_]>::first);
    let example = example.unwrap_or_else(|| match kind {
        ColumnType::Boolean => Json::from(false),
        ColumnType::String => Json::from(first.map_or("text", String::as_str)),
        ColumnType::Integer => Json::from(min.map_or(0, |min| min as i64)),
        ColumnType::Float => Json::from(min.unwrap_or(0.0)),
    });
    Ok(InputField {
        name: name.to_owned(),
        kind,
        nullable: said.and_then(|given| given.nullable).unwrap_or(nullable),
        categories,
        min,
        max,
        format: None,
        impute: said.and_then(|given| given.impute.clone()),
        unseen: None,
        transform: None,
        example: Some(example),
    })
}
