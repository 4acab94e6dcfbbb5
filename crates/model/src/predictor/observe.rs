use domain::models::InputField;

use super::densities::Evidence;
use super::forest::Forest;
use super::linear::{Terms, offset};
use super::prepared::Preparer;
use super::{PredictError, Value};
use crate::artifact::{Artifact, Background, Body, Densities, Linear, Reference, Sum, Trees};

/// Watches what training rows do in a model, so that single predictions can be compared with them.
#[derive(Debug)]
pub struct Observer {
    /// Of a model of columns that are made of the inputs.
    preparer: Option<Preparer>,
    scores: Vec<Seen>,
    rows: u32,
}

#[derive(Debug)]
enum Seen {
    Terms {
        terms: Terms,
        offsets: Vec<f64>,
        sums: Vec<f64>,
    },
    Densities {
        evidence: Evidence,
        sums: Vec<f64>,
    },
    Trees {
        forest: Forest,
        /// Nodes of each tree.
        sizes: Vec<usize>,
        /// Of all trees, one behind the other.
        rows: Vec<u32>,
    },
}

impl Observer {
    /// The artifact must have passed [`Artifact::check`]. `None` for a model that is made of no sums.
    #[must_use]
    pub fn new(artifact: &Artifact) -> Option<Self> {
        let sums = artifact.body.sums();
        if sums.is_empty() {
            return None;
        }
        let inputs = &artifact.signature.inputs;
        let prepared = match &artifact.body {
            Body::Prepared(prepared) => Some(prepared),
            _ => None,
        };
        let fields = prepared.map(|prepared| prepared.fields(inputs));
        let fields = fields.as_ref().unwrap_or(inputs);
        let scores = sums.into_iter().map(|sum| match sum {
            Sum::Linear(linear) => Seen::terms(linear),
            Sum::Densities(densities) => Seen::densities(densities),
            Sum::Trees(trees) => Seen::trees(trees, fields),
        });
        Some(Self {
            preparer: prepared.map(|prepared| Preparer::new(prepared, inputs.len())),
            scores: scores.collect(),
            rows: 0,
        })
    }

    /// How many trees a row goes through.
    pub fn trees(&self) -> usize {
        let trees = self.scores.iter().map(|seen| match seen {
            Seen::Terms { .. } | Seen::Densities { .. } => 0,
            Seen::Trees { sizes, .. } => sizes.len(),
        });
        trees.sum()
    }

    /// # Errors
    /// A row that does not fit the model. The observer is of no use then.
    pub fn see(&mut self, row: &[Value]) -> Result<(), PredictError> {
        let prepared = match &self.preparer {
            None => None,
            Some(preparer) => Some(preparer.prepare(row)?),
        };
        let row = prepared.as_deref().unwrap_or(row);
        for seen in &mut self.scores {
            match seen {
                Seen::Terms {
                    terms,
                    offsets,
                    sums,
                } => {
                    let terms = terms.terms(row)?.zip(offsets).zip(sums);
                    for ((term, offset), sum) in terms {
                        *sum += term? - *offset;
                    }
                }
                Seen::Densities { evidence, sums } => {
                    for (term, sum) in evidence.terms(row)?.zip(sums) {
                        *sum += term?;
                    }
                }
                Seen::Trees { forest, rows, .. } => {
                    forest.visit(row, |place| rows[place] = rows[place].saturating_add(1))?;
                }
            }
        }
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    /// What the rows are to the model. `None` when there were none.
    #[must_use]
    pub fn background(self) -> Option<Background> {
        if self.rows == 0 {
            return None;
        }
        let count = f64::from(self.rows);
        let scores = self.scores.into_iter().map(|seen| match seen {
            Seen::Terms { sums, .. } | Seen::Densities { sums, .. } => {
                Reference::Means(sums.into_iter().map(|sum| sum / count).collect())
            }
            Seen::Trees { sizes, rows, .. } => {
                let mut rest = rows.as_slice();
                let trees = sizes.into_iter().map(|size| {
                    let (tree, behind) = rest.split_at(size);
                    rest = behind;
                    tree.to_vec()
                });
                Reference::Covers(trees.collect())
            }
        });
        Some(Background {
            scores: scores.collect(),
        })
    }
}

impl Seen {
    fn terms(linear: &Linear) -> Self {
        Self::Terms {
            terms: Terms::new(linear),
            offsets: linear.transforms.iter().map(offset).collect(),
            sums: vec![0.0; linear.transforms.len()],
        }
    }

    fn densities(densities: &Densities) -> Self {
        Self::Densities {
            evidence: Evidence::new(densities),
            sums: vec![0.0; densities.terms.len()],
        }
    }

    fn trees(trees: &Trees, inputs: &[InputField]) -> Self {
        let forest = Forest::new(trees, inputs);
        Self::Trees {
            rows: vec![0; forest.steps()],
            sizes: trees.trees.iter().map(|tree| tree.nodes.len()).collect(),
            forest,
        }
    }
}
