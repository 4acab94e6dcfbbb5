use std::cmp::Reverse;

use model::OTHER;

use crate::profile::{HIGH_CARDINALITY, is_id_like};
use crate::table::{MISSING, UNNAMED};

/// A category in fewer training rows than this counts as "other".
const MIN_ROWS: u64 = 3;

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
    pub(super) fn fit(
        codes: &[u32],
        names: &[String],
        boolean: bool,
        train: &[u32],
    ) -> Result<Self, String> {
        if !boolean {
            refuse_id_like(codes, names)?;
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
        let mut kept: Vec<usize> = ranked
            .iter()
            .copied()
            .take(HIGH_CARDINALITY as usize)
            .collect();
        if !boolean {
            kept.retain(|&code| by_code[code] >= MIN_ROWS);
        }
        let Some(&most_frequent) = kept.first() else {
            return Err(format!("no category has {MIN_ROWS} or more training rows"));
        };
        let other = unnamed
            + ranked
                .iter()
                .filter(|code| !kept.contains(code))
                .map(|&code| by_code[code])
                .sum::<u64>();
        if kept.len() + usize::from(other > 0) < 2 {
            return Err(format!(
                "constant: every training row has {:?}",
                names[most_frequent]
            ));
        }

        kept.sort_unstable_by_key(|&code| &names[code]);
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
        Ok(Self {
            categories,
            counts,
            other,
            impute,
            by_code: places,
        })
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

/// Looks at all rows: an identifier is one, however the rows are split.
fn refuse_id_like(codes: &[u32], names: &[String]) -> Result<(), String> {
    let present = codes.iter().filter(|&&code| code != MISSING).count() as u64;
    let unnamed = codes.iter().filter(|&&code| code == UNNAMED).count() as u64;
    let distinct = names.len() as u64 + unnamed;
    if is_id_like(domain::datasets::ColumnType::String, distinct, present) {
        return Err("id-like: (nearly) every row has another value".to_owned());
    }
    Ok(())
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
        Categorical::fit(&codes, &names, false, &train)
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
