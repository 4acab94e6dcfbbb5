//! What makes a model look better on held-out rows than it will be on new ones.

use std::collections::HashMap;

use crate::failure::reserve;
use crate::profile::mix;
use crate::split::RowSplit;
use crate::table::{Column, MISSING, Table, UNNAMED, Values};
use crate::target::Target;

/// What a person should look at, in words.
pub(crate) fn leaks(
    table: &Table,
    target: &Target,
    target_name: &str,
    rows: &RowSplit,
) -> Vec<String> {
    let suspects = table.features.iter();
    let suspects = suspects.filter(|column| says_target(column, target, rows));
    let mut warnings: Vec<String> = suspects
        .map(|column| {
            let how = match target.classes {
                None => "equals",
                Some(_) => "says the class of",
            };
            format!(
                "column {:?} {how} the target {target_name:?} in every row: leave it out unless it is known when a prediction is asked for",
                column.name
            )
        })
        .collect();
    if let Some(twice @ 1..) = repeated(table, target, rows) {
        warnings.push(format!(
            "{twice} of {} held-out rows are training rows too, the same in every column that is used: a model does better on them than \
             on new ones. Remove rows that are there twice, or split by a group that keeps them together",
            rows.test.len()
        ));
    }
    warnings
}

/// Whether the column is a copy of the target: of a number the same, of a class a value of its own. It must have a value in half
/// of the rows.
fn says_target(column: &Column, target: &Target, rows: &RowSplit) -> bool {
    let mut seen = 0;
    // Of each class.
    let mut values = vec![None; target.classes.as_ref().map_or(0, Vec::len)];
    let is_copy = rows.train.iter().chain(&rows.test).all(|&row| {
        let row = row as usize;
        let Some(value) = value(column, row) else {
            return true;
        };
        seen += 1;
        if target.classes.is_none() {
            return column.kind.is_numeric() && value == target.values[row].to_bits();
        }
        let class = target.values[row] as usize;
        match values[class] {
            Some(known) => known == value,
            None if values.contains(&Some(value)) => false,
            None => {
                values[class] = Some(value);
                true
            }
        }
    });
    is_copy && values.iter().all(Option::is_some) && 2 * seen >= rows.train.len() + rows.test.len()
}

/// The same for values that are equal.
fn value(column: &Column, row: usize) -> Option<u64> {
    match &column.values {
        Values::Numbers(numbers) => {
            let number = numbers[row];
            (!number.is_nan()).then(|| number.to_bits())
        }
        Values::Categories { codes, .. } => {
            let code = codes[row];
            (code != MISSING).then(|| code.into())
        }
    }
}

/// How many held-out rows are the same as a training row, the target included. None where there is no memory to find out.
fn repeated(table: &Table, target: &Target, rows: &RowSplit) -> Option<usize> {
    let mut keys: Vec<u64> = reserve(table.rows, "the rows' keys").ok()?;
    keys.extend(target.values.iter().map(|value| mix(value.to_bits())));
    for column in &table.features {
        match &column.values {
            Values::Numbers(numbers) => {
                for (key, number) in keys.iter_mut().zip(numbers) {
                    *key = mix(*key ^ number.to_bits());
                }
            }
            Values::Categories { codes, .. } => {
                for (row, (key, &code)) in keys.iter_mut().zip(codes).enumerate() {
                    // Nobody knows which of the values without a name are the same.
                    let own = if code == UNNAMED { row as u64 + 1 } else { 0 };
                    *key = mix(*key ^ (own << 32) ^ u64::from(code));
                }
            }
        }
    }
    let key = |row: u32| keys[row as usize];
    let mut is_learned: HashMap<u64, bool> = HashMap::new();
    is_learned.try_reserve(rows.test.len()).ok()?;
    for &row in &rows.test {
        is_learned.insert(key(row), false);
    }
    for &row in &rows.train {
        if let Some(is_learned) = is_learned.get_mut(&key(row)) {
            *is_learned = true;
        }
    }
    let is_twice = |row: &&u32| is_learned.get(&key(**row)) == Some(&true);
    Some(rows.test.iter().filter(is_twice).count())
}
