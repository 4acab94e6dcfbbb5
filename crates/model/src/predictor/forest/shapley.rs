//! What each input adds to what trees say of a row: Shapley's values of the game in which an input that does not play is averaged
//! over as the training rows went, split by split.
//!
//! The values are those of TreeSHAP (Lundberg et al., "From local explanations to global understanding with explainable AI for
//! trees", Algorithm 2). They are computed in another order. Of a leaf and the inputs on its way, the sum over all orders in which
//! those may join is the integral from 0 to 1 of a product with a factor for each other input: `(1 - x) z + x o`, of which `z` is the
//! share of the training rows that pass the input's tests, and `o` is 1 if the row itself passes them, else 0. The product is a
//! polynomial, so a few points tell the integral exactly. On the way down a tree each point's product is carried along, on the way up
//! the leaves' sums, so that a node costs as many steps as there are points, not as many as there are pairs of inputs; and nothing is
//! subtracted on the way, so deep trees lose no digits.

use super::quadrature::Quadrature;
use super::{Forest, INPUT, LEAF, PredictError, Value};

/// Trees that are deeper can not be explained.
const MOST_LEVELS: usize = 512;

/// What explanations need besides the forest.
#[derive(Clone, Debug)]
pub(in crate::predictor) struct Covers {
    /// How many training rows came to each of the forest's steps.
    rows: Box<[u32]>,
    trees: Box<[Extent]>,
    /// With as many points as some tree needs.
    quadratures: Box<[Quadrature]>,
    /// What the forest says of the training rows on average.
    pub(in crate::predictor) base: f64,
    /// Of one row, about as many multiplications and additions.
    pub(in crate::predictor) cost: u64,
}

/// How far a tree reaches.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Splits between its root and its deepest leaf.
    levels: usize,
    /// Place of its quadrature.
    quadrature: usize,
}

impl Covers {
    /// `covers` has been checked against the trees that the forest was made of. `None` when one of them is too deep.
    pub(in crate::predictor) fn new(forest: &Forest, covers: &[Vec<u32>]) -> Option<Self> {
        let rows: Box<[u32]> = covers.iter().flatten().copied().collect();
        let mut trees = Vec::with_capacity(forest.roots.len());
        let mut quadratures: Vec<Quadrature> = Vec::new();
        let (mut base, mut cost) = (forest.base, 0);
        for (tree, &root) in forest.roots.iter().enumerate() {
            let begin = root as usize;
            let end = (forest.roots.get(tree + 1)).map_or(rows.len(), |&next| next as usize);
            let (levels, inputs) = forest.extent(begin, end);
            if levels > MOST_LEVELS {
                return None;
            }
            // On no way there are more inputs than that, and the degree is one less.
            let points = levels.min(inputs).div_ceil(2).max(1);
            let known = quadratures
                .iter()
                .position(|quadrature| quadrature.points.len() == points);
            let quadrature = known.unwrap_or_else(|| {
                quadratures.push(Quadrature::new(points));
                quadratures.len() - 1
            });
            trees.push(Extent { levels, quadrature });
            let all = f64::from(rows[begin]);
            base += (begin..end)
                .filter(|&place| forest.steps[place].what & LEAF != 0)
                .map(|place| f64::from(rows[place]) / all * forest.steps[place].number)
                .sum::<f64>();
            cost += (end - begin) as u64 * points as u64;
        }
        Some(Self {
            rows,
            trees: trees.into_boxed_slice(),
            quadratures: quadratures.into_boxed_slice(),
            base,
            cost,
        })
    }

    /// Adds to each input's place in `out` what it adds to the sum; with the base they are what the forest says of the row.
    pub(in crate::predictor) fn explain(
        &self,
        forest: &Forest,
        row: &[Value],
        out: &mut [f64],
    ) -> Result<(), PredictError> {
        forest.check(row)?;
        let mut walk = Walk {
            forest,
            rows: &self.rows,
            row,
            passed: vec![Passed::ALL; row.len()],
            products: Vec::new(),
            sums: Vec::new(),
            out,
        };
        for (&root, extent) in forest.roots.iter().zip(&self.trees) {
            let quadrature = &self.quadratures[extent.quadrature];
            let numbers = (extent.levels + 1) * quadrature.points.len();
            walk.products.resize(numbers, 1.0);
            walk.sums.resize(numbers, 0.0);
            walk.products[..quadrature.points.len()].fill(1.0);
            walk.descend(quadrature, root as usize, 0);
        }
        Ok(())
    }
}

