//! The inputs of a file as those of a signature.

use std::collections::HashSet;

use domain::FieldError;
use domain::datasets::{ColumnType, MAX_COLUMNS};
use domain::models::{GivenInput, InputField, MAX_CATEGORIES, MAX_CATEGORY, is_input_name};
use model::suits;
use onnx::{Element, Field, Model, texts};
use serde_json::{Value as Json, json};

use super::{NotImported, of_file};

/// What a file takes.
#[derive(Clone)]
pub(super) struct Columns {
    /// How many inputs of the signature each input of the graph takes.
    pub(super) wired: Vec<usize>,
    pub(super) inputs: Vec<InputField>,
    /// One for each of `inputs`.
    pub(super) asked: Vec<Asked>,
}

/// What an input is in the file, and what was said of it.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) element: Element,
    /// Whether it may be missing, if that was said.
    pub(super) nullable: Option<bool>,
    /// Its place among the given inputs.
    place: Option<usize>,
}

impl Asked {
    /// Where in the request a member of this input stands, or would.
    pub(super) fn pointer(&self, member: &str) -> String {
        match self.place {
            Some(place) => format!("/signature/inputs/{place}/{member}"),
            None => "/signature/inputs".to_owned(),
        }
    }
}

impl Columns {
    pub(super) fn of(
        model: &Model,
        file: &[u8],
        given: &[GivenInput],
    ) -> Result<Self, NotImported> {
        let fields = model.inputs();
        let wired = widths(fields, given)?;
        let total: usize = wired.iter().sum();
        let names = names(fields, &wired);
        let places = places(&names, given, fields)?;

        let mut columns = Self {
            wired,
            inputs: Vec::with_capacity(total),
            asked: Vec::with_capacity(total),
        };
        let mut errors = Vec::new();
        let mut known = texts_of(file, fields, &columns.wired).into_iter();
        for (field, &width) in fields.iter().zip(&columns.wired) {
            let first = columns.inputs.len();
            for slot in first..first + width {
                let known = if field.element == Element::Text {
                    known.next().flatten()
                } else {
                    None
                };
                let place = places[slot];
                let given = place.and_then(|place| given.get(place));
                let asked = Asked {
                    element: field.element,
                    nullable: given.and_then(|given| given.nullable),
                    place,
                };
                let input = Merge {
                    name: &names[slot],
                    asked: &asked,
                    given,
                };
                columns.inputs.push(input.merge(known, &mut errors));
                columns.asked.push(asked);
            }
        }
        if errors.is_empty() {
            Ok(columns)
        } else {
            Err(NotImported::Refused(errors))
        }
    }
}

/// For each column of texts those that the file names.
fn texts_of(file: &[u8], fields: &[Field], wired: &[usize]) -> Vec<Option<Vec<String>>> {
    let inputs = fields.iter().zip(wired);
    let inputs: Vec<_> = inputs
        .filter(|(field, _)| field.element == Element::Text)
        .map(|(field, &width)| (field.name.as_str(), width))
        .collect();
    if inputs.is_empty() {
        Vec::new()
    } else {
        texts(file, &inputs)
    }
}

/// How many columns each of the file's inputs has.
fn widths(fields: &[Field], given: &[GivenInput]) -> Result<Vec<usize>, NotImported> {
    let mut widths = Vec::with_capacity(fields.len());
    let mut free = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        let name = &field.name;
        if let Some(Some(rows)) = field.shape.first()
            && *rows != 1
        {
            let expected = format!(
                "inputs of any number of rows: {name:?} takes {rows}; export with a first dimension that is free"
            );
            return Err(of_file("unsupported", expected));
        }
        widths.push(match *field.shape.as_slice() {
            [_] => 1,
            [_, Some(width)] if width > 0 => width,
            [_, None] => {
                free.push(place);
                0
            }
            _ => {
                let expected = format!(
                    "inputs of shape [rows] or [rows, columns]: {name:?} has {} dimensions",
                    field.shape.len()
                );
                return Err(of_file("unsupported", expected));
            }
        });
    }
    let total: usize = widths
        .iter()
        .fold(0, |total: usize, width| total.saturating_add(*width));
    match free.as_slice() {
        [] => {}
        [place] => {
            let width = given.len().saturating_sub(total);
            if width == 0 {
                let expected = format!(
                    "an input for each column of {:?}, since the file does not say how many it has",
                    fields[*place].name
                );
                let error = FieldError::new("/signature/inputs", "missing", expected);
                return Err(NotImported::Refused(vec![error]));
            }
            widths[*place] = width;
        }
        _ => {
            let expected =
                "at most one input whose number of columns is free: export with their numbers";
            return Err(of_file("unsupported", expected));
        }
    }
    let total = widths
        .iter()
        .fold(0, |total: usize, width| total.saturating_add(*width));
    if !(1..=MAX_COLUMNS).contains(&total) {
        let expected = format!("1 to {MAX_COLUMNS} inputs: the file has {total}");
        return Err(of_file("unsupported", expected));
    }
    Ok(widths)
}

/// As the file has them: an input of one column has its name, and the columns of a matrix their places.
fn names(fields: &[Field], widths: &[usize]) -> Vec<String> {
    let is_alone = fields.len() == 1;
    let mut names = Vec::new();
    for (field, &width) in fields.iter().zip(widths) {
        if width == 1 {
            names.push(field.name.clone());
            continue;
        }
        names.extend((0..width).map(|place| {
            if is_alone {
                format!("x{place}")
            } else {
                format!("{}_{place}", field.name)
            }
        }));
    }
    names
}

