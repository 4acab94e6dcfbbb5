use domain::training_runs::RunError;

use crate::DataError;

pub(crate) fn failure(code: &str, message: impl Into<String>, fix: impl Into<String>) -> RunError {
    RunError::new(code, message, fix)
}

pub(crate) fn unreadable(error: &DataError) -> RunError {
    failure(
        "unreadable_data",
        error.to_string(),
        "Correct the table and upload it as a new version of the dataset.",
    )
}

pub(crate) fn out_of_memory(what: &str) -> RunError {
    failure(
        "out_of_memory",
        format!("there is not enough memory for {what}"),
        "Raise budget.memory_mb, or train on fewer columns or rows.",
    )
}

/// An empty vector with room for `count` values, or the failure that there is none for `what`.
pub(crate) fn reserve<T>(count: usize, what: &str) -> Result<Vec<T>, RunError> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(count)
        .map_err(|_| out_of_memory(what))?;
    Ok(values)
}
