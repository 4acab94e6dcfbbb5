//! The operators of the set `ai.onnx.ml`: trees, linear models, and what prepares tables for them.

mod categories;
mod features;
mod linear;
mod rows;
mod scale;
mod score;
mod svm;
mod trees;
mod zipmap;

use crate::read::Entry;

const TABLES: [&[Entry]; 7] = [
    categories::OPERATORS,
    features::OPERATORS,
    linear::OPERATORS,
    scale::OPERATORS,
    svm::OPERATORS,
    trees::OPERATORS,
    zipmap::OPERATORS,
];

pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    let mut entries = TABLES.into_iter().flatten();
    entries.find(|entry| entry.name == name)
}
