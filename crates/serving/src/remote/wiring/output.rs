use domain::FieldError;
use domain::models::{GivenOutput, OutputField, Task, is_input_name};
use domain::training_runs::{MAX_CLASS_NAME, MAX_CLASSES};
use model::{Datatype, RemoteAnswer};
use serde_json::Value as Json;

use super::{Columns, MODEL, Metadata, TensorMetadata};

/// Which of an engine's outputs is the prediction.
pub(super) struct Chosen {
    pub(super) field: OutputField,
    /// Its name there.
    pub(super) tensor: String,
    pub(super) answer: RemoteAnswer,
}

/// # Errors
/// Why none of them can be, or what is to be said to tell which one is.
pub(super) fn choose(metadata: &Metadata, given: &GivenOutput) -> Result<Chosen, FieldError> {
    let outputs = metadata.outputs.as_slice();
    if outputs.is_empty() {
        let expected = "a model whose outputs the engine names: it lists none, so declare them there \
                        (MLServer has them in model-settings.json)";
        return Err(FieldError::new(MODEL, "missing", expected));
    }
    // What is given may also be no more than what people call it.
    let named = given.name.as_deref();
    let asked = named.and_then(|name| outputs.iter().find(|output| output.name == name));
    let candidates = asked.map_or(outputs, std::slice::from_ref);
    let told = || candidates.iter().find_map(classes_of);
    let classes = given.classes.clone().or_else(told);
    let task = given.task.unwrap_or_else(|| {
        let is_label =
            |output: &TensorMetadata| matches!(output.datatype.as_str(), "BYTES" | "BOOL");
        if classes.is_some() || candidates.iter().all(is_label) {
            Task::Classification
        } else {
            Task::Regression
        }
    });
    let (answers, classes) = match task {
        Task::Regression => (vec![RemoteAnswer::Number], None),
        Task::Classification => {
            let classes = classes.ok_or_else(|| {
                let expected = "the classes, in the order of the engine's probabilities: it does not name them";
                FieldError::new("/signature/output/classes", "missing", expected)
            })?;
            let answers = vec![
                RemoteAnswer::Probabilities,
                RemoteAnswer::Label,
                RemoteAnswer::Probability,
            ];
            (answers, Some(classes))
        }
    };
    let count = classes.as_ref().map_or(1, Vec::len);
    for answer in answers {
        let mut fitting = Vec::new();
        for output in candidates {
            if fits(output, answer, count)? {
                fitting.push(output);
            }
        }
        let tensor = match fitting.as_slice() {
            [] => continue,
            [tensor] => tensor.name.clone(),
            several => {
                let names: Vec<_> = several
                    .iter()
                    .take(20)
                    .map(|output| output.shown())
                    .collect();
                let expected = format!("which output is the prediction: {}", names.join(", "));
                return Err(FieldError::new(
                    "/signature/output/name",
                    "missing",
                    expected,
                ));
            }
        };
        let name = named.map_or_else(|| tensor.clone(), str::to_owned);
        if !is_input_name(&name) {
            let expected = "an output whose name has 1 to 200 characters";
            return Err(FieldError::new(MODEL, "invalid", expected));
        }
        return Ok(Chosen {
            field: OutputField {
                name,
                task,
                classes,
            },
            tensor,
            answer,
        });
    }
    let expected = match task {
        Task::Regression => "an output with one number for each row, [-1] or [-1, 1]".to_owned(),
        Task::Classification => format!(
            "an output with a label for each row, or with the probabilities of {count} classes, [-1, {count}]"
        ),
    };
    let shapes: Vec<_> = candidates
        .iter()
        .take(5)
        .map(|output| &output.shape)
        .collect();
    Err(FieldError::new(MODEL, "unknown_shape", expected).got(format!("{shapes:?}")))
}

/// Whether an output may be such an answer, about so many classes.
fn fits(output: &TensorMetadata, answer: RemoteAnswer, classes: usize) -> Result<bool, FieldError> {
    let datatype = output.datatype()?;
    let is_float = matches!(datatype, Datatype::Fp16 | Datatype::Fp32 | Datatype::Fp64);
    let Some(columns) = output.columns() else {
        return Ok(false);
    };
    let is_column = matches!(columns, Columns::One | Columns::Matrix(Some(1)));
    Ok(match answer {
        RemoteAnswer::Number => is_column && (is_float || datatype.whole_range().is_some()),
        RemoteAnswer::Probabilities => {
            is_float
                && matches!(columns, Columns::Matrix(width) if width.is_none_or(|width| width == classes))
        }
        RemoteAnswer::Probability => is_float && is_column && classes == 2,
        RemoteAnswer::Label => is_column && !is_float,
    })
}

/// As engines say it that are known to.
fn classes_of(output: &TensorMetadata) -> Option<Vec<String>> {
    let told = output.parameter("classes")?;
    let told = match told {
        // Over gRPC a parameter is a text.
        Json::String(text) => serde_json::from_str(text).ok()?,
        told => told.clone(),
    };
    let classes: Vec<String> = serde_json::from_value(told).ok()?;
    let is_class = |class: &String| {
        let length = class.chars().count();
        (1..=MAX_CLASS_NAME).contains(&length)
    };
    let fits = (2..=MAX_CLASSES).contains(&classes.len()) && classes.iter().all(is_class);
    fits.then_some(classes)
}
