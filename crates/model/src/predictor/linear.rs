use super::{OTHER, PredictError, Value};
use crate::artifact::{Linear, Transform};

/// A linear model prepared for speed: a multiplication and an addition per number, and a look-up per category.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    intercept: f64,
    effects: Vec<Effect>,
}

#[derive(Clone, Debug)]
enum Effect {
    Numeric {
        scale: f64,
        missing: f64,
    },
    Categorical {
        known: Box<[f64]>,
        other: f64,
        missing: f64,
    },
}

impl Terms {
    pub(super) fn new(linear: &Linear) -> Self {
        let mut intercept = linear.intercept;
        let mut effects = Vec::with_capacity(linear.transforms.len());
        for transform in &linear.transforms {
            effects.push(match transform {
                Transform::Numeric {
                    impute,
                    std,
                    coefficient,
                    ..
                } => {
                    // (x - mean) / std * coefficient, with all that does not depend on x moved to the intercept.
                    let scale = coefficient / std;
                    intercept -= offset(transform);
                    Effect::Numeric {
                        scale,
                        missing: impute * scale,
                    }
                }
                Transform::Categorical {
                    impute,
                    effects,
                    other,
                } => Effect::Categorical {
                    known: effects.clone().into_boxed_slice(),
                    other: *other,
                    missing: effects.get(*impute as usize).copied().unwrap_or(*other),
                },
            });
        }
        Self { intercept, effects }
    }

    #[inline]
    pub(super) fn predict(&self, row: &[Value]) -> Result<f64, PredictError> {
        self.check(row)?;
        let mut sum = self.intercept;
        for (slot, (effect, value)) in self.effects.iter().zip(row).enumerate() {
            sum += effect.term(slot, *value)?;
        }
        Ok(sum)
    }

    /// What each input adds to the sum, in the row's order.
    pub(super) fn terms(
        &self,
        row: &[Value],
    ) -> Result<impl Iterator<Item = Result<f64, PredictError>>, PredictError> {
        self.check(row)?;
        let pairs = self.effects.iter().zip(row).enumerate();
        Ok(pairs.map(|(slot, (effect, value))| effect.term(slot, *value)))
    }

    #[inline]
    fn check(&self, row: &[Value]) -> Result<(), PredictError> {
        if row.len() == self.effects.len() {
            return Ok(());
        }
        Err(PredictError::WrongLength {
            expected: self.effects.len(),
            got: row.len(),
        })
    }
}

impl Effect {
    #[inline]
    fn term(&self, slot: usize, value: Value) -> Result<f64, PredictError> {
        Ok(match (self, value) {
            (Self::Numeric { scale, .. }, Value::Number(number)) => scale * number,
            (Self::Categorical { other, .. }, Value::Category(OTHER)) => *other,
            (Self::Categorical { known, .. }, Value::Category(index)) => *known
                .get(index as usize)
                .ok_or(PredictError::WrongKind { slot })?,
            (Self::Numeric { missing, .. } | Self::Categorical { missing, .. }, Value::Missing) => {
                *missing
            }
            _ => return Err(PredictError::WrongKind { slot }),
        })
    }
}

/// What a transform takes off its term before it is added: here it is part of the intercept.
pub(super) fn offset(transform: &Transform) -> f64 {
    match transform {
        Transform::Numeric {
            mean,
            std,
            coefficient,
            ..
        } => mean * (coefficient / std),
        Transform::Categorical { .. } => 0.0,
    }
}
