use std::cmp::Reverse;
use std::collections::HashMap;

use domain::training_runs::{Named, preprocessing};
use model::OTHER;

use crate::profile::is_id_like;
use crate::table::{MISSING, UNNAMED};

/// Which categories are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// One of fewer training rows counts as "other".
    pub(crate) min_count: u64,
    pub(crate) max_categories: usize,
    /// The code of one that is kept in any case.
    pub(crate) kept: Option<u32>,
}

/// Categories of which trees that order them anew in each node can tell each from all others: as many as bins are left beside that of
/// all others.
const MOST_TOLD_APART: usize = 254;

impl Rules {
    /// Where nothing is asked of a column.
    pub(crate) fn of(algorithm: Named) -> Self {
        let usual = Self::default();
        match algorithm {
            Named::HistogramBoosting => Self {
                max_categories: MOST_TOLD_APART,
                ..usual
            },
            _ => usual,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_count: preprocessing::MIN_COUNT.into(),
            max_categories: preprocessing::KEPT_CATEGORIES as usize,
            kept: None,
        }
    }
}

/// One number for each category but the first, 1 where the row is of it, and one for all categories that are rare.
#[derive(Clone, Debug)]
pub(crate) struct Categorical {
    /// In alphabetical order. The first is the base that the others are measured against.
    pub(crate) categories: Vec<String>,
    /// Of the training rows, a missing value counted as the category that stands in for it.
    pub(crate) counts: Vec<u64>,
    /// Training rows of all other categories.
    pub(crate) other: u64,
    /// The category that stands in for a missing value: the most frequent one.
    pub(crate) impute: u32,
    /// Of each of the table's codes, its category or [`OTHER`].
    by_code: Vec<u32>,
}

impl Categorical {
    /// Or why the column is of no use.
    pub(crate) fn fit(
        codes: &[u32],
        names: &[String],
        boolean: bool,
        train: &[u32],
        rules: Rules,
    ) -> Result<Self, String> {
        if !boolean {
            Self::refuse_id_like(codes, names)?;
        }
        let mut by_code = vec![0_u64; names.len()];
        let (mut missing, mut unnamed) = (0, 0);
        for &row in train {
            match codes[row as usize] {
                MISSING => missing += 1,
                UNNAMED => unnamed += 1,
                code => by_code[code as usize] += 1,
            }
        }
        if missing == train.len() as u64 {
            return Err("all missing: no training row has a value".to_owned());
        }

        let mut ranked: Vec<usize> = (0..names.len()).filter(|&code| by_code[code] > 0).collect();
        ranked.sort_unstable_by_key(|&code| (Reverse(by_code[code]), &names[code]));
        let mut kept: Vec<usize> = ranked.iter().copied().take(rules.max_categories).collect();
        if !boolean {
            kept.retain(|&code| by_code[code] >= rules.min_count);
        }
        if let Some(always) = rules.kept.map(|code| code as usize)
            && !kept.contains(&always)
        {
            kept.push(always);
        }
        let Some(&most_frequent) = kept.first() else {
            return Err(format!(
                "no category has {} or more training rows: {}",
                rules.min_count,
                described(codes, names)
            ));
        };
        let rows = |codes: &[usize]| codes.iter().map(|&code| by_code[code]).sum::<u64>();
        let other = unnamed + rows(&ranked) - rows(&kept);
        if kept.len() + usize::from(other > 0) < 2 {
            return Err(format!(
                "constant: every training row has {:?}",
                names[most_frequent]
            ));
        }

        kept.sort_unstable_by_key(|&code| &names[code]);
        let places = (kept, most_frequent, missing, other);
        Ok(Self::of(names, places, &by_code))
    }

