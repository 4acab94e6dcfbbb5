use super::{OTHER, PredictError, Value};
use crate::artifact::{Densities, Density};

/// Densities prepared for speed: of each input, how its value becomes its term.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    base: f64,
    terms: Box<[Term]>,
}

#[derive(Clone, Debug)]
enum Term {
    Ranges { cuts: Box<[f64]>, terms: Box<[f64]> },
    Categorical { known: Box<[f64]>, other: f64 },
}

impl Evidence {
    pub(super) fn new(densities: &Densities) -> Self {
        let terms = densities.terms.iter().map(|density| match density {
            Density::Ranges { cuts, terms } => Term::Ranges {
                cuts: cuts.clone().into_boxed_slice(),
                terms: terms.clone().into_boxed_slice(),
            },
            Density::Categorical { terms, other } => Term::Categorical {
                known: terms.clone().into_boxed_slice(),
                other: *other,
            },
        });
        Self {
            base: densities.base,
            terms: terms.collect(),
        }
    }

    #[inline]
    pub(super) fn predict(&self, row: &[Value]) -> Result<f64, PredictError> {
        let mut sum = self.base;
        for term in self.terms(row)? {
            sum += term?;
        }
        Ok(sum)
    }

    /// What each input adds to the sum, in the row's order.
    #[inline]
    pub(super) fn terms(
        &self,
        row: &[Value],
    ) -> Result<impl Iterator<Item = Result<f64, PredictError>>, PredictError> {
        if row.len() != self.terms.len() {
            return Err(PredictError::WrongLength {
                expected: self.terms.len(),
                got: row.len(),
            });
        }
        let pairs = self.terms.iter().zip(row).enumerate();
        Ok(pairs
            .map(|(slot, (term, value))| term.of(*value).ok_or(PredictError::WrongKind { slot })))
    }
}

impl Term {
    #[inline]
    fn of(&self, value: Value) -> Option<f64> {
        match (self, value) {
            (_, Value::Missing) => Some(0.0),
            (Self::Ranges { cuts, terms }, Value::Number(number)) => {
                let range = cuts.partition_point(|cut| *cut <= number);
                terms.get(range).copied()
            }
            (Self::Categorical { other, .. }, Value::Category(OTHER)) => Some(*other),
            (Self::Categorical { known, .. }, Value::Category(category)) => {
                known.get(category as usize).copied()
            }
            _ => None,
        }
    }
}
