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
                    mean,
                    std,
                    coefficient,
                } => {
                    // (x - mean) / std * coefficient, with all that does not depend on x moved to the intercept.
                    let scale = coefficient / std;
                    intercept -= mean * scale;
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
        if row.len() != self.effects.len() {
            return Err(PredictError::WrongLength {
                expected: self.effects.len(),
                got: row.len(),
            });
        }
        let mut sum = self.intercept;
        for (slot, (effect, value)) in self.effects.iter().zip(row).enumerate() {
            sum += match (effect, value) {
                (Effect::Numeric { scale, .. }, Value::Number(number)) => scale * number,
                (Effect::Categorical { other, .. }, Value::Category(OTHER)) => *other,
                (Effect::Categorical { known, .. }, Value::Category(index)) => *known
                    .get(*index as usize)
                    .ok_or(PredictError::WrongKind { slot })?,
                (
                    Effect::Numeric { missing, .. } | Effect::Categorical { missing, .. },
                    Value::Missing,
                ) => *missing,
                _ => return Err(PredictError::WrongKind { slot }),
            };
        }
        Ok(sum)
    }
}
