//! Trees prepared for speed: the nodes of all of them in one array.

use crate::tensor::Number;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node<T> {
    /// Of a split the threshold, of a leaf its weight, or the first of them.
    pub(super) value: T,
    /// What kind of node it is in the high bits, the feature in the low ones.
    what: u32,
    /// Of a split where to go on if its test holds, of a leaf where its weights begin.
    pub(super) yes: u32,
    /// Of a split where to go on otherwise, of a leaf how many weights it has.
    pub(super) no: u32,
}

const LEAF: u32 = 1 << 31;
const MISSING: u32 = 1 << 30;
const TEST: u32 = 27;
const FEATURE: u32 = (1 << TEST) - 1;

/// How a feature is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    Unequal,
}

impl<T: Number> Node<T> {
    /// A split, unless there can not be so many features.
    pub(super) fn split(
        test: Test,
        feature: i64,
        threshold: T,
        missing_too: bool,
        (yes, no): (u32, u32),
    ) -> Option<Self> {
        let feature = u32::try_from(feature)
            .ok()
            .filter(|&feature| feature <= FEATURE)?;
        let missing = if missing_too { MISSING } else { 0 };
        Some(Self {
            value: threshold,
            what: feature | missing | (test as u32) << TEST,
            yes,
            no,
        })
    }

    pub(super) fn leaf(value: T) -> Self {
        Self {
            value,
            what: LEAF,
            yes: 0,
            no: 0,
        }
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.what & LEAF != 0
    }

    fn feature(&self) -> usize {
        (self.what & FEATURE) as usize
    }

    fn test(&self) -> u32 {
        self.what >> TEST & 7
    }
}

/// What a leaf adds to a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weight<T> {
    pub(super) target: u32,
    pub(super) value: T,
}

#[derive(Debug)]
pub(super) struct Grove<T> {
    roots: Box<[u32]>,
    nodes: Box<[Node<T>]>,
    weights: Box<[Weight<T>]>,
    pub(super) targets: usize,
    /// How many features the splits look at.
    pub(super) features: usize,
    /// Whether every split asks for at most, and none for what is missing.
    is_plain: bool,
    /// How many nodes a row may pass in all trees together.
    pub(super) steps: usize,
}

/// How the leaves of all trees become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// For each row and target what the leaves make, and whether any leaf has a weight for it.
pub(super) struct Scores<X> {
    pub(super) sums: Vec<X>,
    pub(super) has: Vec<bool>,
}

/// Rows that go through a tree behind each other, so that it is read from memory once for all of them.
const BLOCK: usize = 64;

