//! What a column is, before it is loaded.

use domain::datasets::ColumnType;
use domain::models::Task;
use domain::training_runs::RunError;

use crate::failure::failure;
use crate::read::{Cell, CellSink, Kinds};

pub(super) struct KindSurvey {
    pub(super) columns: Vec<Kinds>,
    /// The first value that is no number, and its row.
    pub(super) first_text: Vec<Option<(u64, String)>>,
}

impl CellSink for KindSurvey {
    #[inline]
    fn cell(&mut self, position: usize, row: u64, cell: Cell<'_>) {
        if cell == Cell::Missing {
            return;
        }
        let number = cell.number();
        let boolean = if number.is_none() {
            cell.boolean()
        } else {
            None
        };
        self.columns[position].add(number, boolean);
        if let (None, None, Cell::Raw(text) | Cell::Text(text)) =
            (number, &self.first_text[position], cell)
        {
            self.first_text[position] = Some((row + 1, crate::error::shorten(text, 40)));
        }
    }
}

pub(super) fn check_target(
    name: &str,
    task: Option<Task>,
    kind: ColumnType,
    kinds: Kinds,
    first_text: Option<&(u64, String)>,
) -> Result<(), RunError> {
    let is_classification = task == Some(Task::Classification);
    let message = match (kind, first_text) {
        _ if kinds.present() == 0 => format!("the target {name:?} has no values"),
        _ if is_classification => return Ok(()),
        (ColumnType::Integer | ColumnType::Float, _) => return Ok(()),
        (ColumnType::Boolean, _) => {
            format!("the target {name:?} is boolean: a regression predicts a number")
        }
        (_, Some((row, text))) => {
            format!("the target {name:?} is no number in every row: row {row} has {text:?}")
        }
        _ => format!("the target {name:?} holds text: a regression predicts a number"),
    };
    Err(failure(
        "invalid_target",
        message,
        if is_classification || kinds.present() == 0 {
            "Choose a column that has values."
        } else {
            "Set task to classification, or choose a column of numbers, or correct its values and upload a new version."
        },
    ))
}
