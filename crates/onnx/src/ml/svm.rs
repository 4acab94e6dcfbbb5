//! Support vector machines, as libsvm and after it onnxruntime compute them.

use super::linear::greatest;
use super::rows::{Labels, singles};
use super::score::{Second, Transform, logistic};
use crate::error::{Fault, Refused};
use crate::graph::{Call, Operator};
use crate::ops::{dot, raised};
use crate::read::{Entry, Node};
use crate::tensor::Tensor;

pub(super) const OPERATORS: &[Entry] = &[
    Entry::new("SVMRegressor", 1, (1, 1), (1, 1), regressor),
    Entry::new("SVMClassifier", 1, (1, 1), (1, 2), classifier),
];

/// How near two vectors are.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Linear,
    Poly,
    Rbf,
    Sigmoid,
}

#[derive(Clone, Copy, Debug)]
struct Kernel {
    kind: Kind,
    gamma: f32,
    coef0: f32,
    degree: f32,
}

impl Kernel {
    fn of(node: &Node<'_>) -> Result<Self, Refused> {
        let kind = match node.text("kernel_type")? {
            None | Some("LINEAR") => Kind::Linear,
            Some("POLY") => Kind::Poly,
            Some("RBF") => Kind::Rbf,
            Some("SIGMOID") => Kind::Sigmoid,
            Some(_) => return Err(node.refuse("has an unknown kernel_type")),
        };
        match node.floats("kernel_params")?.unwrap_or_default() {
            [] => Ok(Self {
                kind,
                gamma: 0.0,
                coef0: 0.0,
                degree: 0.0,
            }),
            &[gamma, coef0, degree] => Ok(Self {
                kind,
                gamma,
                coef0,
                degree,
            }),
            _ => Err(node.refuse("has kernel_params that are not three")),
        }
    }

    fn near(self, left: &[f32], right: &[f32]) -> f32 {
        match self.kind {
            Kind::Linear => dot(left, right),
            Kind::Poly => raised(self.gamma * dot(left, right) + self.coef0, self.degree),
            Kind::Rbf => {
                let pairs = left.iter().zip(right);
                let squares = pairs.map(|(left, right)| (left - right) * (left - right));
                (-self.gamma * squares.sum::<f32>()).exp()
            }
            Kind::Sigmoid => (self.gamma * dot(left, right) + self.coef0).tanh(),
        }
    }
}

/// Vectors that lie behind each other.
struct Vectors {
    kernel: Kernel,
    values: Vec<f32>,
    features: usize,
}

impl Vectors {
    fn new(node: &Node<'_>, count: usize) -> Result<Self, Refused> {
        let values = node.needed_floats("support_vectors")?.to_vec();
        if count == 0 || values.is_empty() || !values.len().is_multiple_of(count) {
            return Err(node.refuse(format!(
                "has {} numbers for {count} support vectors",
                values.len()
            )));
        }
        Ok(Self {
            kernel: Kernel::of(node)?,
            features: values.len() / count,
            values,
        })
    }

    fn nearness(&self, row: &[f32], near: &mut Vec<f32>) {
        near.clear();
        let vectors = self.values.chunks_exact(self.features);
        near.extend(vectors.map(|vector| self.kernel.near(row, vector)));
    }
}

/// The rows of the first input, which must have as many features as the model.
fn rows<'a>(
    call: &'a Call<'_>,
    expected: usize,
    work: usize,
) -> Result<(std::borrow::Cow<'a, [f32]>, usize), Fault> {
    let (values, rows, features) = singles(call)?;
    if features != expected {
        return Err(format!("takes {expected} features, but got {features}").into());
    }
    call.work(&[rows, work])?;
    Ok((values, rows))
}

fn regressor(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let count = usize::try_from(node.int_or("n_supports", 0)?).unwrap_or_default();
    let coefficients = node.needed_floats("coefficients")?.to_vec();
    let Some(&offset) = node.needed_floats("rho")?.first() else {
        return Err(node.refuse("has no rho"));
    };
    if coefficients.is_empty() || count > 0 && coefficients.len() != count {
        return Err(node.refuse(format!(
            "has {} coefficients for {count} support vectors",
            coefficients.len()
        )));
    }
    let vectors = match count {
        0 => None,
        count => Some(Vectors::new(node, count)?),
    };
    Ok(Box::new(Regressor {
        vectors,
        coefficients,
        offset,
        is_one_class: node.flag("one_class", false)?,
    }))
}

struct Regressor {
    /// None of a linear model, whose coefficients are those of the features.
    vectors: Option<Vectors>,
    coefficients: Vec<f32>,
    offset: f32,
    is_one_class: bool,
}

