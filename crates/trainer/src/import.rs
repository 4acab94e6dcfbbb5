//! An ONNX file, looked at: what it takes and gives, tried out with rows, and made an artifact.

mod answer;
mod columns;
mod trial;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::FieldError;
use domain::models::{GivenSignature, MAX_ONNX_BYTES, Signature};
use domain::training_runs::RunError;
use model::{Artifact, Body, Feed, Onnx, Predictor, Value, Wiring, check_value};
use onnx::Model;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use self::answer::Answered;
use self::columns::Columns;
use self::trial::Trial;
use crate::failure::failure;

/// The longest time that a row may take.
const SLOWEST: Duration = Duration::from_secs(1);
/// Of a version that was imported.
const ALGORITHM: &str = "onnx";

/// An ONNX file as an artifact.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The artifact file: see [`model::decode`].
    pub artifact: Vec<u8>,
    /// Where it comes from: the file's hash, its size, what wrote it, and what stood out.
    pub params: Map<String, Json>,
    pub signature: Signature,
}

/// Why a file is not imported.
#[derive(Clone, Debug, PartialEq)]
pub enum NotImported {
    /// The file's or the signature's fault: what is wrong, by the part of the request.
    Refused(Vec<FieldError>),
    Failed(RunError),
}

/// Makes an artifact of the ONNX file at `path`. What `given` says of its signature holds, the rest is taken from the file.
///
/// # Errors
/// What is wrong with the file or with what was given.
pub fn import(path: &Path, given: &GivenSignature) -> Result<Imported, NotImported> {
    given.check().map_err(NotImported::Refused)?;
    let file: Arc<[u8]> = read(path)?.into();
    let model = Model::read(&file).map_err(|refused| {
        let expected = format!("an ONNX model that can be run here: {refused}");
        of_file("unsupported", expected)
    })?;
    let columns = Columns::of(&model, &file, &given.inputs)?;

    let feed = Feed::new(&model, &columns.wired, &columns.inputs);
    let typical = trial::typical(&columns.inputs);
    let outputs = quick_enough(|| feed.run(&[&typical]))?.map_err(|error| {
        let expected = format!(
            "a model that answers for a row of its inputs' examples: {error}; if no row of zeros makes sense to it, give examples in the signature"
        );
        of_file("invalid", expected)
    })?;
    let Answered {
        answer,
        output,
        title,
    } = answer::of(&model, &outputs, &given.output)?;

    let make = |columns: &Columns, together: bool, closed: Vec<usize>| {
        let wiring = Wiring {
            columns: columns.wired.clone(),
            answer,
            together,
            closed,
        };
        Artifact {
            algorithm: ALGORITHM.to_owned(),
            params: Map::new(),
            signature: Signature {
                inputs: columns.inputs.clone(),
                output: output.clone(),
            },
            body: Body::Onnx(Onnx::of(Arc::clone(&file), model.clone(), wiring)),
            background: None,
        }
    };
    let [apart, together] =
        [false, true].map(|together| Predictor::new(&make(&columns, together, Vec::new())));
    let trial = Trial::new(&model, &apart, &together, typical);
    trial.check_typical(&output, &title)?;
    let nullable = trial.nullable(&columns)?;
    let closed = trial.closed(&columns.inputs);
    let mut columns = columns;
    for (input, nullable) in columns.inputs.iter_mut().zip(nullable) {
        input.nullable = nullable;
    }
    let mut artifact = make(&columns, trial.together(), closed.clone());
    artifact.params = params(&file, &model, notes(&trial, &columns, &closed));

    let bytes = model::encode(&artifact).map_err(|error| of_file("invalid", unfit(&error)))?;
    let artifact = model::decode(&bytes).map_err(|error| of_file("invalid", unfit(&error)))?;
    check_examples(&Predictor::new(&artifact), &columns)?;
    Ok(Imported {
        artifact: bytes,
        params: artifact.params,
        signature: artifact.signature,
    })
}

