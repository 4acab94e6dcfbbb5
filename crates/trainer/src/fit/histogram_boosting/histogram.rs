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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As good as drawn at random.
    fn drawn(place: u64) -> u64 {
        let mixed = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
    }

    fn matrix(rows: usize, blocks: u64) -> Matrix {
        let block = |block: u64| -> Block {
            let row = |row: usize| {
                std::array::from_fn(|lane| {
                    drawn(row as u64 * 64 + block * BLOCK as u64 + lane as u64) as u8
                })
            };
            (0..rows).map(row).collect()
        };
        Matrix {
            blocks: (0..blocks).map(block).collect(),
        }
    }

    fn filled(matrix: &Matrix, rows: &[u32], values: &[Lanes<2>], helpers: usize) -> Histogram<2> {
        let mut spare: Vec<Histogram<2>> = (0..helpers).map(|_| empty(matrix)).collect();
        let mut histogram = empty(matrix);
        fill(&mut histogram, matrix, rows, values, &mut spare);
        assert!(spare.iter().all(|spare| *spare == empty(matrix)));
        histogram
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Whoever helps, and whether rows are added up or what others have is taken away.
        #[test]
        fn a_histogram_is_the_same_however_it_is_made(
            rows in 1..30_000_usize,
            blocks in 1..4_u64,
            helpers in 0..4_usize,
            part in 1..9_u64,
        ) {
            let matrix = matrix(rows, blocks);
            let values: Vec<Lanes<2>> = (0..rows as u64)
                .map(|row| [drawn(row) as i64 - (1 << 30), drawn(row + 7) as i64])
                .collect();
            let (left, right): (Vec<u32>, Vec<u32>) =
                (0..rows as u32).partition(|row| drawn(u64::from(*row)).is_multiple_of(part));
            let all: Vec<u32> = (0..rows as u32).collect();
            let mut whole = filled(&matrix, &all, &values, helpers);
            prop_assert!(whole == filled(&matrix, &all, &values, 0));
            subtract(&mut whole, &filled(&matrix, &left, &values, helpers));
            prop_assert!(whole == filled(&matrix, &right, &values, 0));
        }
    }
}
