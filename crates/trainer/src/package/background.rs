use domain::training_runs::RunError;
use model::{Observer, Value};

use super::Packaged;
use crate::failure::failure;
use crate::features::Features;

/// Ways of a row through a tree, over all rows and trees: more rows would say the same.
const MOST_WAYS: usize = 5_000_000;
/// Rows that are looked at in any case.
const FEWEST_ROWS: usize = 1_000;

impl Packaged {
    /// Keeps with the artifact what its predictions are explained by: what these rows are to the model, or of very many some that
    /// are spread evenly.
    ///
    /// # Errors
    /// None with the rows that the model was made of.
    pub(crate) fn observe(
        &mut self,
        features: &Features<'_>,
        train: &[u32],
    ) -> Result<(), RunError> {
        let Some(mut observer) = Observer::new(&self.artifact) else {
            return Ok(());
        };
        let most = MOST_WAYS / observer.trees().max(1);
        let step = train.len().div_ceil(most.max(FEWEST_ROWS)).max(1);
        let mut values = vec![Value::Missing; self.artifact.signature.inputs.len()];
        for &row in train.iter().step_by(step) {
            self.values(features, row, &mut values);
            observer.see(&values).map_err(|error| {
                failure(
                    "internal",
                    format!("training row {}: {error}", row + 1),
                    "Choose another algorithm, and report the bug with the table if you can.",
                )
            })?;
        }
        self.artifact.background = observer.background();
        Ok(())
    }
}
