//! From scores to probabilities and the label.

use std::sync::Arc;

use onnx::{Data, Element, Op, Tensor, Wire};

use super::Graph;
use crate::artifact::Link;

impl Graph<'_> {
    /// `[rows, classes]` of the scores `[rows, scores]`.
    pub(super) fn link(&mut self, link: Link, scores: &Wire, classes: usize) -> Wire {
        let draft = &mut self.draft;
        match link {
            Link::Logistic => {
                let against = draft.add(Op::new("Neg"), &[scores]);
                let both = [against, scores.clone()];
                let both = both.map(|score| draft.add(Op::new("Sigmoid"), &[&score]));
                self.beside(both.into())
            }
            Link::Softmax => draft.add(Op::new("Softmax").int("axis", 1), &[scores]),
            Link::OneVsRest => {
                let each = draft.add(Op::new("Sigmoid"), &[scores]);
                // So far out the odds are the probabilities.
                let odds = draft.add(Op::new("Softmax").int("axis", 1), &[scores]);
                self.shares(&each, f64::MIN_POSITIVE, &odds)
            }
            Link::Shares => {
                let (none, all) = (self.number(0.0), self.number(1.0));
                let share = self.draft.add(Op::new("Clip"), &[scores, &none, &all]);
                if classes == 2 {
                    let rest = self.draft.add(Op::new("Sub"), &[&all, &share]);
                    return self.beside(vec![rest, share]);
                }
                let even = self.number(1.0 / classes as f64);
                self.shares(&share, 0.0, &even)
            }
        }
    }

    /// Scaled to a sum of 1; where they add up to no more than `least`, `otherwise`.
    fn shares(&mut self, parts: &Wire, least: f64, otherwise: &Wire) -> Wire {
        let across = self.wholes(&[1], vec![1]);
        let least = self.number(least);
        let draft = &mut self.draft;
        let op = Op::new("ReduceSum").int("keepdims", 1);
        let sum = draft.add(op, &[parts, &across]);
        let is_enough = draft.add(Op::new("Greater"), &[&sum, &least]);
        let shares = draft.add(Op::new("Div"), &[parts, &sum]);
        draft.add(Op::new("Where"), &[&is_enough, &shares, otherwise])
    }

    /// Makes the probabilities an output, and the class that has the highest, the first one where several have it.
    pub(super) fn classes(&mut self, probabilities: &Wire, classes: &[String]) {
        let names = self.draft.constant(&Tensor {
            shape: vec![1, classes.len()],
            data: Data::Text(
                classes
                    .iter()
                    .map(|class| Arc::from(class.as_str()))
                    .collect(),
            ),
        });
        let rows = self.wholes(&[1], vec![-1]);
        let draft = &mut self.draft;
        let op = Op::new("ArgMax").int("axis", 1).int("keepdims", 0);
        let best = draft.add(op, &[probabilities]);
        let label = draft.add(Op::ml("ArrayFeatureExtractor", 1), &[&names, &best]);
        let label = draft.add(Op::new("Reshape"), &[&label, &rows]);
        draft.output(&label, "label", Element::Text, None);
        let width = Some(classes.len());
        draft.output(probabilities, "probabilities", Element::F64, width);
    }
}