/// Which of the given inputs each input is.
fn places(
    names: &[String],
    given: &[GivenInput],
    fields: &[Field],
) -> Result<Vec<Option<usize>>, NotImported> {
    if given.is_empty() {
        return Ok(vec![None; names.len()]);
    }
    let is_named = names.len() == fields.len();
    if !is_named {
        if given.len() == names.len() {
            return Ok((0..given.len()).map(Some).collect());
        }
        let expected = format!(
            "{} inputs, one for each column of the file's matrix, in their order; or none, which names them after their places",
            names.len()
        );
        let error = FieldError::new("/signature/inputs", "invalid", expected);
        let error = error.got(format!("{} inputs", given.len()));
        return Err(NotImported::Refused(vec![error]));
    }
    let unknown = given.iter().enumerate().filter_map(|(place, given)| {
        if names.contains(&given.name) {
            return None;
        }
        let pointer = format!("/signature/inputs/{place}/name");
        let expected = format!("one of the file's inputs: {}", shown(names));
        Some(FieldError::new(pointer, "unknown_field", expected).got(given.name.as_str()))
    });
    let unknown: Vec<_> = unknown.collect();
    if !unknown.is_empty() {
        return Err(NotImported::Refused(unknown));
    }
    let place = |name: &String| given.iter().position(|given| given.name == *name);
    Ok(names.iter().map(place).collect())
}

/// Not more than people would read.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let listed = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// An input of the file and what was said of it.
struct Merge<'a> {
    name: &'a str,
    asked: &'a Asked,
    given: Option<&'a GivenInput>,
}

impl Merge<'_> {
    /// `known` are the texts that the file names. What does not fit is added to `errors`.
    fn merge(&self, known: Option<Vec<String>>, errors: &mut Vec<FieldError>) -> InputField {
        let element = self.asked.element;
        let given = self.given.cloned().unwrap_or_default();
        let own = match element {
            Element::F32 | Element::F64 => ColumnType::Float,
            Element::I64 | Element::I32 => ColumnType::Integer,
            Element::Bool => ColumnType::Boolean,
            Element::Text => ColumnType::String,
        };
        let name = match self.given {
            Some(given) => given.name.clone(),
            None => self.name.to_owned(),
        };
        if !is_input_name(&name) {
            let expected = "an input's name of 1 to 200 characters without control characters";
            errors.push(FieldError::new("/file", "unsupported", expected).got(name.as_str()));
        }
        let kind = given.kind.unwrap_or(own);
        if !suits(element, kind) {
            let expected = format!("a type for what the file takes, which is {element}");
            let error = FieldError::new(self.asked.pointer("type"), "wrong_type", expected);
            errors.push(error.got(kind.as_str()));
        }
        let categories = match kind {
            ColumnType::String => self.texts(known, errors),
            ColumnType::Boolean => Some(vec!["false".to_owned(), "true".to_owned()]),
            ColumnType::Integer | ColumnType::Float => None,
        };
        for (member, is_given, suits) in [
            (
                "categories",
                given.categories.is_some() && given.categories != categories,
                kind == ColumnType::String,
            ),
            ("min", given.min.is_some(), kind.is_numeric()),
            ("max", given.max.is_some(), kind.is_numeric()),
        ] {
            if is_given && !suits {
                let expected = format!("none, since the input is {}", kind.as_str());
                errors.push(FieldError::new(
                    self.asked.pointer(member),
                    "invalid",
                    expected,
                ));
            }
        }
        let example = given
            .example
            .filter(|example| !example.is_null())
            .unwrap_or_else(|| example(kind, categories.as_deref(), given.min));
        InputField {
            name,
            kind,
            nullable: false,
            categories,
            min: given.min,
            max: given.max,
            format: None,
            impute: given.impute,
            unseen: None,
            transform: None,
            example: Some(example),
        }
    }

    fn texts(
        &self,
        known: Option<Vec<String>>,
        errors: &mut Vec<FieldError>,
    ) -> Option<Vec<String>> {
        let given = self.given.and_then(|given| given.categories.clone());
        let texts = given.or_else(|| known.map(distinct));
        let wrong = match &texts {
            Some(texts) if texts.len() > MAX_CATEGORIES => format!(
                "at most {MAX_CATEGORIES} categories of input {:?}, of which the file names {}: give those that matter",
                self.name,
                texts.len()
            ),
            Some(texts) if texts.iter().any(|text| text.chars().count() > MAX_CATEGORY) => format!(
                "categories of input {:?} of at most {MAX_CATEGORY} characters: the file names longer ones",
                self.name
            ),
            Some(_) => return texts,
            None => format!(
                "the categories of input {:?}: the file does not say which texts it knows",
                self.name
            ),
        };
        errors.push(FieldError::new(
            self.asked.pointer("categories"),
            "missing",
            wrong,
        ));
        None
    }
}

fn distinct(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

/// A value for forms, snippets and the first try.
fn example(kind: ColumnType, categories: Option<&[String]>, min: Option<f64>) -> Json {
    match kind {
        ColumnType::Float => json!(min.unwrap_or(0.0)),
        ColumnType::Integer => json!(min.map_or(0, |min| min as i64)),
        ColumnType::Boolean => json!(false),
        ColumnType::String => json!(categories.and_then(<[_]>::first)),
    }
}
