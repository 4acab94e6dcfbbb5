//! The bins of all features, so that those of a row that are added up together stand together.

use rayon::prelude::*;

use crate::fit::bins::{Column, MISSING};

/// Features of a block: their histograms fit into the nearest memory of a processor.
pub(super) const BLOCK: usize = 4;

/// Of each training row, the bins of so many features.
pub(super) type Block = Vec<[u8; BLOCK]>;

pub(super) struct Matrix {
    pub(super) blocks: Vec<Block>,
}

impl Matrix {
    /// Uses the pool of threads that it is called in.
    pub(super) fn of(columns: &[Column], rows: usize) -> Self {
        let blocks = columns.par_chunks(BLOCK).map(|columns| {
            // Where there are fewer features, nothing looks at what stands there.
            let mut block = vec![[MISSING; BLOCK]; rows];
            for (lane, column) in columns.iter().enumerate() {
                for (codes, &code) in block.iter_mut().zip(&column.codes) {
                    codes[lane] = code;
                }
            }
            block
        });
        Self {
            blocks: blocks.collect(),
        }
    }
}
