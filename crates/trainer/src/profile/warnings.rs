use domain::datasets::{ColumnProfile, ColumnType, ColumnWarning};
use domain::training_runs::preprocessing::KEPT_CATEGORIES;

use crate::read::Kinds;

/// In a table of fewer rows it happens that all values differ.
const ID_LIKE_ROWS: u64 = 20;

/// What a person should look at before training on the column. `first_text` is the first value that is no number and
/// no boolean, with its row.
pub(super) fn warnings(
    column: &ColumnProfile,
    rows: u64,
    kinds: Kinds,
    first_text: Option<&(u64, String)>,
) -> Vec<ColumnWarning> {
    let present = rows - column.missing;
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String| {
        warnings.push(ColumnWarning {
            code: code.to_owned(),
            message,
        });
    };
    if present == 0 {
        warn(
            "all_missing",
            "no row has a value: training leaves the column out".to_owned(),
        );
        return warnings;
    }
    if column.distinct == 1 {
        warn(
            "constant",
            "every value is the same: training leaves the column out".to_owned(),
        );
    }
    if column.missing * 2 > rows {
        let percent = column.missing as f64 / rows as f64 * 100.0;
        warn(
            "mostly_missing",
            format!("{percent:.0} % of the values are missing, and would be imputed"),
        );
    }
    if column.kind == ColumnType::String
        && let (true, Some((row, text))) = (kinds.numbers() * 10 >= present * 9, first_text)
    {
        let numbers = kinds.numbers();
        warn(
            "mixed_types",
            format!(
                "{numbers} of {present} values are numbers, but not all: row {row} has {text:?}. Fix it to train on numbers"
            ),
        );
    }
    if is_id_like(column.kind, column.distinct, present) {
        let message = match column.kind {
            ColumnType::String => {
                "every value is different, as in an identifier: training leaves the column out"
            }
            _ => {
                "every value is different, as in an identifier: leave the column out unless its size means something"
            }
        };
        warn("id_like", message.to_owned());
    } else if has_id_name(&column.name) && column.distinct > 1 {
        warn("id_like", "its name is that of an identifier: leave the column out unless its value means something".to_owned());
    }
    if column.kind == ColumnType::String
        && column.distinct > u64::from(KEPT_CATEGORIES)
        && !is_id_like(column.kind, column.distinct, present)
    {
        let distinct = column.distinct;
        warn(
            "high_cardinality",
            format!(
                "{distinct} different values: training keeps the {KEPT_CATEGORIES} most frequent and takes the rest as \"other\""
            ),
        );
    }
    warnings
}

/// Texts and whole numbers that (nearly, where the count is an estimate) never repeat.
pub(crate) fn is_id_like(kind: ColumnType, distinct: u64, present: u64) -> bool {
    let exact = present <= 100_000;
    matches!(kind, ColumnType::String | ColumnType::Integer)
        && present >= ID_LIKE_ROWS
        && (distinct == present || (!exact && distinct as f64 >= 0.95 * present as f64))
}

fn has_id_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["id", "uuid", "guid", "key", "index"].contains(&lower.as_str())
        || lower.ends_with("_id")
        || lower.ends_with(" id")
        || lower.ends_with("uuid")
        || (name.len() > 2
            && name.ends_with("Id")
            && name.as_bytes()[name.len() - 3].is_ascii_lowercase())
}