impl Forest {
    /// How many splits deep the tree in these steps is, and how many inputs it asks for.
    fn extent(&self, begin: usize, end: usize) -> (usize, usize) {
        let mut depths = vec![0; end - begin];
        let mut is_asked = vec![false; self.kinds.len()];
        let mut levels = 0;
        for place in begin..end {
            let (step, depth) = (self.steps[place], depths[place - begin]);
            if step.what & LEAF != 0 {
                levels = levels.max(depth);
                continue;
            }
            is_asked[(step.what & INPUT) as usize] = true;
            depths[place + 1 - begin] = depth + 1;
            depths[step.right as usize - begin] = depth + 1;
        }
        let inputs = is_asked.into_iter().filter(|&is_asked| is_asked).count();
        (levels, inputs)
    }
}

/// Who passes all tests of an input on the way to a node.
#[derive(Clone, Copy)]
struct Passed {
    /// Share of the training rows.
    share: f64,
    /// 1 when the row itself does, else 0.
    own: f64,
}

impl Passed {
    const ALL: Self = Self {
        share: 1.0,
        own: 1.0,
    };

    /// The input's factor at a point.
    #[inline]
    fn at(self, point: f64) -> f64 {
        (1.0 - point) * self.share + point * self.own
    }

    /// What it changes that the input plays.
    #[inline]
    fn gain(self) -> f64 {
        self.own - self.share
    }

    /// Neither the row nor any training row: its factor is 0 everywhere, and so is what all leaves behind add.
    fn is_none(self) -> bool {
        self.share <= 0.0 && self.own <= 0.0
    }
}

struct Walk<'a> {
    forest: &'a Forest,
    rows: &'a [u32],
    row: &'a [Value],
    /// Of each input, on the way to where the walk is.
    passed: Vec<Passed>,
    /// At each point the factors of all inputs, multiplied: level behind level.
    products: Vec<f64>,
    /// At each point what the leaves behind a node say, times their products and the point's weight: level behind level.
    sums: Vec<f64>,
    out: &'a mut [f64],
}

impl Walk<'_> {
    /// Into the branches of a node, whose products are there, and back with its sums. As deep as the tree is.
    fn descend(&mut self, quadrature: &Quadrature, place: usize, level: usize) {
        let points = &*quadrature.points;
        let here = level * points.len();
        let below = here + points.len();
        let step = self.forest.steps[place];
        if step.what & LEAF != 0 {
            let products = &self.products[here..below];
            let sums = &mut self.sums[here..below];
            for ((sum, product), weight) in sums.iter_mut().zip(products).zip(&quadrature.weights) {
                *sum = weight * product * step.number;
            }
            return;
        }
        self.sums[here..below].fill(0.0);
        let input = (step.what & INPUT) as usize;
        let before = self.passed[input];
        let is_left = self.forest.goes_left(step, self.row);
        let all = self.rows[place];
        for (child, is_own) in [(place + 1, is_left), (step.right as usize, !is_left)] {
            // Where no training row has been, both ways are as likely.
            let part = match all {
                0 => 0.5,
                all => f64::from(self.rows[child]) / f64::from(all),
            };
            let passed = Passed {
                share: before.share * part,
                own: if is_own { before.own } else { 0.0 },
            };
            if passed.is_none() {
                continue;
            }
            let (above, products) = self.products.split_at_mut(below);
            let pairs = products.iter_mut().zip(&above[here..]).zip(points);
            for ((product, above), &point) in pairs {
                *product = above * (passed.at(point) / before.at(point));
            }
            self.passed[input] = passed;
            self.descend(quadrature, child, level + 1);
            // The last test of an input on the way to a leaf counts: what the one above counted for these leaves is taken back.
            let (above, sums) = self.sums.split_at_mut(below);
            let mut added = 0.0;
            for ((own, &sum), &point) in above[here..].iter_mut().zip(&*sums).zip(points) {
                let gain = passed.gain() / passed.at(point) - before.gain() / before.at(point);
                added += sum * gain;
                *own += sum;
            }
            self.out[input] += added;
        }
        self.passed[input] = before;
    }
}
