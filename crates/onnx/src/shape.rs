//! What operators reckon with shapes.

use crate::error::Fault;

/// The most dimensions that a tensor may have.
pub(crate) const MAX_RANK: usize = 16;

/// The largest product of a shape's dimensions, also of one that has no elements because one of them is zero: what goes along
/// its other dimensions takes its time all the same.
const MAX_EXTENT: usize = 1 << 28;

/// How many elements a shape has, if there can be such a tensor.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    let extent = extent(shape)?;
    Some(if shape.contains(&0) { 0 } else { extent })
}

/// As [`count`], with dimensions of no length taken for one long.
pub(crate) fn extent(shape: &[usize]) -> Option<usize> {
    if shape.len() > MAX_RANK {
        return None;
    }
    let extent = shape.iter().try_fold(1_usize, |product, &length| {
        product.checked_mul(length.max(1))
    });
    extent.filter(|&extent| extent <= MAX_EXTENT)
}

/// How many elements there are in a part of a shape that has been counted as a whole.
pub(crate) fn product(part: &[usize]) -> usize {
    part.iter()
        .fold(1, |product, &length| product.saturating_mul(length))
}

/// The dimension that an axis means, which is counted from the end when negative. `rank` is also an answer for
/// operators that take a place between dimensions, with `places` one more than the rank.
pub(crate) fn axis(axis: i64, places: usize) -> Result<usize, Fault> {
    let places_signed = places as i64;
    let place = if axis < 0 {
        axis.checked_add(places_signed)
    } else {
        Some(axis)
    };
    match place {
        Some(place) if (0..places_signed).contains(&place) => Ok(place as usize),
        _ => Err(format!("has the axis {axis}, but its input has {places} dimensions").into()),
    }
}

/// The dimensions that axes mean, each once and in order.
pub(crate) fn axes(given: &[i64], rank: usize) -> Result<Vec<usize>, Fault> {
    let mut axes = given
        .iter()
        .map(|&given| axis(given, rank))
        .collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("names an axis twice".into());
    }
    Ok(axes)
}

/// A place along a dimension that an index means, which is counted from the end when negative.
pub(crate) fn place(index: i64, length: usize) -> Option<usize> {
    let place = if index < 0 {
        index.checked_add(length as i64)?
    } else {
        index
    };
    usize::try_from(place).ok().filter(|&place| place < length)
}

/// A shape seen from one dimension: how many times it comes, how long it is, and how many elements each of its places has.
pub(crate) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    let (outer, rest) = shape.split_at(axis.min(shape.len()));
    match rest.split_first() {
        Some((&length, inner)) => (product(outer), length, product(inner)),
        None => (product(outer), 1, 1),
    }
}

/// How far apart in memory neighbours along each dimension are.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for place in (1..shape.len()).rev() {
        strides[place - 1] = strides[place].saturating_mul(shape[place]);
    }
    strides
}

