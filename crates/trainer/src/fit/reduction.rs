/// A table of numbers reduced to a triangle that has the same least squares.
///
/// Any number of rows with `width` numbers each becomes the upper triangle R of their QR decomposition, block by
/// block, so that memory does not grow with the rows: `|X b|` equals `|R b|` for every b, thus whatever minimises one
/// minimises the other. Unlike sums of squares and products this does not lose half of the digits.
pub(crate) struct Reduction {
    width: usize,
    /// Row by row.
    triangle: Vec<f64>,
    /// Column by column, each with room for [`BLOCK_ROWS`].
    block: Vec<f64>,
    filled: usize,
}

const BLOCK_ROWS: usize = 512;

impl Reduction {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            triangle: vec![0.0; width * width],
            block: vec![0.0; width * BLOCK_ROWS],
            filled: 0,
        }
    }

    pub(crate) fn add(&mut self, row: &[f64]) {
        for (column, &value) in row.iter().enumerate() {
            self.block[column * BLOCK_ROWS + self.filled] = value;
        }
        self.filled += 1;
        if self.filled == BLOCK_ROWS {
            self.fold();
        }
    }

    /// Adds rows that stand column by column: `column` gives the values of one of them.
    pub(crate) fn add_columns<'c>(&mut self, rows: usize, column: impl Fn(usize) -> &'c [f64]) {
        let mut done = 0;
        while done < rows {
            let count = (BLOCK_ROWS - self.filled).min(rows - done);
            for (place, block) in self.block.chunks_exact_mut(BLOCK_ROWS).enumerate() {
                block[self.filled..][..count].copy_from_slice(&column(place)[done..][..count]);
            }
            self.filled += count;
            done += count;
            if self.filled == BLOCK_ROWS {
                self.fold();
            }
        }
    }

    /// Adds the rows that another one was made of.
    pub(crate) fn absorb(&mut self, other: Self) {
        let width = self.width;
        for row in other.finish().chunks_exact(width) {
            self.add(row);
        }
    }

    /// The triangle, row by row: `width` times `width` numbers.
    pub(crate) fn finish(mut self) -> Vec<f64> {
        self.fold();
        self.triangle
    }

    /// Turns the block's rows into the triangle, one column after the other, by reflections as Householder's.
    fn fold(&mut self) {
        let rows = self.filled;
        for column in 0..self.width {
            let (done, later) = self.block.split_at_mut((column + 1) * BLOCK_ROWS);
            let pivot = &done[column * BLOCK_ROWS..][..rows];
            let below = dot(pivot, pivot);
            if below == 0.0 {
                continue;
            }
            let triangle_row = &mut self.triangle[column * self.width..][..self.width];
            let top = triangle_row[column];
            let length = (top * top + below).sqrt();
            let reflected = if top > 0.0 { -length } else { length };
            let head = top - reflected;
            let norm = head * head + below;
            triangle_row[column] = reflected;
            for (other, values) in (column + 1..self.width).zip(later.chunks_exact_mut(BLOCK_ROWS))
            {
                let values = &mut values[..rows];
                let factor = 2.0 * (head * triangle_row[other] + dot(pivot, values)) / norm;
                triangle_row[other] -= factor * head;
                for (value, &pivot) in values.iter_mut().zip(pivot) {
                    *value -= factor * pivot;
                }
            }
        }
        self.filled = 0;
    }
}

/// In several sums, which is faster and rounds less than one.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let (left_lanes, left_rest) = left.as_chunks::<8>();
    let (right_lanes, right_rest) = right.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (left, right) in left_lanes.iter().zip(right_lanes) {
        for lane in 0..8 {
            sums[lane] += left[lane] * right[lane];
        }
    }
    sums.iter().sum::<f64>()
        + left_rest
            .iter()
            .zip(right_rest)
            .map(|(left, right)| left * right)
            .sum::<f64>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// RᵀR is XᵀX.
        #[test]
        fn keeps_every_length(rows in proptest::collection::vec(proptest::collection::vec(-10.0..10.0f64, 4), 1..1_500)) {
            let mut reduction = Reduction::new(4);
            for row in &rows {
                reduction.add(row);
            }
            let triangle = reduction.finish();
            for i in 0..4 {
                for j in 0..4 {
                    let direct: f64 = rows.iter().map(|row| row[i] * row[j]).sum();
                    let reduced: f64 = (0..4).map(|k| triangle[k * 4 + i] * triangle[k * 4 + j]).sum();
                    prop_assert!((direct - reduced).abs() <= 1e-9 * rows.len() as f64 * 100.0);
                    if i > j {
                        prop_assert_eq!(triangle[i * 4 + j].to_bits(), 0);
                    }
                }
            }
        }
    }
}