impl<T: Number> Grove<T> {
    /// Checks what a walk relies on: places of nodes and weights that exist, and no way back to where it came from.
    pub(super) fn new(
        roots: Vec<u32>,
        nodes: Vec<Node<T>>,
        weights: Vec<Weight<T>>,
        targets: usize,
    ) -> Result<Self, &'static str> {
        if targets == 0 {
            return Err("has trees without a target");
        }
        for node in &nodes {
            let (yes, no) = (node.yes as usize, node.no as usize);
            let fits = if node.is_leaf() {
                weights.get(yes..).is_some_and(|rest| no <= rest.len())
            } else {
                yes < nodes.len() && no < nodes.len()
            };
            if !fits {
                return Err("has a tree with a node that is not there");
            }
        }
        if weights
            .iter()
            .any(|weight| weight.target as usize >= targets)
        {
            return Err("has a leaf with a weight for a target that is not there");
        }
        if roots.iter().any(|&root| root as usize >= nodes.len()) {
            return Err("has a tree without its root");
        }
        let Some(steps) = longest(&roots, &nodes) else {
            return Err("has a tree that leads back to a node above");
        };
        let splits = || nodes.iter().filter(|node| !node.is_leaf());
        Ok(Self {
            features: splits().map(|node| node.feature() + 1).max().unwrap_or(0),
            is_plain: splits().all(|node| node.what & MISSING == 0 && node.test() == 0),
            roots: roots.into(),
            nodes: nodes.into(),
            weights: weights.into(),
            targets,
            steps,
        })
    }

    pub(super) fn trees(&self) -> usize {
        self.roots.len()
    }

    /// `table` are the rows one behind the other, of `features` numbers each, at least as many as [`Self::features`].
    pub(super) fn scores<X>(
        &self,
        table: &[X],
        features: usize,
        rows: usize,
        aggregate: Aggregate,
    ) -> Scores<X>
    where
        X: Number + From<T>,
    {
        let mut scores = Scores {
            sums: vec![X::ZERO; rows.saturating_mul(self.targets)],
            has: vec![false; rows.saturating_mul(self.targets)],
        };
        let blocks = scores.sums.chunks_mut(BLOCK * self.targets);
        let blocks = blocks.zip(scores.has.chunks_mut(BLOCK * self.targets));
        for (block, (sums, has)) in blocks.enumerate() {
            let start = block * BLOCK;
            let count = sums.len() / self.targets;
            for &root in &self.roots {
                for place in 0..count {
                    let row = (start + place) * features;
                    let row = &table[row..row + features];
                    let leaf = if self.is_plain {
                        self.plain_leaf(root, row)
                    } else {
                        self.leaf(root, row)
                    };
                    let targets = place * self.targets..(place + 1) * self.targets;
                    self.add(
                        leaf,
                        &mut sums[targets.clone()],
                        &mut has[targets],
                        aggregate,
                    );
                }
            }
        }
        scores
    }

    #[inline]
    fn add<X>(&self, leaf: &Node<T>, sums: &mut [X], has: &mut [bool], aggregate: Aggregate)
    where
        X: Number + From<T>,
    {
        if let ([sum], [has]) = (&mut *sums, &mut *has) {
            *sum = together(*sum, *has, leaf.value.into(), aggregate);
            *has = true;
            return;
        }
        let begin = leaf.yes as usize;
        for weight in &self.weights[begin..begin + leaf.no as usize] {
            let target = weight.target as usize;
            sums[target] = together(sums[target], has[target], weight.value.into(), aggregate);
            has[target] = true;
        }
    }

    #[inline]
    fn plain_leaf<X>(&self, root: u32, row: &[X]) -> &Node<T>
    where
        X: Number + From<T>,
    {
        let mut node = &self.nodes[root as usize];
        while !node.is_leaf() {
            let holds = row[node.feature()] <= X::from(node.value);
            node = &self.nodes[if holds { node.yes } else { node.no } as usize];
        }
        node
    }

    #[inline]
    fn leaf<X>(&self, root: u32, row: &[X]) -> &Node<T>
    where
        X: Number + From<T>,
    {
        let mut node = &self.nodes[root as usize];
        while !node.is_leaf() {
            let value = row[node.feature()];
            let threshold = X::from(node.value);
            let holds = match node.test() {
                0 => value <= threshold,
                1 => value < threshold,
                2 => value >= threshold,
                3 => value > threshold,
                4 => value == threshold,
                _ => value != threshold,
            };
            let holds = holds || node.what & MISSING != 0 && value.is_nan();
            node = &self.nodes[if holds { node.yes } else { node.no } as usize];
        }
        node
    }
}

#[inline]
fn together<X: Number>(sum: X, has: bool, weight: X, aggregate: Aggregate) -> X {
    match aggregate {
        Aggregate::Sum | Aggregate::Average => sum.plus(weight),
        Aggregate::Min if !has || weight < sum => weight,
        Aggregate::Max if !has || weight > sum => weight,
        Aggregate::Min | Aggregate::Max => sum,
    }
}

