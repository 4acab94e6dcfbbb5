//! How a model does on parts of the held-out rows.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::datasets::ColumnType;
use domain::dates;
use domain::models::{Estimate, Metric, SMALL_SEGMENT, Segment, SegmentedColumn};

use crate::error::shorten;
use crate::profile::Moments;
use crate::table::{Column, MISSING, Values};

/// Columns of more categories tell of none of them.
const MOST_CATEGORIES: usize = 50;
/// Categories that are told of, the most frequent ones; the rest stand together.
const SHOWN_CATEGORIES: usize = 12;
/// Columns that are told of.
const MOST_COLUMNS: usize = 20;
/// Longest name of a category, in characters.
const LONGEST_NAME: usize = 60;
/// Of a normal distribution, within 95 %.
const INTERVAL: f64 = 1.96;
/// The quarters of numbers.
const QUARTERS: usize = 4;

/// Of these columns, by what each held-out row loses: the square of its error, or its log loss.
pub(crate) fn segments<'a>(
    columns: impl Iterator<Item = &'a Column>,
    test: &[u32],
    losses: &[f64],
    metric: Metric,
) -> Vec<SegmentedColumn> {
    let all: Moments = losses.iter().copied().collect();
    let overall = of_mean(metric, all.mean());
    let mut told = Vec::new();
    for column in columns {
        if told.len() == MOST_COLUMNS {
            break;
        }
        let Some(parts) = parts(column, test) else {
            continue;
        };
        let segments = parts.into_iter().map(|(name, places)| {
            let losses: Moments = places.iter().map(|&place| losses[place]).collect();
            let rows = places.len() as u32;
            let estimate = estimate(metric, losses);
            let is_small = rows < SMALL_SEGMENT;
            Segment {
                name,
                rows,
                is_small,
                is_worse: !is_small && estimate.low > overall,
                estimate,
            }
        });
        told.push(SegmentedColumn {
            column: column.name.clone(),
            segments: segments.collect(),
        });
    }
    told
}

fn of_mean(metric: Metric, mean: f64) -> f64 {
    match metric {
        Metric::Rmse => mean.max(0.0).sqrt(),
        Metric::LogLoss => mean.max(0.0),
    }
}

/// Of few rows the deviation that they show is as uncertain as their mean: it is taken with one less than their number.
fn estimate(metric: Metric, losses: Moments) -> Estimate {
    let reach = INTERVAL * losses.std().unwrap_or_default() / (losses.count() as f64).sqrt();
    Estimate {
        value: of_mean(metric, losses.mean()),
        low: of_mean(metric, losses.mean() - reach),
        high: of_mean(metric, losses.mean() + reach),
    }
}

type Part = (String, Vec<usize>);

/// Places among the held-out rows. None where there is nothing to compare.
fn parts(column: &Column, test: &[u32]) -> Option<Vec<Part>> {
    let parts = match &column.values {
        Values::Categories { codes, names } => categories(codes, names, test)?,
        Values::Numbers(numbers) => quarters(column, numbers, test),
    };
    (parts.len() > 1).then_some(parts)
}

fn categories(codes: &[u32], names: &[String], test: &[u32]) -> Option<Vec<Part>> {
    let mut by_code: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, &row) in test.iter().enumerate() {
        by_code.entry(codes[row as usize]).or_default().push(place);
    }
    if by_code.len() > MOST_CATEGORIES {
        return None;
    }
    let missing = by_code.remove(&MISSING);
    let mut known: Vec<(u32, Vec<usize>)> = by_code.into_iter().collect();
    known.sort_by_key(|(code, places)| (Reverse(places.len()), *code));
    let rest = known.split_off(SHOWN_CATEGORIES.min(known.len()));
    let mut parts: Vec<Part> = known
        .into_iter()
        .map(|(code, places)| {
            let name = names
                .get(code as usize)
                .map_or("(long texts)", String::as_str);
            (shorten(name, LONGEST_NAME), places)
        })
        .collect();
    if !rest.is_empty() {
        let name = format!("({} others)", rest.len());
        let places = rest.into_iter().flat_map(|(_, places)| places);
        parts.push((name, places.collect()));
    }
    parts.extend(missing.map(|places| ("(missing)".to_owned(), places)));
    Some(parts)
}