/// The shape that both shapes are stretched to.
pub(crate) fn stretched(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Fault> {
    let rank = left.len().max(right.len());
    let mut shape = vec![1; rank];
    for (end, length) in shape.iter_mut().rev().enumerate() {
        let of = |shape: &[usize]| {
            let place = shape.len().checked_sub(end + 1);
            place.map_or(1, |place| shape[place])
        };
        *length = match (of(left), of(right)) {
            (left, right) if left == right => left,
            (1, other) | (other, 1) => other,
            _ => {
                return Err(format!(
                    "was given the shapes {left:?} and {right:?}, which do not go together"
                )
                .into());
            }
        };
    }
    Ok(shape)
}

/// How far apart neighbours are when a tensor of `shape` is stretched to `target`: nothing where it is repeated.
/// `shape` must be stretchable to `target`.
pub(crate) fn stretched_strides(shape: &[usize], target: &[usize]) -> Vec<usize> {
    let lacking = target.len().saturating_sub(shape.len());
    let own = strides(shape);
    let mut strides = vec![0; target.len()];
    for (place, (&length, &stride)) in shape.iter().zip(&own).enumerate() {
        if length != 1 {
            strides[lacking + place] = stride;
        }
    }
    strides
}

/// Walks over all elements of a shape in order, for `N` tensors with strides of their own at once. Dimensions that lie behind
/// each other in all of them are taken as one.
pub(crate) struct Walk<const N: usize> {
    /// Dimensions around the innermost one, the outermost first, with each tensor's stride.
    outer: Vec<(usize, [usize; N])>,
    pub(crate) inner: usize,
    /// Each tensor's stride within the innermost dimension.
    pub(crate) steps: [usize; N],
    is_empty: bool,
}

impl<const N: usize> Walk<N> {
    pub(crate) fn new(shape: &[usize], strides: [&[usize]; N]) -> Self {
        let mut merged: Vec<(usize, [usize; N])> = Vec::with_capacity(shape.len());
        for (place, &length) in shape.iter().enumerate() {
            if length == 1 {
                continue;
            }
            let steps = strides.map(|strides| strides[place]);
            if let Some((before, outer)) = merged.last_mut() {
                let continues = outer
                    .iter()
                    .zip(&steps)
                    .all(|(&outer, &step)| outer == step.saturating_mul(length));
                if continues {
                    *before = before.saturating_mul(length);
                    *outer = steps;
                    continue;
                }
            }
            merged.push((length, steps));
        }
        let (inner, steps) = merged.pop().unwrap_or((1, [0; N]));
        Self {
            outer: merged,
            inner,
            steps,
            is_empty: shape.contains(&0),
        }
    }

    /// Calls with where in each tensor the next run of [`Self::inner`] elements starts.
    pub(crate) fn runs(&self, mut run: impl FnMut([usize; N])) {
        if self.is_empty {
            return;
        }
        let mut starts = [0; N];
        let mut places = vec![0; self.outer.len()];
        loop {
            run(starts);
            let mut level = self.outer.len();
            loop {
                if level == 0 {
                    return;
                }
                level -= 1;
                let (length, steps) = self.outer[level];
                places[level] += 1;
                if places[level] < length {
                    for (start, step) in starts.iter_mut().zip(steps) {
                        *start += step;
                    }
                    break;
                }
                places[level] = 0;
                for (start, step) in starts.iter_mut().zip(steps) {
                    *start -= step * (length - 1);
                }
            }
        }
    }
}

/// Copies what lies at strides into order. `shape` must have been counted.
pub(crate) fn gathered<T: Clone>(values: &[T], shape: &[usize], strides: &[usize]) -> Vec<T> {
    let walk = Walk::new(shape, [strides]);
    let mut moved = Vec::with_capacity(product(shape));
    let [step] = walk.steps;
    walk.runs(|[start]| match step {
        0 => moved.extend(std::iter::repeat_n(&values[start], walk.inner).cloned()),
        1 => moved.extend_from_slice(&values[start..start + walk.inner]),
        _ => moved.extend(
            values[start..]
                .iter()
                .step_by(step)
                .take(walk.inner)
                .cloned(),
        ),
    });
    moved
}

/// The elements at these places, which must be there.
pub(crate) fn picked<T: Clone>(values: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|&place| values[place].clone()).collect()
}

