mod quadrature;
mod shapley;

use domain::models::InputField;

use super::{OTHER, PredictError, Value};
use crate::artifact::{Node, Test, Trees};

pub(super) use shapley::Covers;

/// Trees prepared for speed: all nodes behind each other in one array, 16 bytes each.
#[derive(Clone, Debug)]
pub(super) struct Forest {
    base: f64,
    /// Where in `steps` each tree begins.
    roots: Box<[u32]>,
    steps: Box<[Step]>,
    /// Sets of categories, 64 to a word.
    words: Box<[u64]>,
    /// Of each input, how many categories it has; none for a number.
    kinds: Box<[Option<u32>]>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Of a leaf what it adds, of a split of numbers the threshold, of one of categories where its set begins.
    number: f64,
    /// The input in the low bits, what kind of node it is in the high ones.
    what: u32,
    right: u32,
}

/// Rows that are taken together.
const BLOCK: usize = 64;

const LEAF: u32 = 1 << 31;
const MISSING_LEFT: u32 = 1 << 30;
const OTHER_LEFT: u32 = 1 << 29;
const INPUT: u32 = OTHER_LEFT - 1;

impl Forest {
    pub(super) fn new(trees: &Trees, inputs: &[InputField]) -> Self {
        let count = trees.trees.iter().map(|tree| tree.nodes.len()).sum();
        let mut roots = Vec::with_capacity(trees.trees.len());
        let mut steps = Vec::with_capacity(count);
        let mut words = Vec::new();
        for tree in &trees.trees {
            let root = steps.len() as u32;
            roots.push(root);
            steps.extend(tree.nodes.iter().map(|node| match node {
                Node::Leaf(value) => Step {
                    number: *value,
                    what: LEAF,
                    right: 0,
                },
                Node::Split(split) => {
                    let missing = if split.missing_left { MISSING_LEFT } else { 0 };
                    let (number, test) = match &split.test {
                        Test::Below(threshold) => (*threshold, 0),
                        Test::Among { categories, other } => {
                            let begin = words.len();
                            let known = inputs[split.input as usize]
                                .categories
                                .as_ref()
                                .map_or(0, Vec::len);
                            words.resize(begin + known.div_ceil(64), 0_u64);
                            for &category in categories {
                                words[begin + category as usize / 64] |= 1 << (category % 64);
                            }
                            let other = if *other { OTHER_LEFT } else { 0 };
                            (f64::from_bits(begin as u64), other)
                        }
                    };
                    Step {
                        number,
                        what: split.input | missing | test,
                        right: root + split.right,
                    }
                }
            }));
        }
        Self {
            base: trees.base,
            roots: roots.into_boxed_slice(),
            steps: steps.into_boxed_slice(),
            words: words.into_boxed_slice(),
            kinds: inputs
                .iter()
                .map(|input| {
                    let known = input.categories.as_ref().map_or(0, Vec::len);
                    (!input.kind.is_numeric()).then_some(known as u32)
                })
                .collect(),
        }
    }

    /// How many steps a row comes to, about: as many as in trees that are balanced.
    pub(super) fn steps_of_row(&self) -> usize {
        let ends = self.roots.iter().skip(1).copied();
        let ends = ends.chain([self.steps.len() as u32]);
        let sizes = self.roots.iter().zip(ends).map(|(root, end)| end - root);
        sizes.map(|size| size.max(1).ilog2() as usize + 1).sum()
    }

    #[inline]
    pub(super) fn predict(&self, row: &[Value]) -> Result<f64, PredictError> {
        self.check(row)?;
        Ok(self
            .roots
            .iter()
            .fold(self.base, |sum, &root| sum + self.leaf(root, row)))
    }

    /// Tree by tree over a block of rows, so that a tree is read from memory once for all of them. The sum of a row goes to its
    /// place in `out`, which has `width` numbers for each: the one at `place`. Rows that have failed already are passed over.
    pub(super) fn predict_batch<R: AsRef<[Value]>>(
        &self,
        rows: &[R],
        (width, place): (usize, usize),
        out: &mut [f64],
        done: &mut [Result<(), PredictError>],
    ) {
        let blocks = rows.chunks(BLOCK).zip(out.chunks_mut(BLOCK * width));
        for ((block, out), done) in blocks.zip(done.chunks_mut(BLOCK)) {
            let sums = || (place..).step_by(width);
            for ((row, sum), done) in block.iter().zip(sums()).zip(&mut *done) {
                if done.is_ok() {
                    *done = self.check(row.as_ref());
                }
                out[sum] = self.base;
            }
            for &root in &self.roots {
                for ((row, sum), done) in block.iter().zip(sums()).zip(&*done) {
                    if done.is_ok() {
                        out[sum] += self.leaf(root, row.as_ref());
                    }
                }
            }
        }
    }

    /// Of what a walk relies on.
    #[inline]
    fn check(&self, row: &[Value]) -> Result<(), PredictError> {
        if row.len() != self.kinds.len() {
            return Err(PredictError::WrongLength {
                expected: self.kinds.len(),
                got: row.len(),
            });
        }
        for (slot, (kind, value)) in self.kinds.iter().zip(row).enumerate() {
            let fits = match (kind, value) {
                (_, Value::Missing)
                | (None, Value::Number(_))
                | (Some(_), Value::Category(OTHER)) => true,
                (Some(known), Value::Category(category)) => category < known,
                _ => false,
            };
            if !fits {
                return Err(PredictError::WrongKind { slot });
            }
        }
        Ok(())
    }

    #[inline]
    fn leaf(&self, root: u32, row: &[Value]) -> f64 {
        let mut place = root as usize;
        loop {
            let step = self.steps[place];
            if step.what & LEAF != 0 {
                return step.number;
            }
            place = if self.goes_left(step, row) {
                place + 1
            } else {
                step.right as usize
            };
        }
    }

    /// Whether a row that comes to this split goes left.
    #[inline]
    fn goes_left(&self, step: Step, row: &[Value]) -> bool {
        match row[(step.what & INPUT) as usize] {
            Value::Number(number) => number < step.number,
            Value::Missing => step.what & MISSING_LEFT != 0,
            Value::Category(OTHER) => step.what & OTHER_LEFT != 0,
            Value::Category(category) => {
                let word = step.number.to_bits() as usize + category as usize / 64;
                self.words[word] >> (category % 64) & 1 != 0
            }
        }
    }

    /// Tells each step that a row comes to, in all trees.
    pub(super) fn visit(
        &self,
        row: &[Value],
        mut tell: impl FnMut(usize),
    ) -> Result<(), PredictError> {
        self.check(row)?;
        for &root in &self.roots {
            let mut place = root as usize;
            loop {
                tell(place);
                let step = self.steps[place];
                if step.what & LEAF != 0 {
                    break;
                }
                place = if self.goes_left(step, row) {
                    place + 1
                } else {
                    step.right as usize
                };
            }
        }
        Ok(())
    }

    pub(super) fn steps(&self) -> usize {
        self.steps.len()
    }
}
