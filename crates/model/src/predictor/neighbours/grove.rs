//! Remembered rows in boxes within boxes: a box that is too far away is passed over with all that is in it.

use super::{Near, Nearest};
use crate::artifact::Axis;

/// Rows of a box that is not divided further.
const FEW: usize = 24;

#[derive(Clone, Debug)]
pub(super) struct Grove {
    /// Their values, box by box.
    values: Box<[f64]>,
    /// Of each of them, its place among the rows as they were remembered.
    rows: Box<[u32]>,
    boxes: Vec<Bounds>,
    /// Of each box and axis, the least and the largest value.
    edges: Vec<[f64; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Its rows, from the first one to before the last one.
    first: u32,
    last: u32,
    /// The second of its two boxes; the first one follows. 0 of one that is not divided.
    second: u32,
}

impl Grove {
    /// The same rows give the same boxes.
    pub(super) fn new(axes: &[Axis], values: &[f64]) -> Self {
        let width = axes.len().max(1);
        let count = values.len() / width;
        let mut grove = Self {
            values: Box::default(),
            rows: Box::default(),
            boxes: Vec::new(),
            edges: Vec::new(),
        };
        let mut order: Vec<u32> = (0..count as u32).collect();
        let value = |row: u32, axis: usize| values[row as usize * width + axis];
        // Boxes that are still to be made: their rows, and the box whose second half they are.
        let mut open = vec![(0, count, None)];
        while let Some((first, last, of)) = open.pop() {
            let place = grove.boxes.len();
            if let Some(parent) = of {
                grove.set_second(parent, place);
            }
            let within = &mut order[first..last];
            let mut widest = (0.0, 0);
            for (axis, kind) in axes.iter().enumerate() {
                let mut edges = [f64::INFINITY, f64::NEG_INFINITY];
                for &row in &*within {
                    let value = value(row, axis);
                    edges = [edges[0].min(value), edges[1].max(value)];
                }
                let extent = edges[1] - edges[0];
                if matches!(kind, Axis::Numeric { .. }) && extent > widest.0 {
                    widest = (extent, axis);
                }
                grove.edges.push(edges);
            }
            grove.boxes.push(Bounds {
                first: first as u32,
                last: last as u32,
                second: 0,
            });
            if within.len() <= FEW || widest.0 <= 0.0 {
                // Those that are as far are then offered in the order in which they were remembered.
                within.sort_unstable();
                continue;
            }
            let half = within.len() / 2;
            let key = |row: u32| value(row, widest.1);
            within.select_nth_unstable_by(half, |a, b| key(*a).total_cmp(&key(*b)).then(a.cmp(b)));
            open.push((first + half, last, Some(place)));
            open.push((first, first + half, None));
        }
        grove.values = order
            .iter()
            .flat_map(|row| &values[*row as usize * width..][..width])
            .copied()
            .collect();
        grove.rows = order.into_boxed_slice();
        grove
    }

    fn set_second(&mut self, parent: usize, place: usize) {
        if let Some(parent) = self.boxes.get_mut(parent) {
            parent.second = place as u32;
        }
    }

    pub(super) fn find(&self, axes: &[Axis], place: &[f64], nearest: &mut Nearest) {
        /// Each box waits while its neighbour is looked at: a box has half of the rows of the one around it, at most.
        const DEEPEST: usize = 64;
        let mut waiting = [(0.0, 0_u32); DEEPEST];
        let mut count = usize::from(!self.boxes.is_empty());
        while count > 0 {
            count -= 1;
            let (bound, at) = waiting[count];
            if bound > nearest.limit() {
                continue;
            }
            let bounds = self.boxes[at as usize];
            if bounds.second == 0 || count + 2 > DEEPEST {
                self.look(bounds, axes, place, nearest);
                continue;
            }
            let mut both = [at + 1, bounds.second].map(|at| (self.bound(at, axes, place), at));
            // The nearer one comes first, so it waits last.
            if both[0].0 <= both[1].0 {
                both.reverse();
            }
            waiting[count..count + 2].copy_from_slice(&both);
            count += 2;
        }
    }

    /// No row in the box is nearer, squared. It is added up as distances are, so rounding makes it no larger than any of them.
    fn bound(&self, at: u32, axes: &[Axis], place: &[f64]) -> f64 {
        let edges = &self.edges[at as usize * axes.len()..][..axes.len()];
        let mut sum = 0.0;
        for ((axis, [least, largest]), at) in axes.iter().zip(edges).zip(place) {
            if let Axis::Numeric { .. } = axis {
                let off = if at < least {
                    at - least
                } else if at > largest {
                    at - largest
                } else {
                    continue;
                };
                sum += off * off;
            }
        }
        sum
    }

    fn look(&self, bounds: Bounds, axes: &[Axis], place: &[f64], nearest: &mut Nearest) {
        let (first, last) = (bounds.first as usize, bounds.last as usize);
        let values = &self.values[first * axes.len()..last * axes.len()];
        let rows = values.chunks_exact(axes.len()).zip(&self.rows[first..last]);
        for (values, &row) in rows {
            let limit = nearest.limit();
            let mut square = 0.0;
            for ((axis, value), at) in axes.iter().zip(values).zip(place) {
                match axis {
                    Axis::Numeric { .. } => {
                        let off = at - value;
                        square += off * off;
                    }
                    Axis::Categorical { .. } if (at - value).abs() > 0.0 => square += Axis::APART,
                    Axis::Categorical { .. } => {}
                }
                if square > limit {
                    break;
                }
            }
            if square <= limit {
                nearest.offer(Near { square, row });
            }
        }
    }
}