impl Operator for Regressor {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let (features, work) = match &self.vectors {
            Some(vectors) => (vectors.features, vectors.values.len()),
            None => (self.coefficients.len(), self.coefficients.len()),
        };
        let (values, rows) = rows(call, features, work)?;
        let shape = vec![rows, 1];
        let mut made = Vec::with_capacity(call.room(&shape)?);
        let mut near = Vec::new();
        for row in values.chunks_exact(features) {
            let sum = match &self.vectors {
                Some(vectors) => {
                    vectors.nearness(row, &mut near);
                    dot(&near, &self.coefficients)
                }
                None => dot(row, &self.coefficients),
            };
            let sum = sum + self.offset;
            made.push(match (self.is_one_class, sum > 0.0) {
                (false, _) => sum,
                (true, true) => 1.0,
                (true, false) => -1.0,
            });
        }
        call.give(0, Tensor::new(shape, made))
    }
}

fn classifier(node: &Node<'_>) -> Result<Box<dyn Operator>, Refused> {
    let labels = Labels::of(node, "classlabels_ints")?;
    let classes = labels.len();
    let coefficients = node.needed_floats("coefficients")?.to_vec();
    let offsets = node.needed_floats("rho")?.to_vec();
    let counts = node.ints("vectors_per_class")?.unwrap_or_default();
    let counts = counts.iter().map(|&count| usize::try_from(count));
    let counts = counts
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| node.refuse("has vectors_per_class below 0"))?;
    let total = counts
        .iter()
        .fold(0_usize, |total, &count| total.saturating_add(count));
    let prob_a = node.floats("prob_a")?.unwrap_or_default();
    let prob_b = node.floats("prob_b")?.unwrap_or_default();
    let pairs = classes * classes.saturating_sub(1) / 2;
    let probability = prob_a.iter().copied().zip(prob_b.iter().copied()).collect();
    let fits = if total == 0 {
        coefficients.len().is_multiple_of(classes)
            && !offsets.is_empty()
            && !coefficients.is_empty()
    } else {
        counts.len() == classes
            && coefficients.len() == total.saturating_mul(classes - 1)
            && offsets.len() >= pairs
            && prob_a.len() == prob_b.len()
            && (prob_a.is_empty() || prob_a.len() >= pairs)
    };
    if !(2..=MOST_CLASSES).contains(&classes) || !fits {
        return Err(node.refuse("has coefficients that are not those of its classes"));
    }
    let vectors = match total {
        0 => None,
        total => Some(Vectors::new(node, total)?),
    };
    Ok(Box::new(Classifier {
        vectors,
        classes,
        all_positive: coefficients.iter().all(|&coefficient| coefficient >= 0.0),
        coefficients,
        offsets,
        counts,
        probability,
        transform: Transform::of(node)?,
        labels,
    }))
}

/// There is a sum for each pair of classes.
const MOST_CLASSES: usize = 1024;

struct Classifier {
    /// None of a linear model, whose coefficients are those of the features for each class.
    vectors: Option<Vectors>,
    coefficients: Vec<f32>,
    offsets: Vec<f32>,
    classes: usize,
    /// How many of the vectors are each class's.
    counts: Vec<usize>,
    /// For each pair of classes what makes a probability of its sum; none if there are to be no probabilities.
    probability: Vec<(f32, f32)>,
    all_positive: bool,
    transform: Transform,
    labels: Labels,
}

impl Operator for Classifier {
    fn run(&self, call: &mut Call<'_>) -> Result<(), Fault> {
        let features = match &self.vectors {
            Some(vectors) => vectors.features,
            None => self.coefficients.len() / self.classes,
        };
        let pairs = self.classes * (self.classes - 1) / 2;
        let work = match &self.vectors {
            Some(vectors) => vectors.values.len() + self.coefficients.len(),
            None => self.coefficients.len(),
        };
        let (values, rows) = rows(call, features, work.saturating_add(pairs))?;
        let columns = match &self.vectors {
            Some(_) if self.probability.is_empty() => pairs.max(2),
            _ => self.classes,
        };
        let mut scores = Vec::with_capacity(call.room(&[rows, columns])?);
        let mut chosen = Vec::with_capacity(rows);
        let mut near = Vec::new();
        for row in values.chunks_exact(features) {
            let (class, of_row) = match &self.vectors {
                Some(vectors) => {
                    vectors.nearness(row, &mut near);
                    self.of_pairs(&near, call)?
                }
                None => self.of_classes(row, features),
            };
            chosen.push(class);
            scores.extend(of_row);
        }
        let labels = self.labels.chosen(&chosen);
        call.give(
            0,
            Tensor {
                shape: vec![rows],
                data: labels,
            },
        )?;
        call.give(1, Tensor::new(vec![rows, columns], scores))
    }
}

