//! Categories: which are kept, and what they become.

use std::borrow::Cow;

use domain::datasets::ColumnType;
use domain::training_runs::{Encode, Impute, RunError};
use model::{OTHER, Step};

use super::target::TargetMeans;
use super::{Made, Outcome, Source, Task, Words};
use crate::failure::failure;
use crate::features::{Categorical, Rules, median};
use crate::table::{Column, MISSING, Values};

impl<'a> Task<'a, '_> {
    /// # Errors
    /// The column is free text, and was asked to be encoded.
    pub(super) fn category(&self) -> Result<Outcome<'a>, RunError> {
        let Values::Categories { codes, names } = &self.column.values else {
            return Ok(Err("it holds no categories".to_owned()));
        };
        let is_boolean = self.column.kind == ColumnType::Boolean;
        if !is_boolean
            && self.asked.encode.is_some()
            && let Err(reason) = Categorical::refuse_id_like(codes, names)
        {
            return Err(failure(
                "invalid_features",
                format!("column {:?}: {reason}", self.column.name),
                "Leave the column out of features and of preprocessing, or make columns of few values of it before you upload the table.",
            ));
        }
        Ok(self.encoded(codes, names))
    }

    fn encoded(&self, codes: &[u32], names: &[String]) -> Outcome<'a> {
        let mut names = Cow::Borrowed(names);
        let constant = match &self.asked.impute {
            Some(Impute::Constant(value)) => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                let place = names.iter().position(|name| *name == text);
                Some(place.unwrap_or_else(|| {
                    names.to_mut().push(text);
                    names.len() - 1
                }) as u32)
            }
            _ => None,
        };
        let rules = Rules {
            min_count: u64::from(self.asked.min_count()),
            max_categories: self.asked.max_categories() as usize,
            kept: constant,
        };
        let is_boolean = self.column.kind == ColumnType::Boolean;
        let fit = |codes: &[u32]| match &self.asked.order {
            Some(order) => Categorical::ordered(codes, &names, order, self.rows.train),
            None => Categorical::fit(codes, &names, is_boolean, self.rows.train, rules),
        };
        let has_missing = self.has_missing();
        let stand_in = match (&self.asked.impute, constant) {
            _ if !has_missing => None,
            (None, _) => None,
            (Some(_), Some(constant)) => Some(constant),
            (Some(_), None) => Some(fit(codes)?.most_frequent_code()),
        };
        let filled: Cow<'_, [u32]> = match stand_in {
            None => Cow::Borrowed(codes),
            Some(stand_in) => {
                let fill = |&code: &u32| if code == MISSING { stand_in } else { code };
                Cow::Owned(codes.iter().map(fill).collect())
            }
        };
        let categorical = fit(&filled)?;
        let missing = stand_in.map(|code| categorical.place(code));
        let mut words = Words {
            impute: stand_in.map(|code| {
                let how = if constant.is_some() {
                    "constant"
                } else {
                    "most frequent"
                };
                format!("{how} {:?}", names[code as usize])
            }),
            ..Words::default()
        };
        let mut columns = match self.asked.encode() {
            Encode::OneHot => self.one_hot(&filled, &names, &categorical, missing),
            Encode::Ordinal => self.ordinal(&filled, &categorical, missing, &mut words),
            Encode::Target => self.target(&filled, &categorical, missing, &mut words),
        };
        let indicator = self.indicator();
        words.is_marked = indicator.is_some();
        columns.extend(indicator);
        let source = Source {
            column: self.column,
            categorical: Some(categorical),
            words,
        };
        Ok((source, columns))
    }

    fn one_hot(
        &self,
        filled: &[u32],
        names: &[String],
        categorical: &Categorical,
        missing: Option<u32>,
    ) -> Vec<Made<'a>> {
        let (column, step) = match missing {
            None => (Cow::Borrowed(self.column), Step::Same),
            Some(missing) => {
                let column = Column {
                    name: self.column.name.clone(),
                    kind: self.column.kind,
                    format: None,
                    values: Values::Categories {
                        codes: filled.to_vec(),
                        names: names.to_vec(),
                    },
                };
                (Cow::Owned(column), Step::Category { missing })
            }
        };
        let made = Made {
            categorical: Some(categorical.clone()),
            ..self.made(column, step)
        };
        vec![made]
    }

    fn ordinal(
        &self,
        filled: &[u32],
        categorical: &Categorical,
        missing: Option<u32>,
        words: &mut Words,
    ) -> Vec<Made<'a>> {
        let place = |code: u32| match code {
            MISSING => None,
            code => Some(categorical.place(code)).filter(|place| *place != OTHER),
        };
        let train = self.rows.train.iter();
        let mut seen: Vec<f64> = train
            .filter_map(|&row| place(filled[row as usize]).map(f64::from))
            .collect();
        let other = if seen.is_empty() {
            0.0
        } else {
            median(&mut seen)
        };
        let count = categorical.categories.len() as u32;
        let numbers = filled
            .iter()
            .map(|&code| match code {
                MISSING => f64::NAN,
                code => place(code).map_or(other, f64::from),
            })
            .collect();
        let step = Step::Lookup {
            numbers: (0..count).map(f64::from).collect(),
            other,
            missing: missing.map(|place| if place == OTHER { other } else { place.into() }),
        };
        words.unseen = Some(format!("the median place, {other}"));
        words.transform = Some("its place in the order of the categories, from 0".to_owned());
        vec![self.numbers("ordinal", numbers, step)]
    }

    fn target(
        &self,
        filled: &[u32],
        categorical: &Categorical,
        missing: Option<u32>,
        words: &mut Words,
    ) -> Vec<Made<'a>> {
        let smoothing = self.asked.smoothing();
        let target = self.rows.target;
        let classes = target.classes.as_deref().unwrap_or_default();
        // Of two classes one says it for both.
        let learned: Vec<Option<usize>> = match classes.len() {
            0 => vec![None],
            2 => vec![Some(1)],
            count => (0..count).map(Some).collect(),
        };
        let means = |train: &[u32], class: Option<usize>| {
            TargetMeans::new(filled, categorical, train, smoothing, |row| {
                let value = target.values[row as usize];
                class.map_or(value, |class| f64::from(value as usize == class))
            })
        };
        let columns = learned.into_iter().map(|class| {
            let whole = means(self.rows.train, class);
            let mut numbers: Vec<f64> = filled.iter().map(|&code| whole.of(code)).collect();
            // A training row gets what the others say, or it would be told its own target.
            for &row in self.rows.train {
                numbers[row as usize] = whole.average();
            }
            for fold in self.rows.folds {
                let others = means(&fold.train, class);
                for &row in &fold.test {
                    numbers[row as usize] = others.of(filled[row as usize]);
                }
            }
            let what = match class.and_then(|class| classes.get(class)) {
                Some(class) if classes.len() > 2 => format!("target = {class}"),
                _ => "target".to_owned(),
            };
            self.numbers(&what, numbers, whole.step(missing))
        });
        let columns = columns.collect();
        words.unseen = Some("the mean of the target over the rare categories, or over all rows where there are none".to_owned());
        if missing.is_none() && self.has_missing() {
            words.impute =
                Some("the mean of the target over the rows where it is missing".to_owned());
        }
        words.transform = Some(format!(
            "the mean of the target over the category's rows and {smoothing} of the average"
        ));
        columns
    }
}
