//! Numbers, with what stands in for a missing one.

use std::borrow::Cow;

use domain::training_runs::{Impute, Scale};
use model::{Step, signed_log1p};

use super::{Made, Outcome, Source, Task, Words};
use crate::features::median;
use crate::profile::Moments;
use crate::table::{Column, Values};

impl<'a> Task<'a, '_> {
    pub(super) fn number(&self) -> Outcome<'a> {
        let Values::Numbers(numbers) = &self.column.values else {
            return Err("it holds no numbers".to_owned());
        };
        let logarithm = self.asked.scale == Some(Scale::Log1p);
        let (missing, words) = self.stand_in(numbers, logarithm)?;
        let step = if missing.is_some() || logarithm {
            Step::Number { missing, logarithm }
        } else {
            Step::Same
        };
        let column = match &step {
            Step::Same => Cow::Borrowed(self.column),
            _ => Cow::Owned(Column {
                name: self.column.name.clone(),
                kind: domain::datasets::ColumnType::Float,
                format: None,
                values: Values::Numbers(
                    numbers
                        .iter()
                        .map(|&number| {
                            let number = missing.filter(|_| number.is_nan()).unwrap_or(number);
                            if logarithm {
                                signed_log1p(number)
                            } else {
                                number
                            }
                        })
                        .collect(),
                ),
            }),
        };
        let value = Made {
            standardises: self.asked.scale != Some(Scale::None),
            ..self.made(column, step)
        };
        let indicator = self.indicator();
        let transform = match self.asked.scale {
            Some(Scale::Log1p) => {
                Some("the logarithm of 1 and the number, with its sign".to_owned())
            }
            Some(Scale::None) => Some("not divided by its standard deviation".to_owned()),
            Some(Scale::Standard) | None => None,
        };
        let source = Source {
            column: self.column,
            categorical: None,
            words: Words {
                impute: words,
                unseen: None,
                transform,
                is_marked: indicator.is_some(),
            },
        };
        Ok((source, [value].into_iter().chain(indicator).collect()))
    }

    /// What stands in for a missing number of the column, or moment, and how it came to be, without the number itself. Nothing where none
    /// is missing, or nothing was asked for that makes one.
    fn stand_in(
        &self,
        numbers: &[f64],
        is_needed: bool,
    ) -> Result<(Option<f64>, Option<String>), String> {
        let Some((number, how)) = self.stand_in_of(numbers, is_needed)? else {
            return Ok((None, None));
        };
        Ok((Some(number), Some(format!("{how} {number}"))))
    }

    pub(super) fn stand_in_of(
        &self,
        numbers: &[f64],
        is_needed: bool,
    ) -> Result<Option<(f64, &'static str)>, String> {
        let train = self.rows.train;
        let mut present: Vec<f64> = train
            .iter()
            .map(|&row| numbers[row as usize])
            .filter(|number| !number.is_nan())
            .collect();
        if present.is_empty() {
            return Err("all missing: no training row has a value".to_owned());
        }
        if !self.has_missing() {
            return Ok(None);
        }
        let impute = match &self.asked.impute {
            None if is_needed => &Impute::Median,
            None => return Ok(None),
            Some(impute) => impute,
        };
        let number = match impute {
            Impute::Median => median(&mut present),
            Impute::Mean | Impute::MissingIndicator => {
                present.iter().copied().collect::<Moments>().mean()
            }
            Impute::MostFrequent => most_frequent(&mut present),
            Impute::Constant(value) => {
                let moment = value.as_str().and_then(domain::dates::moment);
                let number = value.as_f64().or(moment);
                number.ok_or("its constant is no number")?
            }
        };
        if !number.is_finite() {
            return Err("its values are too large to compute with".to_owned());
        }
        let how = match impute {
            Impute::Median => "median",
            Impute::Mean | Impute::MissingIndicator => "mean",
            Impute::MostFrequent => "most frequent",
            Impute::Constant(_) => "constant",
        };
        Ok(Some((number, how)))
    }
}

/// Of several the smallest. Changes their order.
fn most_frequent(numbers: &mut [f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let runs = numbers.chunk_by(|a, b| a.total_cmp(b).is_eq());
    let mut best: &[f64] = &[];
    for run in runs {
        if run.len() > best.len() {
            best = run;
        }
    }
    best.first().copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_number_is_the_smallest_of_several() {
        assert!((most_frequent(&mut [3.0, 1.0, 3.0, 2.0, 1.0]) - 1.0).abs() < 1e-15);
        assert!((most_frequent(&mut [3.0, 1.0, 3.0]) - 3.0).abs() < 1e-15);
        assert!(most_frequent(&mut []).is_nan());
    }
}