impl Classifier {
    fn of_classes(&self, row: &[f32], features: usize) -> (usize, Vec<f32>) {
        let offset = self.offsets[0];
        let sums = self.coefficients.chunks_exact(features);
        let mut sums = sums.map(|line| dot(row, line) + offset).collect::<Vec<_>>();
        let mut class = greatest(&sums);
        if let ([first, second], true) = (&sums[..], self.probability.is_empty()) {
            let most = first.max(*second);
            let is_above = if self.all_positive {
                most >= 0.5
            } else {
                most > 0.0
            };
            if is_above {
                class = 1;
            }
        }
        self.transform.apply(&mut sums);
        (class, sums)
    }

    /// Every pair of classes votes.
    fn of_pairs(&self, near: &[f32], call: &Call<'_>) -> Result<(usize, Vec<f32>), Fault> {
        let total = near.len();
        let mut starts = Vec::with_capacity(self.classes);
        let mut start = 0;
        for &count in &self.counts {
            starts.push(start);
            start += count;
        }
        let sum_of = |line: usize, class: usize| {
            let own = starts[class]..starts[class] + self.counts[class];
            let coefficients = &self.coefficients[line * total..(line + 1) * total];
            let pairs = coefficients[own.clone()].iter().zip(&near[own]);
            pairs
                .map(|(coefficient, near)| f64::from(coefficient * near))
                .sum::<f64>()
        };
        let mut sums = Vec::new();
        let mut votes = vec![0_usize; self.classes];
        for one in 0..self.classes {
            for other in one + 1..self.classes {
                let offset = f64::from(self.offsets[sums.len()]);
                let sum = sum_of(other - 1, one) + sum_of(one, other) + offset;
                votes[if sum > 0.0 { one } else { other }] += 1;
                sums.push(sum as f32);
            }
        }
        // The first of those with the most votes.
        let mut class = 0;
        for place in 1..self.classes {
            if votes[place] > votes[class] {
                class = place;
            }
        }
        if !self.probability.is_empty() {
            call.work(&[self.classes, self.classes, 20])?;
            let mut shares = self.shares(&sums);
            self.transform.apply(&mut shares);
            return Ok((class, shares));
        }
        if let [sum] = sums[..] {
            let second = if self.transform == Transform::None {
                Second::Opposite
            } else {
                Second::Rest
            };
            return Ok((class, self.transform.spread(sum, second).to_vec()));
        }
        self.transform.apply(&mut sums);
        Ok((class, sums))
    }

    /// Probabilities of all classes from those within pairs, as Wu, Lin and Weng found them.
    fn shares(&self, sums: &[f32]) -> Vec<f32> {
        let classes = self.classes;
        let mut pairwise = vec![0.0_f32; classes * classes];
        let mut pair = 0;
        for one in 0..classes {
            for other in one + 1..classes {
                let (a, b) = self.probability[pair];
                let share = 1.0 - logistic(sums[pair] * a + b);
                let share = share.clamp(1e-7, 1.0 - 1e-7);
                pairwise[one * classes + other] = share;
                pairwise[other * classes + one] = 1.0 - share;
                pair += 1;
            }
        }
        coupled(&pairwise, classes)
    }
}

fn coupled(pairwise: &[f32], classes: usize) -> Vec<f32> {
    let at = |row: usize, column: usize| row * classes + column;
    let mut matrix = vec![0.0_f32; classes * classes];
    for row in 0..classes {
        for column in 0..classes {
            if row != column {
                let own = pairwise[at(column, row)];
                matrix[at(row, row)] += own * own;
                matrix[at(row, column)] = -own * pairwise[at(row, column)];
            }
        }
    }
    let mut shares = vec![1.0 / classes as f32; classes];
    let enough = 0.005 / classes as f32;
    let mut products = vec![0.0_f32; classes];
    for _ in 0..100 {
        let mut total = 0.0;
        for row in 0..classes {
            let line = &matrix[row * classes..(row + 1) * classes];
            products[row] = line.iter().zip(&shares).map(|(a, b)| a * b).sum();
            total += shares[row] * products[row];
        }
        if products
            .iter()
            .all(|product| (product - total).abs() < enough)
        {
            break;
        }
        for row in 0..classes {
            let own = matrix[at(row, row)];
            let step = (total - products[row]) / own;
            shares[row] += step;
            total =
                (total + step * (step * own + 2.0 * products[row])) / (1.0 + step) / (1.0 + step);
            for column in 0..classes {
                products[column] =
                    (products[column] + step * matrix[at(row, column)]) / (1.0 + step);
                shares[column] /= 1.0 + step;
            }
        }
    }
    shares
}