/// The longest walks from all roots together, or nothing if one could go in circles. Two ways to the same node are fine:
/// exporters write sets of categories like that.
fn longest<T: Number>(roots: &[u32], nodes: &[Node<T>]) -> Option<usize> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        New,
        Open,
        /// With how many nodes there are from here on.
        Done(u32),
    }
    let mut total = 0_usize;
    let mut states = vec![State::New; nodes.len()];
    let mut stack = Vec::new();
    for &root in roots {
        stack.push(root);
        while let Some(&top) = stack.last() {
            let place = top as usize;
            let node = &nodes[place];
            match states[place] {
                State::New if !node.is_leaf() => {
                    states[place] = State::Open;
                    for child in [node.no, node.yes] {
                        match states[child as usize] {
                            State::New => stack.push(child),
                            State::Open => return None,
                            State::Done(_) => {}
                        }
                    }
                }
                State::New | State::Open => {
                    let length = |child: u32| match states[child as usize] {
                        State::Done(length) => length,
                        State::New | State::Open => 0,
                    };
                    let rest = if node.is_leaf() {
                        0
                    } else {
                        length(node.yes).max(length(node.no))
                    };
                    states[place] = State::Done(rest + 1);
                    stack.pop();
                }
                State::Done(_) => {
                    stack.pop();
                }
            }
        }
        if let State::Done(length) = states[root as usize] {
            total = total.saturating_add(length as usize);
        }
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(test: Test, threshold: f32, ways: (u32, u32)) -> Node<f32> {
        Node::split(test, 0, threshold, false, ways).unwrap()
    }

    fn grove(nodes: Vec<Node<f32>>) -> Result<Grove<f32>, &'static str> {
        Grove::new(vec![0], nodes, Vec::new(), 1)
    }

    #[test]
    fn every_test_is_that_of_its_name() {
        for (test, expected) in [
            (Test::AtMost, [true, true, false]),
            (Test::Below, [true, false, false]),
            (Test::AtLeast, [false, true, true]),
            (Test::Above, [false, false, true]),
            (Test::Equal, [false, true, false]),
            (Test::Unequal, [true, false, true]),
        ] {
            let nodes = vec![split(test, 1.0, (1, 2)), Node::leaf(1.0), Node::leaf(0.0)];
            let grove = grove(nodes).unwrap();
            let scores = grove.scores(&[0.0_f32, 1.0, 2.0], 1, 3, Aggregate::Sum);
            let got = scores.sums.iter().map(|&sum| sum > 0.5);
            assert!(got.eq(expected), "{test:?}");
        }
    }

    #[test]
    fn what_is_missing_goes_where_the_node_says() {
        for missing_too in [false, true] {
            let split = Node::split(Test::AtMost, 0, 1.0_f32, missing_too, (1, 2)).unwrap();
            let grove = grove(vec![split, Node::leaf(1.0), Node::leaf(0.0)]).unwrap();
            let scores = grove.scores(&[f32::NAN], 1, 1, Aggregate::Sum);
            assert_eq!(scores.sums, [f32::from(u8::from(missing_too))]);
        }
    }

    #[test]
    fn rows_of_several_blocks_find_their_leaves() {
        let nodes = vec![
            split(Test::AtMost, 99.5, (1, 2)),
            Node::leaf(1.0),
            Node::leaf(2.0),
        ];
        let grove = Grove::new(vec![0, 0], nodes, Vec::new(), 1).unwrap();
        let table = (0..200).map(|row| row as f32).collect::<Vec<_>>();
        let scores = grove.scores(&table, 1, 200, Aggregate::Sum);
        for (row, sum) in scores.sums.iter().enumerate() {
            assert_eq!(*sum > 3.0, row >= 100);
        }
    }

    #[test]
    fn double_precision_decides_where_single_could_not() {
        let nodes = vec![
            Node::split(Test::AtMost, 0, 0.1_f64, false, (1, 2)).unwrap(),
            Node::leaf(1.0),
            Node::leaf(0.0),
        ];
        let grove = Grove::new(vec![0], nodes, Vec::new(), 1).unwrap();
        let table = [0.1, 0.1_f64.next_up()];
        assert_eq!(grove.scores(&table, 1, 2, Aggregate::Sum).sums, [1.0, 0.0]);
    }

    #[test]
    fn leaves_are_put_together_in_four_ways() {
        let nodes = vec![
            Node {
                yes: 0,
                no: 1,
                ..Node::leaf(3.0_f32)
            },
            Node {
                yes: 1,
                no: 2,
                ..Node::leaf(5.0)
            },
        ];
        let weight = |target, value| Weight { target, value };
        let weights = vec![weight(1, 3.0), weight(1, 5.0), weight(0, -1.0)];
        let grove = Grove::new(vec![0, 1], nodes, weights, 3).unwrap();
        for (aggregate, expected) in [
            (Aggregate::Sum, [-1.0, 8.0, 0.0]),
            (Aggregate::Min, [-1.0, 3.0, 0.0]),
            (Aggregate::Max, [-1.0, 5.0, 0.0]),
        ] {
            let scores = grove.scores::<f32>(&[], 0, 1, aggregate);
            assert_eq!(scores.sums, expected);
            assert_eq!(scores.has, [true, true, false]);
        }
    }

    #[test]
    fn ways_that_lead_nowhere_or_back_are_refused() {
        let leaf = Node::leaf(0.0);
        assert!(grove(vec![split(Test::Below, 0.0, (1, 2)), leaf]).is_err());
        assert!(grove(vec![split(Test::Below, 0.0, (0, 1)), leaf]).is_err());
        let back = vec![
            split(Test::Below, 0.0, (1, 2)),
            leaf,
            split(Test::Below, 0.0, (0, 1)),
        ];
        assert!(grove(back).is_err());
        let shared = vec![
            split(Test::Equal, 0.0, (2, 1)),
            split(Test::Equal, 1.0, (2, 3)),
            leaf,
            leaf,
        ];
        assert_eq!(grove(shared).unwrap().steps, 3);
        assert!(Node::split(Test::Below, -1, 0.0_f32, false, (0, 0)).is_none());
        assert!(Node::split(Test::Below, 1 << 27, 0.0_f32, false, (0, 0)).is_none());
        assert!(Grove::new(vec![1], vec![leaf], Vec::new(), 1).is_err());
        let far = Weight {
            target: 1,
            value: 0.0,
        };
        assert!(Grove::new(vec![0], vec![leaf], vec![far], 1).is_err());
    }
}
