use super::rows::{Labels, table};
use crate::error::Fault;
use crate::graph::{Call, Operator};
use crate::read::Entry;
use crate::tensor::{Data, Tensor};

pub(super) const OPERATORS: &[Entry] = &[Entry::new("ZipMap", 1, (1, 1), (1, 1), |node| {
    let labels = Labels::of(node, "classlabels_int64s")?;
    let classes = labels.len();
    Ok(Box::new(ZipMap { classes }))
})];

/// A map from each class to its probability, for each row: here the probabilities stay as they are, since whoever reads them
/// knows the classes from the model.
struct ZipMap {
    classes: usize,
}

impl Operator for ZipMap {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let tensor = call.take(0)?;
        let (rows, classes) = table(&tensor)?;
        if classes != self.classes {
            return Err(format!(
                "maps {} classes, but got {classes} probabilities",
                self.classes
            )
            .into());
        }
        let element = tensor.element();
        let Data::F32(values) = tensor.data else {
            return Err(crate::ops::takes("float", element));
        };
        call.give(0, Tensor::new(vec![rows, classes], values))
    }
}
