//! Dates, taken apart.

use domain::datasets::TextFormat;
use domain::dates::{self, DatePart};
use model::Step;

use super::{Outcome, Source, Task, Words};
use crate::table::Values;

impl<'a> Task<'a, '_> {
    pub(super) fn date(&self) -> Outcome<'a> {
        let Values::Numbers(moments) = &self.column.values else {
            return Err("it was not read as dates".to_owned());
        };
        let stand_in = self.stand_in_of(moments, false)?;
        let missing = stand_in.map(|(moment, _)| moment);
        let parts = self.asked.date_parts.as_deref().unwrap_or_default();
        let mut columns: Vec<_> = parts
            .iter()
            .map(|&part| {
                let of = |&moment: &f64| match missing.filter(|_| moment.is_nan()) {
                    None if moment.is_nan() => f64::NAN,
                    None => part.of(moment),
                    Some(stand_in) => part.of(stand_in),
                };
                let step = Step::Date { part, missing };
                self.numbers(part.as_str(), moments.iter().map(of).collect(), step)
            })
            .collect();
        let indicator = self.indicator();
        let is_marked = indicator.is_some();
        columns.extend(indicator);
        let format = self.column.format.unwrap_or(TextFormat::Timestamp);
        let names: Vec<&str> = parts.iter().copied().map(DatePart::as_str).collect();
        let source = Source {
            column: self.column,
            categorical: None,
            words: Words {
                impute: stand_in.map(|(moment, how)| {
                    // A mean of dates is some time of a day.
                    let format = if how == "mean" {
                        TextFormat::Timestamp
                    } else {
                        format
                    };
                    format!("{how} {}", dates::written(moment, format))
                }),
                unseen: None,
                transform: Some(names.join(", ")),
                is_marked,
            },
        };
        Ok((source, columns))
    }
}
