//! Which of a file's outputs is the prediction.

use domain::FieldError;
use domain::models::{GivenOutput, OutputField, Task, is_input_name};
use domain::training_runs::{MAX_CLASS_NAME, MAX_CLASSES};
use model::Answer;
use onnx::{Element, Model, Tensor};

use super::{NotImported, of_file};

/// What a file predicts.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) output: OutputField,
    /// The file's output, as it names it.
    pub(super) title: String,
}

/// `outputs` are what the file gives for one row.
pub(super) fn of(
    model: &Model,
    outputs: &[Tensor],
    given: &GivenOutput,
) -> Result<Answered, NotImported> {
    let place = choose(model, given)?;
    let title = model.outputs()[place].name.clone();
    let width = width(&title, outputs.get(place))?;

    let says_classes = has_label(model, place) || model.classes().is_some();
    let is_told = given.task.is_some() || given.classes.is_some();
    let task = match given.task {
        Some(task) => task,
        None if given.classes.is_some() || says_classes || width > 1 => Task::Classification,
        None => Task::Regression,
    };
    let name = match &given.name {
        Some(name) => name.clone(),
        None if is_input_name(&title) => title.clone(),
        None => "prediction".to_owned(),
    };
    if task == Task::Regression {
        if width > 1 {
            let expected = format!(
                "one number for each row: the output {title:?} has {width}; export a model that predicts one"
            );
            return Err(of_file("unsupported", expected));
        }
        return Ok(Answered {
            answer: Answer::Number { output: place },
            output: OutputField::regression(name),
            title,
        });
    }
    if width > 1 && !says_classes && !is_told {
        let sum = sum(outputs.get(place));
        if !(0.99..=1.01).contains(&sum) {
            let expected = format!(
                "one number for each row, or a probability for each class: the {width} numbers of the output {title:?} add up to {sum}"
            );
            return Err(of_file("unsupported", expected));
        }
    }
    let classes = classes(model, given, width, &title)?;
    let answer = if width == 1 {
        Answer::Probability { output: place }
    } else {
        Answer::Probabilities { output: place }
    };
    Ok(Answered {
        answer,
        output: OutputField::classification(name, classes),
        title,
    })
}

fn is_number(element: Element) -> bool {
    matches!(element, Element::F32 | Element::F64)
}

/// Whether there is an output beside it that names a class.
fn has_label(model: &Model, place: usize) -> bool {
    let others = model.outputs().iter().enumerate();
    others
        .filter(|(other, _)| *other != place)
        .any(|(_, field)| !is_number(field.element))
}

/// The output that was named, the only one with numbers, or the only one called probabilities.
fn choose(model: &Model, given: &GivenOutput) -> Result<usize, NotImported> {
    let fields = model.outputs();
    let numbers: Vec<usize> = (0..fields.len())
        .filter(|&place| is_number(fields[place].element))
        .collect();
    let named = given.name.as_ref().and_then(|name| {
        let mut numbers = numbers.iter().copied();
        numbers.find(|&place| fields[place].name == *name)
    });
    if let Some(place) = named {
        return Ok(place);
    }
    let likely: Vec<usize> = numbers
        .iter()
        .copied()
        .filter(|&place| fields[place].name.to_lowercase().contains("prob"))
        .collect();
    match (numbers.as_slice(), likely.as_slice()) {
        (&[place], _) | (_, &[place]) => Ok(place),
        ([], _) => {
            let found = fields
                .iter()
                .map(|field| format!("{:?} ({})", field.name, field.element))
                .collect::<Vec<_>>()
                .join(", ");
            let expected = format!(
                "an output of numbers, of float32 or float64, and there is only {found}: export a classifier with its probabilities"
            );
            Err(of_file("unsupported", expected))
        }
        _ => {
            let names = numbers
                .iter()
                .map(|&place| format!("{:?}", fields[place].name))
                .collect::<Vec<_>>()
                .join(", ");
            let expected =
                format!("the output that is the prediction, since the file has several: {names}");
            let error = FieldError::new("/signature/output/name", "missing", expected);
            Err(NotImported::Refused(vec![error]))
        }
    }
}

/// How many numbers the output has for a row.
fn width(title: &str, tensor: Option<&Tensor>) -> Result<usize, NotImported> {
    let shape = tensor.map(|tensor| tensor.shape.as_slice());
    let shape = shape.unwrap_or_default();
    // One row was sent. What comes after its columns may only be of length 1.
    let width = match shape {
        [1] => Some(1),
        [1, width, rest @ ..] if rest.iter().all(|length| *length == 1) => Some(*width),
        _ => None,
    };
    if let Some(width @ 1..) = width {
        return Ok(width);
    }
    let expected = format!(
        "a number, or a row of numbers, for each row: the output {title:?} has the shape {shape:?} for one row"
    );
    Err(of_file("unsupported", expected))
}

fn sum(tensor: Option<&Tensor>) -> f64 {
    match tensor.map(|tensor| &tensor.data) {
        Some(onnx::Data::F32(numbers)) => numbers.iter().copied().map(f64::from).sum(),
        Some(onnx::Data::F64(numbers)) => numbers.iter().sum(),
        _ => f64::NAN,
    }
}

/// In the order of the probabilities: those given, those that the file names, or their places.
fn classes(
    model: &Model,
    given: &GivenOutput,
    width: usize,
    title: &str,
) -> Result<Vec<String>, NotImported> {
    let count = width.max(2);
    if count > MAX_CLASSES {
        let expected = format!("at most {MAX_CLASSES} classes: the output {title:?} has {count}");
        return Err(of_file("unsupported", expected));
    }
    if let Some(classes) = &given.classes {
        if classes.len() == count {
            return Ok(classes.clone());
        }
        let expected = format!("{count} classes, in the order of the output {title:?}");
        let error = FieldError::new("/signature/output/classes", "invalid", expected);
        let error = error.got(format!("{} classes", classes.len()));
        return Err(NotImported::Refused(vec![error]));
    }
    let Some(classes) = model.classes() else {
        return Ok((0..count).map(|place| place.to_string()).collect());
    };
    let mut distinct: Vec<_> = classes.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let is_usable = classes.len() == count
        && distinct.len() == count
        && classes
            .iter()
            .all(|class| (1..=MAX_CLASS_NAME).contains(&class.chars().count()));
    if is_usable {
        return Ok(classes.to_vec());
    }
    let expected = format!(
        "{count} classes of 1 to {MAX_CLASS_NAME} characters, since the file names {} that can not be used",
        classes.len()
    );
    let error = FieldError::new("/signature/output/classes", "missing", expected);
    Err(NotImported::Refused(vec![error]))
}