    /// The categories as they are listed, whether a row has them or not. Any other one counts as "other".
    ///
    /// # Errors
    /// Why the column is of no use.
    pub(crate) fn ordered(
        codes: &[u32],
        names: &[String],
        order: &[String],
        train: &[u32],
    ) -> Result<Self, String> {
        let mut places = vec![OTHER; names.len()];
        let mut listed: HashMap<&str, u32> = (0..)
            .zip(order)
            .map(|(place, name)| (name.as_str(), place))
            .collect();
        for (name, place) in names.iter().zip(&mut places) {
            *place = listed.remove(name.as_str()).unwrap_or(OTHER);
        }
        let mut counts = vec![0_u64; order.len()];
        let (mut other, mut missing) = (0, 0);
        for &row in train {
            let place = match codes[row as usize] {
                MISSING => {
                    missing += 1;
                    continue;
                }
                code => places.get(code as usize).copied().unwrap_or(OTHER),
            };
            match counts.get_mut(place as usize) {
                Some(count) => *count += 1,
                None => other += 1,
            }
        }
        let most = counts.iter().copied().max().unwrap_or_default();
        if most == 0 {
            return Err("no training row has a category that its order lists".to_owned());
        }
        let impute = counts
            .iter()
            .position(|&count| count == most)
            .unwrap_or_default();
        counts[impute] += missing;
        Ok(Self {
            categories: order.to_vec(),
            counts,
            other,
            impute: impute as u32,
            by_code: places,
        })
    }

    /// The code that stands for the most frequent category.
    pub(crate) fn most_frequent_code(&self) -> u32 {
        let places = self.by_code.iter();
        let code = places.clone().position(|&place| place == self.impute);
        code.map_or(MISSING, |code| code as u32)
    }

