//! Sums with a term for each input, those of all scores at once.

use onnx::{Element, Op, Wire};

use super::{Density, Graph, Linear};
use crate::artifact::{Densities, Transform};

pub(super) struct Terms {
    /// What each score starts from.
    base: Vec<f64>,
    columns: Vec<Column>,
}

/// How an input becomes its terms, of which there is one for each score.
enum Column {
    /// A number times these; or these, where it is missing.
    Scaled { scales: Vec<f64>, missing: Vec<f64> },
    /// One list of terms for each code of the input's category.
    Categorical { terms: Vec<Vec<f64>> },
    /// One list of terms for each range of the number, and one for a missing value.
    Ranges {
        cuts: Vec<f64>,
        terms: Vec<Vec<f64>>,
    },
}

impl Terms {
    pub(super) fn linear(scores: &[&Linear]) -> Self {
        let mut base: Vec<f64> = scores.iter().map(|score| score.intercept).collect();
        let count = scores.first().map_or(0, |score| score.transforms.len());
        let columns = (0..count).map(|slot| {
            let mut scales = Vec::new();
            let mut missing = Vec::new();
            let mut terms: Vec<Vec<f64>> = Vec::new();
            for (score, base) in scores.iter().zip(&mut base) {
                match &score.transforms[slot] {
                    Transform::Numeric {
                        impute,
                        mean,
                        std,
                        coefficient,
                    } => {
                        let scale = coefficient / std;
                        *base -= mean * scale;
                        scales.push(scale);
                        missing.push(impute * scale);
                    }
                    Transform::Categorical {
                        impute,
                        effects,
                        other,
                    } => {
                        let missing = effects.get(*impute as usize).unwrap_or(other);
                        put(&mut terms, effects.iter().chain([other, missing]));
                    }
                }
            }
            if terms.is_empty() {
                Column::Scaled { scales, missing }
            } else {
                Column::Categorical { terms }
            }
        });
        Self {
            columns: columns.collect(),
            base,
        }
    }

    /// Their cuts are the same.
    pub(super) fn densities(scores: &[&Densities]) -> Self {
        let count = scores.first().map_or(0, |score| score.terms.len());
        let columns = (0..count).map(|slot| {
            let mut all: Vec<Vec<f64>> = Vec::new();
            let mut common = None;
            for score in scores {
                match &score.terms[slot] {
                    Density::Ranges { cuts, terms } => {
                        common = Some(cuts.clone());
                        put(&mut all, terms.iter().chain([&0.0]));
                    }
                    Density::Categorical { terms, other } => {
                        put(&mut all, terms.iter().chain([other, &0.0]));
                    }
                }
            }
            match common {
                Some(cuts) => Column::Ranges { cuts, terms: all },
                None => Column::Categorical { terms: all },
            }
        });
        Self {
            columns: columns.collect(),
            base: scores.iter().map(|score| score.base).collect(),
        }
    }
}

/// Adds a score's terms to the lists of each code.
fn put<'n>(lists: &mut Vec<Vec<f64>>, terms: impl Iterator<Item = &'n f64>) {
    for (code, term) in terms.enumerate() {
        match lists.get_mut(code) {
            Some(list) => list.push(*term),
            None => lists.push(vec![*term]),
        }
    }
}

impl Graph<'_> {
    /// `[rows, scores]`
    pub(super) fn terms(&mut self, terms: Terms) -> Wire {
        let width = terms.base.len();
        let mut sum = self.numbers(&[1, width], terms.base);
        let mut numbers = Vec::new();
        let (mut scales, mut imputed) = (Vec::new(), Vec::new());
        let mut codes = Vec::new();
        let (mut offsets, mut table) = (Vec::new(), Vec::new());
        let mut rows = 0;
        for (slot, column) in terms.columns.into_iter().enumerate() {
            let (code, terms) = match column {
                Column::Scaled {
                    scales: by,
                    missing,
                } => {
                    numbers.push(self.value(slot));
                    scales.extend(by);
                    imputed.extend(missing);
                    continue;
                }
                Column::Categorical { terms } => (self.value(slot), terms),
                Column::Ranges { cuts, terms } => (self.range(slot, cuts), terms),
            };
            codes.push(code);
            offsets.push(rows);
            rows += terms.len() as i64;
            table.extend(terms.into_iter().flatten());
        }
        if !numbers.is_empty() {
            let count = numbers.len();
            let numbers = self.beside(numbers);
            let draft = &mut self.draft;
            let is_missing = draft.add(Op::new("IsNaN"), &[&numbers]);
            let zero = self.number(0.0);
            let scales = self.numbers(&[count, width], scales);
            let imputed = self.numbers(&[count, width], imputed);
            let draft = &mut self.draft;
            let present = draft.add(Op::new("Where"), &[&is_missing, &zero, &numbers]);
            let absent = self.cast(&is_missing, Element::F64);
            let draft = &mut self.draft;
            for (values, factors) in [(present, scales), (absent, imputed)] {
                let terms = draft.add(Op::new("MatMul"), &[&values, &factors]);
                sum = draft.add(Op::new("Add"), &[&terms, &sum]);
            }
        }
        if !codes.is_empty() {
            let count = codes.len();
            let codes = self.beside(codes);
            let offsets = self.wholes(&[1, count], offsets);
            let table = self.numbers(&[rows as usize, width], table);
            let across = self.wholes(&[1], vec![1]);
            let draft = &mut self.draft;
            let places = draft.add(Op::new("Add"), &[&codes, &offsets]);
            let terms = draft.add(Op::new("Gather").int("axis", 0), &[&table, &places]);
            let op = Op::new("ReduceSum").int("keepdims", 0);
            let terms = draft.add(op, &[&terms, &across]);
            sum = draft.add(Op::new("Add"), &[&terms, &sum]);
        }
        sum
    }

    /// `[rows, 1]`: how many of the cuts are not above the number, and one more than all of them where it is missing.
    fn range(&mut self, slot: usize, cuts: Vec<f64>) -> Wire {
        let number = self.compared(slot);
        let column = &self.columns[slot];
        let cuts: Vec<f64> = cuts.iter().map(|cut| column.threshold(*cut)).collect();
        let is_missing = self.draft.add(Op::new("IsNaN"), &[&number]);
        let to_whole = || Op::new("Cast").to(Element::I64);
        if cuts.is_empty() {
            return self.draft.add(to_whole(), &[&is_missing]);
        }
        let missing = self.wholes(&[], vec![cuts.len() as i64 + 1]);
        let cuts = self.numbers(&[1, cuts.len()], cuts);
        let across = self.wholes(&[1], vec![1]);
        let draft = &mut self.draft;
        let above = draft.add(Op::new("GreaterOrEqual"), &[&number, &cuts]);
        let above = draft.add(to_whole(), &[&above]);
        let op = Op::new("ReduceSum").int("keepdims", 1);
        let range = draft.add(op, &[&above, &across]);
        draft.add(Op::new("Where"), &[&is_missing, &missing, &range])
    }
}
