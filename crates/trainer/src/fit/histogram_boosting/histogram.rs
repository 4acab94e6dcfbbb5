//! What the rows of a node have in common, bin by bin.

use rayon::prelude::*;

use super::matrix::{BLOCK, Block, Matrix};
use super::sums::{Lanes, add, take};

/// Bins of a feature, the missing values' among them.
pub(super) const BINS: usize = 256;

/// Of each bin of a feature.
pub(super) type OfFeature<const W: usize> = [Lanes<W>; BINS];

/// Of each feature, and of as many more as fill the last block.
pub(super) type Histogram<const W: usize> = Vec<OfFeature<W>>;

/// Rows whose additions are gathered at once.
const TILE: usize = 1_024;
/// Additions that are worth another thread.
const WORTH: usize = 1 << 16;

/// Of one histogram of so many features.
pub(super) fn bytes<const W: usize>(features: usize) -> usize {
    features.div_ceil(BLOCK) * BLOCK * size_of::<OfFeature<W>>()
}

pub(super) fn empty<const W: usize>(matrix: &Matrix) -> Histogram<W> {
    vec![[[0; W]; BINS]; matrix.blocks.len() * BLOCK]
}

/// Adds up these rows, `values` has what every training row adds. Threads that have histograms of their own among `spare` help.
pub(super) fn fill<const W: usize>(
    histogram: &mut Histogram<W>,
    matrix: &Matrix,
    rows: &[u32],
    values: &[Lanes<W>],
    spare: &mut [Histogram<W>],
) {
    let additions = rows.len() * matrix.blocks.len() * BLOCK;
    let helpers = (additions / WORTH).min(spare.len());
    if helpers == 0 {
        fill_here(histogram, matrix, rows, values);
        return;
    }
    let spare = &mut spare[..helpers];
    let part = rows.len().div_ceil(helpers + 1);
    let (own, others) = rows.split_at(part.min(rows.len()));
    rayon::join(
        || fill_here(histogram, matrix, own, values),
        || {
            let parts = others.par_chunks(part);
            spare.par_iter_mut().zip(parts).for_each(|(spare, rows)| {
                fill_here(spare, matrix, rows, values);
            });
        },
    );
    for spare in spare {
        for (sums, more) in histogram.iter_mut().zip(spare.iter_mut()) {
            for (sums, more) in sums.iter_mut().zip(more.iter_mut()) {
                add(sums, more);
                *more = [0; W];
            }
        }
    }
}

fn fill_here<const W: usize>(
    histogram: &mut Histogram<W>,
    matrix: &Matrix,
    rows: &[u32],
    values: &[Lanes<W>],
) {
    let mut gathered = [[0; W]; TILE];
    for rows in rows.chunks(TILE) {
        let gathered = &mut gathered[..rows.len()];
        for (gathered, &row) in gathered.iter_mut().zip(rows) {
            *gathered = values[row as usize];
        }
        for (block, sums) in matrix.blocks.iter().zip(histogram.chunks_exact_mut(BLOCK)) {
            if let Ok(sums) = <&mut [OfFeature<W>; BLOCK]>::try_from(sums) {
                fill_block(sums, block, rows, gathered);
            }
        }
    }
}

#[inline]
fn fill_block<const W: usize>(
    sums: &mut [OfFeature<W>; BLOCK],
    block: &Block,
    rows: &[u32],
    gathered: &[Lanes<W>],
) {
    for (&row, value) in rows.iter().zip(gathered) {
        let codes = block[row as usize];
        for (sums, code) in sums.iter_mut().zip(codes) {
            add(&mut sums[usize::from(code)], value);
        }
    }
}

/// Of a node and one of its branches, what the other one has.
pub(super) fn subtract<const W: usize>(node: &mut Histogram<W>, branch: &Histogram<W>) {
    for (sums, less) in node.iter_mut().zip(branch) {
        for (sums, less) in sums.iter_mut().zip(less) {
            take(sums, less);
        }
    }
}
