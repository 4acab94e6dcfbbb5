//! What there is to predict: numbers, or classes by their place.

use std::cmp::Ordering;

use domain::models::Task;
use domain::training_runs::{MAX_CLASS_NAME, MAX_CLASSES, MIN_CLASS_ROWS, RunError, TrainingSpec};

use crate::error::shorten;
use crate::failure::{failure, reserve};
use crate::read::{Number, parse_number};
use crate::table::{Column, MISSING, Table, UNNAMED, Values};

pub(crate) struct Target {
    /// Of every row of the table; of a classification the place among the classes. NaN where there is none.
    pub(crate) values: Vec<f64>,
    /// Of a classification, in their order. Each has [`MIN_CLASS_ROWS`] rows or more.
    pub(crate) classes: Option<Vec<String>>,
}

/// Classes that an error names.
const SHOWN: usize = 5;
const SHOWN_LENGTH: usize = 40;

impl Target {
    /// Takes the target's values out of the table.
    ///
    /// # Errors
    /// Why it can not be predicted.
    pub(crate) fn take(table: &mut Table, spec: &TrainingSpec) -> Result<Self, RunError> {
        let column = &mut table.target;
        let values = std::mem::replace(&mut column.values, Values::Numbers(Vec::new()));
        match (spec.task.unwrap_or(Task::Regression), values) {
            (Task::Regression, Values::Numbers(values)) => Ok(Self {
                values,
                classes: None,
            }),
            (Task::Classification, Values::Categories { codes, names }) => {
                classes(column, &codes, &names)
            }
            (Task::Regression, Values::Categories { .. }) => Err(invalid(
                format!("the target {:?} holds no numbers", column.name),
                "Choose a column of numbers, or set task to classification.",
            )),
            (Task::Classification, Values::Numbers(_)) => Err(invalid(
                format!("the target {:?} was not read as classes", column.name),
                "Start the run again.",
            )),
        }
    }

    pub(crate) fn task(&self) -> Task {
        match self.classes {
            None => Task::Regression,
            Some(_) => Task::Classification,
        }
    }
}

fn classes(column: &Column, codes: &[u32], names: &[String]) -> Result<Target, RunError> {
    let name = &column.name;
    let mut rows = vec![0_usize; names.len()];
    for &code in codes.iter().filter(|code| **code < UNNAMED) {
        rows[code as usize] += 1;
    }
    let mut order: Vec<usize> = (0..names.len()).filter(|&code| rows[code] > 0).collect();
    let is_unnamed = codes.contains(&UNNAMED);
    if order.len() > MAX_CLASSES {
        let hint = if column.kind.is_numeric() {
            "Set task to regression, or choose a column of fewer different values."
        } else {
            "Choose a column of fewer different values, or merge rare ones and upload a new version."
        };
        let many = if is_unnamed { "or more " } else { "" };
        return Err(invalid(
            format!(
                "the target {name:?} has {} {many}classes: a classifier tells at most {MAX_CLASSES} apart",
                order.len()
            ),
            hint,
        ));
    }
    let is_long = |name: &String| name.chars().count() > MAX_CLASS_NAME;
    if is_unnamed || order.iter().any(|&code| is_long(&names[code])) {
        return Err(invalid(
            format!(
                "the target {name:?} has a class whose name is longer than {MAX_CLASS_NAME} characters"
            ),
            "Choose a column of short texts, or shorten its values and upload a new version.",
        ));
    }
    if let [only] = order[..] {
        return Err(invalid(
            format!(
                "the target {name:?} is {} in every row: there is nothing to tell apart",
                shown(&names[only])
            ),
            "Choose a column that has two or more different values.",
        ));
    }
    order.sort_by(|&a, &b| compare(column.kind.is_numeric(), &names[a], &names[b]));
    check_rows(name, &order, names, &rows)?;

    let mut places = vec![f64::NAN; names.len()];
    for (place, &code) in order.iter().enumerate() {
        places[code] = place as f64;
    }
    let mut values = reserve(codes.len(), "the target")?;
    values.extend(codes.iter().map(|&code| match code {
        MISSING => f64::NAN,
        code => places[code as usize],
    }));
    Ok(Target {
        values,
        classes: Some(order.into_iter().map(|code| names[code].clone()).collect()),
    })
}

fn check_rows(
    name: &str,
    order: &[usize],
    names: &[String],
    rows: &[usize],
) -> Result<(), RunError> {
    let rare: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&code| rows[code] < MIN_CLASS_ROWS)
        .collect();
    if rare.is_empty() {
        return Ok(());
    }
    let mut list: Vec<String> = rare
        .iter()
        .take(SHOWN)
        .map(|&code| shown(&names[code]))
        .collect();
    if rare.len() > SHOWN {
        list.push(format!("{} more", rare.len() - SHOWN));
    }
    Err(invalid(
        format!(
            "the target {name:?} has classes of a single row: {}. A class needs {MIN_CLASS_ROWS} rows or more, to learn from and to \
             be judged by",
            list.join(", ")
        ),
        "Correct these values if they are misspelt, leave their rows out or add more of them, and upload a new version.",
    ))
}

fn compare(is_numeric: bool, left: &str, right: &str) -> Ordering {
    match (is_numeric, parse_number(left), parse_number(right)) {
        (true, Some(Number::Integer(left)), Some(Number::Integer(right))) => left.cmp(&right),
        (true, Some(left), Some(right)) => left.as_f64().total_cmp(&right.as_f64()),
        _ => left.cmp(right),
    }
}

fn shown(class: &str) -> String {
    format!("{:?}", shorten(class, SHOWN_LENGTH))
}

fn invalid(message: String, fix: &str) -> RunError {
    failure("invalid_target", message, fix)
}