    fn of(
        names: &[String],
        (kept, most_frequent, missing, other): (Vec<usize>, usize, u64, u64),
        by_code: &[u64],
    ) -> Self {
        let mut categories = Vec::with_capacity(kept.len());
        let mut counts = Vec::with_capacity(kept.len());
        let mut places = vec![OTHER; names.len()];
        let mut impute = 0;
        for (place, &code) in (0_u32..).zip(&kept) {
            categories.push(names[code].clone());
            counts.push(by_code[code]);
            places[code] = place;
            if code == most_frequent {
                impute = place;
            }
        }
        counts[impute as usize] += missing;
        Self {
            categories,
            counts,
            other,
            impute,
            by_code: places,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.categories.len() - 1 + usize::from(self.other > 0)
    }

    pub(super) fn part_names(&self, column: &str) -> Vec<String> {
        let mut names: Vec<String> = self.categories[1..]
            .iter()
            .map(|category| format!("{column} = {category}"))
            .collect();
        if self.other > 0 {
            names.push(format!("{column} = other"));
        }
        names
    }

    /// Training rows that have the part, out of all training rows.
    pub(crate) fn part_rows(&self, part: usize) -> (u64, u64) {
        let all = self.counts.iter().sum::<u64>() + self.other;
        (
            self.counts.get(part + 1).copied().unwrap_or(self.other),
            all,
        )
    }

    /// The place among the categories, or [`OTHER`], for one of the table's codes.
    pub(crate) fn place(&self, code: u32) -> u32 {
        match code {
            MISSING => self.impute,
            UNNAMED => OTHER,
            code => self.by_code.get(code as usize).copied().unwrap_or(OTHER),
        }
    }

    /// Which of the parts is 1. None for the base, and for "other" when training saw none of it.
    pub(super) fn part(&self, code: u32) -> Option<usize> {
        match self.place(code) {
            OTHER => (self.other > 0).then(|| self.categories.len() - 1),
            0 => None,
            place => Some(place as usize - 1),
        }
    }
}

impl Categorical {
    /// Looks at all rows: an identifier is one, however the rows are split.
    pub(crate) fn refuse_id_like(codes: &[u32], names: &[String]) -> Result<(), String> {
        let present = codes.iter().filter(|&&code| code != MISSING).count() as u64;
        let unnamed = codes.iter().filter(|&&code| code == UNNAMED).count() as u64;
        let distinct = names.len() as u64 + unnamed;
        if is_id_like(domain::datasets::ColumnType::String, distinct, present) {
            let what = if is_free_text(names, unnamed) {
                "free text"
            } else {
                "id-like"
            };
            return Err(format!(
                "{what}: (nearly) every row has another value: {}",
                described(codes, names)
            ));
        }
        Ok(())
    }
}

/// How many values there are, and what to do about it.
fn described(codes: &[u32], names: &[String]) -> String {
    let unnamed = codes.iter().filter(|&&code| code == UNNAMED).count();
    let more = if unnamed > 0 { "or more " } else { "" };
    let present = codes.iter().filter(|&&code| code != MISSING).count();
    format!(
        "{} {more}different values in {present} rows; leave the column out of features, or make columns of few values of it before you \
         upload the table",
        names.len()
    )
}

/// Whether the values are several words each, as people write, or too long to be told apart.
fn is_free_text(names: &[String], unnamed: u64) -> bool {
    const WORDS: usize = 3;
    let words: usize = names
        .iter()
        .map(|name| name.split_whitespace().count())
        .sum();
    unnamed > 0 || words >= WORDS * names.len().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(values: &[&str]) -> Result<Categorical, String> {
        let mut names: Vec<String> = Vec::new();
        let codes: Vec<u32> = values
            .iter()
            .map(|&value| match names.iter().position(|name| name == value) {
                _ if value.is_empty() => MISSING,
                Some(code) => code as u32,
                None => {
                    names.push(value.to_owned());
                    names.len() as u32 - 1
                }
            })
            .collect();
        let train: Vec<u32> = (0..codes.len() as u32).collect();
        Categorical::fit(&codes, &names, false, &train, Rules::default())
    }

    #[test]
    fn rare_categories_are_other_and_missing_ones_the_most_frequent() {
        let fitted = fit(&["b", "b", "b", "", "a", "a", "a", "rare", "b", "odd"]).unwrap();
        assert_eq!(fitted.categories, ["a", "b"]);
        assert_eq!(fitted.impute, 1);
        assert_eq!(
            (fitted.counts.as_slice(), fitted.other),
            ([3, 5].as_slice(), 2)
        );
        assert_eq!(fitted.part_names("c"), ["c = b", "c = other"]);
        // Codes: b, a, rare, odd.
        assert_eq!(
            [0, 1, 2, 3, MISSING, UNNAMED].map(|code| fitted.part(code)),
            [Some(0), None, Some(1), Some(1), Some(0), Some(1)]
        );
    }

    #[test]
    fn without_rare_categories_there_is_no_part_for_them() {
        let fitted = fit(&["b", "b", "b", "a", "a", "a"]).unwrap();
        assert_eq!(fitted.part_names("c"), ["c = b"]);
        assert_eq!(fitted.part(UNNAMED), None);
    }

    #[test]
    fn at_most_fifty_categories_are_kept() {
        let names: Vec<String> = (0..80).map(|index| format!("c{index:02}")).collect();
        let values: Vec<&str> = names
            .iter()
            .enumerate()
            .flat_map(|(index, name)| vec![name.as_str(); 3 + index])
            .collect();
        let fitted = fit(&values).unwrap();
        assert_eq!(fitted.categories.len(), 50);
        assert_eq!(fitted.categories[0], "c30");
    }

    #[test]
    fn useless_columns_say_why() {
        assert!(
            fit(&["x", "x", "", "x"])
                .unwrap_err()
                .starts_with("constant")
        );
        assert!(fit(&["", ""]).unwrap_err().starts_with("all missing"));
        assert!(
            fit(&["a", "b", "c"])
                .unwrap_err()
                .starts_with("no category has")
        );
        let ids: Vec<String> = (0..30).map(|index| format!("id{index}")).collect();
        assert!(
            fit(&ids.iter().map(String::as_str).collect::<Vec<_>>())
                .unwrap_err()
                .starts_with("id-like")
        );
    }
}