fn quarters(column: &Column, numbers: &[f64], test: &[u32]) -> Vec<Part> {
    let number = |place: usize| numbers[test[place] as usize];
    let (mut order, missing): (Vec<usize>, Vec<usize>) =
        (0..test.len()).partition(|&place| !number(place).is_nan());
    order.sort_by(|&a, &b| number(a).total_cmp(&number(b)).then(a.cmp(&b)));
    let mut parts = Vec::new();
    let mut rest = order.as_slice();
    for left in (1..=QUARTERS).rev() {
        let Some(&last) = rest.get((rest.len().div_ceil(left)).saturating_sub(1)) else {
            break;
        };
        // Rows of the same number stay together.
        let end = rest.partition_point(|&place| number(place) <= number(last));
        let (part, behind) = rest.split_at(end);
        rest = behind;
        let (from, to) = (number(part[0]), number(last));
        let name = if from.total_cmp(&to).is_eq() {
            written(column, from)
        } else {
            format!("{} to {}", written(column, from), written(column, to))
        };
        parts.push((name, part.to_vec()));
    }
    if !missing.is_empty() {
        parts.push(("(missing)".to_owned(), missing));
    }
    parts
}

fn written(column: &Column, number: f64) -> String {
    match (column.format, column.kind) {
        (Some(format), _) => dates::written(number, format),
        (None, ColumnType::Integer) => format!("{number:.0}"),
        (None, _) => {
            let rounded = format!("{number:.4}");
            match number.abs() {
                1e-3..1e9 | 0.0 => rounded
                    .trim_end_matches('0')
                    .trim_end_matches('.')
                    .to_owned(),
                _ => format!("{number:.3e}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: Values, kind: ColumnType) -> Column {
        Column {
            name: "c".to_owned(),
            kind,
            format: None,
            values,
        }
    }

    fn of(column: &Column, losses: &[f64]) -> Vec<SegmentedColumn> {
        let test: Vec<u32> = (0..losses.len() as u32).collect();
        segments([column].into_iter(), &test, losses, Metric::Rmse)
    }

    #[test]
    fn a_category_on_which_the_model_is_worse_is_marked() {
        let codes = (0..400).map(|row| u32::from(row % 4 == 0)).collect();
        let names = vec!["well".to_owned(), "badly".to_owned()];
        let losses: Vec<f64> = (0..400)
            .map(|row| {
                if row % 4 == 0 {
                    9.0 + f64::from(row % 3)
                } else {
                    1.0
                }
            })
            .collect();
        let told = of(
            &column(Values::Categories { codes, names }, ColumnType::String),
            &losses,
        );
        let [well, badly] = &told[0].segments[..] else {
            panic!("{told:?}")
        };
        assert_eq!(
            (well.name.as_str(), well.rows, well.is_worse),
            ("well", 300, false)
        );
        assert_eq!(
            (badly.name.as_str(), badly.rows, badly.is_worse),
            ("badly", 100, true)
        );
        assert!((badly.estimate.value - 10.0_f64.sqrt()).abs() < 0.1);
        assert!(
            badly.estimate.low < badly.estimate.value && badly.estimate.value < badly.estimate.high
        );
    }

    #[test]
    fn few_rows_say_little() {
        let codes = (0..100).map(|row| u32::from(row < 5)).collect();
        let names = vec!["many".to_owned(), "few".to_owned()];
        let losses: Vec<f64> = (0..100)
            .map(|row| if row < 5 { 100.0 } else { 1.0 })
            .collect();
        let told = of(
            &column(Values::Categories { codes, names }, ColumnType::String),
            &losses,
        );
        let few = &told[0].segments[1];
        assert!(few.is_small && !few.is_worse, "{few:?}");
    }

    #[test]
    fn numbers_are_quartered_and_equal_ones_stay_together() {
        let mut numbers: Vec<f64> = (0..80).map(f64::from).collect();
        numbers.extend([f64::NAN; 20]);
        let told = of(
            &column(Values::Numbers(numbers), ColumnType::Integer),
            &[1.0; 100],
        );
        let names: Vec<&str> = told[0]
            .segments
            .iter()
            .map(|segment| segment.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["0 to 19", "20 to 39", "40 to 59", "60 to 79", "(missing)"]
        );
        let zeros: Vec<f64> = (0..100).map(|row| f64::from(u8::from(row >= 90))).collect();
        let told = of(
            &column(Values::Numbers(zeros), ColumnType::Float),
            &[1.0; 100],
        );
        let rows: Vec<u32> = told[0]
            .segments
            .iter()
            .map(|segment| segment.rows)
            .collect();
        assert_eq!(rows, [90, 10]);
    }

    #[test]
    fn a_column_that_says_the_same_everywhere_is_left_out() {
        let same = column(Values::Numbers(vec![1.0; 50]), ColumnType::Float);
        assert!(of(&same, &[1.0; 50]).is_empty());
        let names: Vec<String> = (0..60).map(|name| format!("n{name}")).collect();
        let many = Values::Categories {
            codes: (0..60).collect(),
            names,
        };
        assert!(of(&column(many, ColumnType::String), &[1.0; 60]).is_empty());
    }
}
