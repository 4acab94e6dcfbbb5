//! Remembered rows: each row is compared with all of them, axis by axis in the order and the precision in which
//! [`crate::Predictor`] does, so that both find the same neighbours.

use onnx::{Element, Op, Wire};

use super::Graph;
use crate::artifact::{Axis, Neighbours, Targets, Weights};

impl Graph<'_> {
    pub(super) fn neighbours(&mut self, neighbours: &Neighbours, classes: usize) -> Wire {
        let squares = self.squares(neighbours);
        let wanted = self.wholes(&[1], vec![neighbours.neighbors.into()]);
        // Of equal ones it takes those that come first.
        let op = Op::new("TopK")
            .int("axis", 1)
            .int("largest", 0)
            .int("sorted", 1);
        let [squares, places] = self.draft.add_of(op, &[&squares, &wanted]);
        let weights = self.weights(neighbours.weights, &squares);

        let across = self.wholes(&[1], vec![1]);
        let sum = |keeps| Op::new("ReduceSum").int("keepdims", keeps);
        let all = self.draft.add(sum(1), &[&weights, &across]);
        let said = self.said(&neighbours.targets, &places, classes);
        let last = self.wholes(&[1], vec![2]);
        let draft = &mut self.draft;
        let weights = draft.add(Op::new("Unsqueeze"), &[&weights, &last]);
        let weighed = draft.add(Op::new("Mul"), &[&said, &weights]);
        let sums = draft.add(sum(0), &[&weighed, &across]);
        let answer = draft.add(Op::new("Div"), &[&sums, &all]);
        if classes == 0 {
            return answer;
        }
        // The shares of all rows are one neighbour more.
        let count = f64::from(neighbours.neighbors);
        let [few, more] = [count, count + 1.0].map(|count| self.number(count));
        let shares = self.numbers(&[1, classes], neighbours.shares(classes));
        let draft = &mut self.draft;
        let known = draft.add(Op::new("Mul"), &[&answer, &few]);
        let known = draft.add(Op::new("Add"), &[&known, &shares]);
        draft.add(Op::new("Div"), &[&known, &more])
    }

    /// `[rows, neighbours, numbers]` of their places: the number of each, or one for each class. Only the neighbours' classes are taken
    /// apart, for there may be many classes and very many rows.
    fn said(&mut self, targets: &Targets, places: &Wire, classes: usize) -> Wire {
        let gather = Op::new("Gather").int("axis", 0);
        match targets {
            Targets::Numbers(numbers) => {
                let table = self.numbers(&[numbers.len(), 1], numbers.clone());
                self.draft.add(gather, &[&table, places])
            }
            Targets::Classes(of_rows) => {
                let table = of_rows.iter().map(|class| i64::from(*class)).collect();
                let table = self.wholes(&[of_rows.len(), 1], table);
                let all = self.wholes(&[classes], (0..classes as i64).collect());
                let theirs = self.draft.add(gather, &[&table, places]);
                let is_theirs = self.draft.add(Op::new("Equal"), &[&theirs, &all]);
                self.cast(&is_theirs, Element::F64)
            }
        }
    }

    /// `[rows, remembered]`: how far each row is from each that is remembered, squared.
    fn squares(&mut self, neighbours: &Neighbours) -> Wire {
        let width = neighbours.axes.len();
        let count = neighbours.targets.len();
        let mut sum: Option<Wire> = None;
        for (place, axis) in neighbours.axes.iter().enumerate() {
            let remembered = neighbours.rows.iter().skip(place).step_by(width).copied();
            let value = self.value(place);
            let square = match axis {
                Axis::Numeric { impute, mean, std } => {
                    let remembered = self.numbers(&[1, count], remembered.collect());
                    let [impute, mean, std] =
                        [impute, mean, std].map(|number| self.number(*number));
                    let draft = &mut self.draft;
                    let is_missing = draft.add(Op::new("IsNaN"), &[&value]);
                    let value = draft.add(Op::new("Where"), &[&is_missing, &impute, &value]);
                    let value = draft.add(Op::new("Sub"), &[&value, &mean]);
                    let value = draft.add(Op::new("Div"), &[&value, &std]);
                    let off = draft.add(Op::new("Sub"), &[&value, &remembered]);
                    draft.add(Op::new("Mul"), &[&off, &off])
                }
                Axis::Categorical { impute } => {
                    let remembered = remembered.map(|code| code as i64).collect();
                    let remembered = self.wholes(&[1, count], remembered);
                    let missing = self.columns[place].missing();
                    let [missing, impute] =
                        [missing, i64::from(*impute)].map(|code| self.wholes(&[], vec![code]));
                    let (same, apart) = (self.number(0.0), self.number(Axis::APART));
                    let draft = &mut self.draft;
                    let is_missing = draft.add(Op::new("Equal"), &[&value, &missing]);
                    let value = draft.add(Op::new("Where"), &[&is_missing, &impute, &value]);
                    let is_same = draft.add(Op::new("Equal"), &[&value, &remembered]);
                    draft.add(Op::new("Where"), &[&is_same, &same, &apart])
                }
            };
            sum = Some(match sum {
                None => square,
                Some(sum) => self.draft.add(Op::new("Add"), &[&sum, &square]),
            });
        }
        sum.unwrap_or_else(|| self.number(0.0))
    }

    /// `[rows, neighbours]` of their squared distances.
    fn weights(&mut self, weights: Weights, squares: &Wire) -> Wire {
        let none = self.number(0.0);
        let across = self.wholes(&[1], vec![1]);
        if weights == Weights::Uniform {
            // As many ones.
            let is_square = self.draft.add(Op::new("GreaterOrEqual"), &[squares, &none]);
            return self.cast(&is_square, Element::F64);
        }
        let is_same = self.draft.add(Op::new("Equal"), &[squares, &none]);
        let same = self.cast(&is_same, Element::F64);
        let draft = &mut self.draft;
        let op = Op::new("ReduceSum").int("keepdims", 1);
        let are_same = draft.add(op, &[&same, &across]);
        let are_same = draft.add(Op::new("Greater"), &[&are_same, &none]);
        let distances = draft.add(Op::new("Sqrt"), &[squares]);
        let inverse = draft.add(Op::new("Reciprocal"), &[&distances]);
        draft.add(Op::new("Where"), &[&are_same, &same, &inverse])
    }
}
