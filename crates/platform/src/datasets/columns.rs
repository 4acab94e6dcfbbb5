//! Columns that are asked for by a wrong name.

use domain::FieldError;
use domain::datasets::ColumnProfile;

/// Names offered for one that does not exist.
const OFFERED: usize = 3;

/// The error of a field that names a column which is not there, with the names that are nearest.
pub(crate) fn no_column(pointer: String, wanted: &str, columns: &[ColumnProfile]) -> FieldError {
    let near = nearest(wanted, columns);
    let expected = if near.is_empty() {
        "a column of the dataset".to_owned()
    } else {
        format!("a column of the dataset, such as {}", near.join(", "))
    };
    FieldError::new(pointer, "unknown_field", expected).got(wanted)
}

/// The columns whose names are closest, the closest first; the first columns when none is close.
pub(crate) fn nearest<'a>(wanted: &str, columns: &'a [ColumnProfile]) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let most = wanted.chars().count() / 2 + 1;
    let mut near: Vec<(usize, &str)> = columns
        .iter()
        .filter_map(|column| {
            let name = column.name.to_lowercase();
            let contained =
                !wanted.is_empty() && (name.contains(&wanted) || wanted.contains(&name));
            let far = if contained {
                1
            } else {
                distance(&wanted, &name)
            };
            (far <= most).then_some((far, column.name.as_str()))
        })
        .collect();
    near.sort_by_key(|(far, _)| *far);
    if near.is_empty() {
        return columns
            .iter()
            .take(OFFERED)
            .map(|column| column.name.as_str())
            .collect();
    }
    near.into_iter()
        .take(OFFERED)
        .map(|(_, name)| name)
        .collect()
}

/// How many letters to change, add or leave out (Levenshtein). Long names are compared by their beginnings.
fn distance(a: &str, b: &str) -> usize {
    const COMPARED: usize = 64;
    let b: Vec<char> = b.chars().take(COMPARED).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().take(COMPARED).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, far) in [
            ("", "", 0),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 2),
        ] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }
}