/// What comes of a row, unless it takes so long that one request would keep a server busy. Once may be chance.
fn quick_enough<T>(run: impl Fn() -> T) -> Result<T, NotImported> {
    let mut took = Duration::ZERO;
    for _ in 0..2 {
        let start = Instant::now();
        let outputs = run();
        took = start.elapsed();
        if took <= SLOWEST {
            return Ok(outputs);
        }
    }
    let expected = format!(
        "a model that answers for a row within {} s, and not after {:.1} s: export a smaller one",
        SLOWEST.as_secs(),
        took.as_secs_f64()
    );
    Err(of_file("unsupported", expected))
}

fn unfit(error: &model::ArtifactError) -> String {
    format!("an ONNX model that can be kept: {error}")
}

fn read(path: &Path) -> Result<Vec<u8>, NotImported> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(MAX_ONNX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        NotImported::Failed(failure(
            "internal",
            format!("the file could not be read: {}", error.kind()),
            "Send it again.",
        ))
    })?;
    if bytes.len() as u64 > MAX_ONNX_BYTES {
        let expected = format!("at most {MAX_ONNX_BYTES} bytes");
        return Err(of_file("out_of_range", expected));
    }
    Ok(bytes)
}

/// Whether the examples, which pages and snippets show, are rows that the model takes.
fn check_examples(predictor: &Predictor, columns: &Columns) -> Result<(), NotImported> {
    let mut errors = Vec::new();
    for (slot, (input, asked)) in columns.inputs.iter().zip(&columns.asked).enumerate() {
        let Some(example) = &input.example else {
            continue;
        };
        if let Err((code, expected)) = check_value(predictor, slot, example) {
            let error = FieldError::new(asked.pointer("example"), code, expected);
            errors.push(error.got(example.to_string()));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(NotImported::Refused(errors))
    }
}

fn params(file: &[u8], model: &Model, notes: Vec<String>) -> Map<String, Json> {
    let mut params = Map::new();
    params.insert(
        "file_sha256".to_owned(),
        json!(hex::encode(Sha256::digest(file))),
    );
    params.insert("file_bytes".to_owned(), json!(file.len()));
    if let Some(producer) = model.producer() {
        let producer: String = producer.chars().take(100).collect();
        params.insert("producer".to_owned(), json!(producer));
    }
    if !notes.is_empty() {
        params.insert("notes".to_owned(), json!(notes));
    }
    params
}

/// What whoever imports should know of how the model was taken.
fn notes(trial: &Trial<'_>, columns: &Columns, closed: &[usize]) -> Vec<String> {
    const SHOWN: usize = 20;
    let listed = |places: &[usize]| {
        let names = places.iter().take(SHOWN).map(|&place| {
            let input = columns.inputs.get(place);
            input.map_or("", |input| input.name.as_str())
        });
        let names = names.collect::<Vec<_>>().join(", ");
        match places.len().saturating_sub(SHOWN) {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    };
    let mut notes = Vec::new();
    if !closed.is_empty() {
        let names = listed(closed);
        notes.push(format!(
            "the model has no answer for texts besides the categories, which are refused: {names}"
        ));
    }
    let found: Vec<usize> = (0..columns.inputs.len())
        .filter(|&place| columns.inputs[place].nullable && columns.asked[place].nullable.is_none())
        .collect();
    if !found.is_empty() {
        let names = listed(&found);
        notes.push(format!(
            "the model answers where these are missing, which is allowed therefore: {names}"
        ));
    }
    if !trial.together() {
        notes.push(
            "rows that go through the model at once do not come out as each does alone, so they go one by one"
                .to_owned(),
        );
    }
    notes
}

/// A fault of the file.
fn of_file(code: &str, expected: impl Into<String>) -> NotImported {
    NotImported::Refused(vec![FieldError::new("/file", code, expected)])
}

/// A row of the inputs, in the signature's order.
type Row = Vec<Value>;