/// One value for each pair of elements, of tensors that are stretched to each other's shape.
pub(crate) fn paired<A, B, R>(
    (left, left_shape): (&[A], &[usize]),
    (right, right_shape): (&[B], &[usize]),
    shape: &[usize],
    mut value: impl FnMut(&A, &B) -> R,
) -> Vec<R> {
    if left_shape == right_shape {
        let pairs = left.iter().zip(right);
        return pairs.map(|(left, right)| value(left, right)).collect();
    }
    if let ([right], true) = (right, left_shape == shape) {
        return left.iter().map(|left| value(left, right)).collect();
    }
    let left_strides = stretched_strides(left_shape, shape);
    let right_strides = stretched_strides(right_shape, shape);
    let walk = Walk::new(shape, [&left_strides, &right_strides]);
    let mut values = Vec::with_capacity(product(shape));
    let inner = walk.inner;
    let [left_step, right_step] = walk.steps;
    walk.runs(|[from_left, from_right]| match (left_step, right_step) {
        (1, 1) => {
            let pairs = left[from_left..from_left + inner]
                .iter()
                .zip(&right[from_right..from_right + inner]);
            values.extend(pairs.map(|(left, right)| value(left, right)));
        }
        (1, 0) => {
            let right = &right[from_right];
            let run = left[from_left..from_left + inner].iter();
            values.extend(run.map(|left| value(left, right)));
        }
        (0, 1) => {
            let left = &left[from_left];
            let run = right[from_right..from_right + inner].iter();
            values.extend(run.map(|right| value(left, right)));
        }
        _ => values.extend((0..inner).map(|place| {
            value(
                &left[from_left + place * left_step],
                &right[from_right + place * right_step],
            )
        })),
    });
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_count_from_either_end() {
        assert_eq!(axis(-1, 3), Ok(2));
        assert_eq!(axis(0, 3), Ok(0));
        assert!(axis(3, 3).is_err());
        assert!(axis(-4, 3).is_err());
        assert!(axis(i64::MIN, 3).is_err());
        assert!(axis(0, 0).is_err());
        assert_eq!(axes(&[-1, 0], 2), Ok(vec![0, 1]));
        assert!(axes(&[1, -1], 2).is_err());
        assert_eq!(place(-1, 4), Some(3));
        assert_eq!(place(4, 4), None);
        assert_eq!(place(i64::MIN, 4), None);
    }

    #[test]
    fn what_can_not_be_counted_is_nothing() {
        assert_eq!(count(&[2, 3]), Some(6));
        assert_eq!(count(&[]), Some(1));
        assert_eq!(count(&[usize::MAX, 2]), None);
        assert_eq!(count(&[0, 3]), Some(0));
        assert_eq!(count(&[0, MAX_EXTENT + 1]), None);
        assert_eq!(count(&[1; MAX_RANK + 1]), None);
    }

    #[test]
    fn shapes_stretch_where_they_are_one_long() {
        assert_eq!(stretched(&[2, 1], &[3]), Ok(vec![2, 3]));
        assert_eq!(stretched(&[], &[2, 2]), Ok(vec![2, 2]));
        assert_eq!(stretched(&[0, 1], &[1, 3]), Ok(vec![0, 3]));
        assert!(stretched(&[2, 3], &[2]).is_err());
    }

    #[test]
    fn pairs_are_stretched() {
        let sum = |left: (&[i64], &[usize]), right: (&[i64], &[usize])| {
            let shape = stretched(left.1, right.1).unwrap();
            paired(left, right, &shape, |left, right| left + right)
        };
        assert_eq!(
            sum((&[1, 2, 3, 4], &[2, 2]), (&[10, 20], &[2])),
            [11, 22, 13, 24]
        );
        assert_eq!(
            sum((&[1, 2], &[2, 1]), (&[10, 20], &[1, 2])),
            [11, 21, 12, 22]
        );
        assert_eq!(sum((&[5], &[]), (&[1, 2], &[2])), [6, 7]);
        assert_eq!(sum((&[1, 2], &[2]), (&[5], &[1, 1])), [6, 7]);
        assert_eq!(sum((&[], &[0]), (&[5], &[])), [0_i64; 0]);
        assert_eq!(
            sum(
                (&[1, 2, 3, 4], &[2, 1, 2]),
                (&[10, 20, 30, 40, 50, 60], &[3, 2])
            ),
            [11, 22, 31, 42, 51, 62, 13, 24, 33, 44, 53, 64]
        );
    }

    #[test]
    fn elements_are_gathered_along_strides() {
        let matrix = [1, 2, 3, 4, 5, 6];
        assert_eq!(gathered(&matrix, &[3, 2], &[1, 3]), [1, 4, 2, 5, 3, 6]);
        assert_eq!(gathered(&matrix, &[2, 2], &[0, 1]), [1, 2, 1, 2]);
        assert_eq!(gathered(&matrix, &[2, 3], &[3, 1]), matrix);
        assert_eq!(gathered(&matrix, &[0, 3], &[3, 1]), [0; 0]);
    }
}
