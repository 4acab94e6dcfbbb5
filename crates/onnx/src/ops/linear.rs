//! Products of matrices.

use super::{mismatch, takes};
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::ops::Plain;
use crate::read::{Entry, Node};
use crate::shape;
use crate::tensor::{Data, Number, Tensor};

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("MatMul", 1, (2, 2), (1, 1), |_| Ok(Box::new(Plain(matmul)))),
    Entry::new("Gemm", 7, (2, 3), (1, 1), gemm),
];

/// `left` is rows of `depth`, `right` is `depth` rows of `columns`.
fn product<T: Number>(
    left: &[T],
    right: &[T],
    (rows, depth, columns): (usize, usize, usize),
    out: &mut [T],
) {
    if columns == 1 {
        let right = &right[..depth];
        for (row, out) in out.iter_mut().enumerate().take(rows) {
            *out = dot(&left[row * depth..(row + 1) * depth], right);
        }
        return;
    }
    for row in 0..rows {
        let sums = &mut out[row * columns..(row + 1) * columns];
        sums.fill(T::ZERO);
        for (place, &factor) in left[row * depth..(row + 1) * depth].iter().enumerate() {
            let line = &right[place * columns..(place + 1) * columns];
            for (sum, &value) in sums.iter_mut().zip(line) {
                *sum = sum.plus(factor.times(value));
            }
        }
    }
}

/// As [`product`], with the right matrix given column by column.
pub(crate) fn product_transposed<T: Number>(
    left: &[T],
    right: &[T],
    (rows, depth, columns): (usize, usize, usize),
    out: &mut [T],
) {
    for row in 0..rows {
        let line = &left[row * depth..(row + 1) * depth];
        for column in 0..columns {
            out[row * columns + column] = dot(line, &right[column * depth..(column + 1) * depth]);
        }
    }
}

/// Several sums beside each other, which the processor forms at once.
pub(crate) fn dot<T: Number>(left: &[T], right: &[T]) -> T {
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    let mut sums = [T::ZERO; 8];
    for (left, right) in left.iter().zip(right) {
        for (sum, (&left, &right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum = sum.plus(left.times(right));
        }
    }
    let mut rest = T::ZERO;
    for (&left, &right) in left_rest.iter().zip(right_rest) {
        rest = rest.plus(left.times(right));
    }
    sums.into_iter().fold(rest, Number::plus)
}

fn transposed<T: Number>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    shape::gathered(values, &[columns, rows], &[1, columns])
}

fn matmul(call: &mut Call<'_>) -> Result<(), Fault> {
    let (left, right) = (call.get(0)?, call.get(1)?);
    if left.rank() == 0 || right.rank() == 0 {
        return Err("multiplies a number that is no matrix".into());
    }
    // A list is a row on the left and a column on the right, and the dimension that it lacks is not in the product either.
    let mut left_shape = left.shape.clone();
    let mut right_shape = right.shape.clone();
    if left.rank() == 1 {
        left_shape.insert(0, 1);
    }
    if right.rank() == 1 {
        right_shape.push(1);
    }
    let (left_outer, left_matrix) = left_shape.split_at(left_shape.len() - 2);
    let (right_outer, right_matrix) = right_shape.split_at(right_shape.len() - 2);
    let (&[rows, depth], &[right_depth, columns]) = (left_matrix, right_matrix) else {
        return Err("multiplies what are no matrices".into());
    };
    if depth != right_depth {
        return Err(format!(
            "multiplies the shapes {:?} and {:?}, which do not go together",
            left.shape, right.shape
        )
        .into());
    }
    let outer = shape::stretched(left_outer, right_outer)?;
    let full = [&outer[..], &[rows, columns]].concat();
    let count = call.room(&full)?;
    call.work(&[count, depth])?;
    let matrices = Matrices {
        left: shape::stretched_strides(left_outer, &outer),
        right: shape::stretched_strides(right_outer, &outer),
        outer,
        size: (rows, depth, columns),
    };
    let data = match (&left.data, &right.data) {
        (Data::F32(a), Data::F32(b)) => Data::F32(matrices.multiplied(a, b, count)),
        (Data::F64(a), Data::F64(b)) => Data::F64(matrices.multiplied(a, b, count)),
        (Data::I64(a), Data::I64(b)) => Data::I64(matrices.multiplied(a, b, count)),
        (Data::I32(a), Data::I32(b)) => Data::I32(matrices.multiplied(a, b, count)),
        _ => return Err(mismatch(left, right)),
    };
    let mut shape = matrices.outer;
    if left.rank() > 1 {
        shape.push(rows);
    }
    if right.rank() > 1 {
        shape.push(columns);
    }
    call.give(0, Tensor { shape, data })
}

/// Pairs of matrices, stretched to each other.
struct Matrices {
    outer: Vec<usize>,
    left: Vec<usize>,
    right: Vec<usize>,
    size: (usize, usize, usize),
}

