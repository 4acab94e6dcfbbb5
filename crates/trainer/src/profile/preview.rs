use crate::error::shorten;
use crate::read::Cell;

/// Rows in a preview.
pub(super) const ROWS: u64 = 200;

/// Characters of a value in a preview.
const CELL_CHARS: usize = 200;

/// All values of a preview together, so that wide tables stay small: later rows are left out.
const MAX_BYTES: usize = 4 << 20;

/// The first rows of a table, as text.
pub(super) struct Preview {
    columns: Vec<Vec<Option<String>>>,
}

impl Preview {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            columns: vec![Vec::new(); columns],
        }
    }

    pub(super) fn add(&mut self, column: usize, cell: Cell<'_>) {
        self.columns[column].push(match cell {
            Cell::Missing => None,
            Cell::Integer(whole) => Some(whole.to_string()),
            Cell::Float(float) => Some(super::values::format_float(float)),
            Cell::Boolean(value) => Some(value.to_string()),
            Cell::Text(text) | Cell::Raw(text) => Some(shorten(text, CELL_CHARS)),
        });
    }

    pub(super) fn into_rows(self) -> Vec<Vec<Option<String>>> {
        let rows = self.columns.iter().map(Vec::len).min().unwrap_or_default();
        let mut columns: Vec<_> = self.columns.into_iter().map(Vec::into_iter).collect();
        let mut bytes = 0;
        let mut preview = Vec::with_capacity(rows);
        for _ in 0..rows {
            let row: Vec<Option<String>> = columns
                .iter_mut()
                .map(|column| column.next().flatten())
                .collect();
            bytes += row
                .iter()
                .map(|cell| 8 + cell.as_ref().map_or(0, String::len))
                .sum::<usize>();
            if bytes > MAX_BYTES && !preview.is_empty() {
                break;
            }
            preview.push(row);
        }
        preview
    }
}
