use domain::datasets::ColumnType;
use domain::models::Signature;

use super::{Kernel, Predictor, Value};
use crate::artifact::Remote;
use crate::datatype::Datatype;

/// A model that another engine computes: what is known of it here.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere {
    remote: Remote,
    /// Of each input.
    datatypes: Box<[Datatype]>,
    /// Numbers in a prediction.
    width: usize,
}

impl Elsewhere {
    pub(super) fn new(remote: &Remote, signature: &Signature) -> Self {
        Self {
            datatypes: remote.datatypes().collect(),
            width: signature.output.classes.as_ref().map_or(1, Vec::len),
            remote: remote.clone(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn takes(&self, slot: usize, value: Value) -> bool {
        let (Some(datatype), Value::Number(number)) = (self.datatypes.get(slot), value) else {
            return true;
        };
        match datatype.whole_range() {
            Some((least, largest)) => {
                number.fract() == 0.0 && (least as f64..=largest as f64).contains(&number)
            }
            None => number.abs() <= datatype.largest(),
        }
    }

    pub(super) fn refusal(&self, slot: usize, kind: ColumnType) -> (&'static str, String) {
        let datatype = self.datatypes.get(slot).copied();
        let datatype = datatype.unwrap_or_else(|| Datatype::of(kind));
        let name = datatype.as_str();
        let expected = match datatype.whole_range() {
            Some((least, largest)) => {
                format!("a whole number from {least} to {largest}, as {name} has it")
            }
            None => format!("a number that {name} has room for"),
        };
        ("out_of_range", expected)
    }
}

impl Predictor {
    /// Where the model is computed, if that is elsewhere: [`Self::predict`] has no answer then.
    #[inline]
    pub fn remote(&self) -> Option<&Remote> {
        match &self.kernel {
            Kernel::Remote(elsewhere) => Some(&elsewhere.remote),
            _ => None,
        }
    }
}