impl Matrices {
    fn multiplied<T: Number>(&self, left: &[T], right: &[T], count: usize) -> Vec<T> {
        let mut out = vec![T::ZERO; count];
        if count == 0 {
            return out;
        }
        let (rows, depth, columns) = self.size;
        let (left_size, right_size) = (rows * depth, depth * columns);
        let walk = shape::Walk::new(&self.outer, [&self.left, &self.right]);
        let [left_step, right_step] = walk.steps;
        let mut targets = out.chunks_exact_mut(rows * columns);
        walk.runs(|[from_left, from_right]| {
            for place in 0..walk.inner {
                let from_left = (from_left + place * left_step) * left_size;
                let from_right = (from_right + place * right_step) * right_size;
                if let Some(target) = targets.next() {
                    product(
                        &left[from_left..from_left + left_size],
                        &right[from_right..from_right + right_size],
                        self.size,
                        target,
                    );
                }
            }
        });
        out
    }
}

fn gemm(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    if node.opset < 11 && !node.has_input(2) {
        return Err(node.refuse("lacks its third input"));
    }
    Ok(Box::new(Gemm {
        alpha: node.float_or("alpha", 1.0)?,
        beta: node.float_or("beta", 1.0)?,
        left_turned: node.flag("transA", false)?,
        right_turned: node.flag("transB", false)?,
    }))
}

struct Gemm {
    alpha: f32,
    beta: f32,
    left_turned: bool,
    right_turned: bool,
}

impl Operator for Gemm {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (left, right) = (call.get(0)?, call.get(1)?);
        let (&[left_rows, left_columns], &[right_rows, right_columns]) =
            (&left.shape[..], &right.shape[..])
        else {
            return Err("multiplies what are no matrices".into());
        };
        let turned = |turned: bool, rows: usize, columns: usize| {
            if turned {
                (columns, rows)
            } else {
                (rows, columns)
            }
        };
        let (rows, depth) = turned(self.left_turned, left_rows, left_columns);
        let (right_depth, columns) = turned(self.right_turned, right_rows, right_columns);
        if depth != right_depth {
            return Err(format!(
                "multiplies matrices of {depth} columns and {right_depth} rows, which do not go together"
            )
            .into());
        }
        let size = (rows, depth, columns);
        let shape = vec![rows, columns];
        let count = call.room(&shape)?;
        call.work(&[count, depth])?;
        if self.left_turned {
            call.room(&left.shape)?;
        }
        let added = call.optional(2);
        let data = match (&left.data, &right.data, added.map(|added| &added.data)) {
            (Data::F32(a), Data::F32(b), None) => Data::F32(self.of(a, b, None, size)?),
            (Data::F64(a), Data::F64(b), None) => Data::F64(self.of(a, b, None, size)?),
            (Data::F32(a), Data::F32(b), Some(Data::F32(c))) => {
                Data::F32(self.of(a, b, added.map(|added| (&c[..], &added.shape[..])), size)?)
            }
            (Data::F64(a), Data::F64(b), Some(Data::F64(c))) => {
                Data::F64(self.of(a, b, added.map(|added| (&c[..], &added.shape[..])), size)?)
            }
            _ => return Err(takes("float or double, all of one type", left.element())),
        };
        call.give(0, Tensor { shape, data })
    }
}

impl Gemm {
    fn of<T: Number>(
        &self,
        left: &[T],
        right: &[T],
        added: Option<(&[T], &[usize])>,
        size: (usize, usize, usize),
    ) -> Result<Vec<T>, Fault> {
        let (rows, depth, columns) = size;
        let shape = [rows, columns];
        let mut out = vec![T::ZERO; rows * columns];
        if !out.is_empty() {
            let straight = self.left_turned.then(|| transposed(left, depth, rows));
            let left = straight.as_deref().unwrap_or(left);
            if self.right_turned {
                product_transposed(left, right, size, &mut out);
            } else {
                product(left, right, size, &mut out);
            }
        }
        let (alpha, beta) = (
            T::from_f64(self.alpha.into()),
            T::from_f64(self.beta.into()),
        );
        if alpha != T::ONE {
            for value in &mut out {
                *value = value.times(alpha);
            }
        }
        let Some((added, added_shape)) = added else {
            return Ok(out);
        };
        if shape::stretched(&shape, added_shape)? != shape {
            return Err("adds what is larger than the product".into());
        }
        Ok(shape::paired(
            (&out, &shape),
            (added, added_shape),
            &shape,
            |&value, &added| value.plus(added.times(beta)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_sums() {
        let left = [1_i64, 2, 3, 4, 5, 6];
        let right = [7_i64, 8, 9, 10, 11, 12];
        let mut out = [0; 4];
        product(&left, &right, (2, 3, 2), &mut out);
        assert_eq!(out, [58, 64, 139, 154]);
        let turned = transposed(&right, 3, 2);
        assert_eq!(turned, [7, 9, 11, 8, 10, 12]);
        let mut again = [0; 4];
        product_transposed(&left, &turned, (2, 3, 2), &mut again);
        assert_eq!(again, out);
        let mut column = [0; 2];
        product(&left, &[1, 1, 1], (2, 3, 1), &mut column);
        assert_eq!(column, [6, 15]);
        let long = (0..19).collect::<Vec<i64>>();
        assert_eq!(
            dot(&long, &long),
            long.iter().map(|value| value * value).sum()
        );
    }
}
