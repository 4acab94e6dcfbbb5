use super::{Artifact, ArtifactError, Body, Densities, Linear, Node, Score, Trees, inconsistent};

/// What the training rows are to a model. Explanations measure from it: an input's share of a prediction is what the row's value
/// adds to it beyond what the values of those rows add on average.
#[derive(Clone, Debug, PartialEq)]
pub struct Background {
    /// One for each score, in their order; a regression has one.
    pub scores: Vec<Reference>,
}

/// What the training rows are to one score.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// Of a weighted sum, and of densities: the mean of each input's term.
    Means(Vec<f64>),
    /// Of trees: how many of the rows came to each node, tree by tree in their nodes' order.
    Covers(Vec<Vec<u32>>),
}

/// A sum that a score, or a regression's prediction, is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sum<'a> {
    Linear(&'a Linear),
    Trees(&'a Trees),
    Densities(&'a Densities),
}

impl Body {
    /// The sums that it is made of, in their order.
    pub(crate) fn sums(&self) -> Vec<Sum<'_>> {
        match self {
            Self::Linear(linear) | Self::Exponential(linear) => vec![Sum::Linear(linear)],
            Self::Trees(trees) => vec![Sum::Trees(trees)],
            Self::Blend(blend) if blend.adds_up() => {
                let members = blend.members.iter();
                members.flat_map(|member| member.body.sums()).collect()
            }
            // A vote has no sum; nobody here knows what the next two are made of; neighbours are compared as wholes.
            Self::Blend(_) | Self::Onnx(_) | Self::Remote(_) | Self::Neighbours(_) => Vec::new(),
            Self::Prepared(prepared) => prepared.body.sums(),
            Self::Classifier(classifier) => {
                let scores = classifier.scores.iter().map(|score| match score {
                    Score::Linear(linear) => Sum::Linear(linear),
                    Score::Trees(trees) => Sum::Trees(trees),
                    Score::Densities(densities) => Sum::Densities(densities),
                });
                scores.collect()
            }
        }
    }
}

impl Background {
    pub(super) fn check(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        let sums = artifact.body.sums();
        if sums.len() != self.scores.len() {
            return inconsistent(format!(
                "its background is of {} scores, but it has {}",
                self.scores.len(),
                sums.len()
            ));
        }
        for (place, (sum, reference)) in sums.into_iter().zip(&self.scores).enumerate() {
            reference
                .check(sum)
                .or_else(|what| inconsistent(format!("the background of score {place}: {what}")))?;
        }
        Ok(())
    }
}

impl Reference {
    fn check(&self, sum: Sum<'_>) -> Result<(), String> {
        match (self, sum) {
            (Self::Means(means), Sum::Linear(linear)) => {
                check_means(means, linear.transforms.len(), "transforms")
            }
            (Self::Means(means), Sum::Densities(densities)) => {
                check_means(means, densities.terms.len(), "densities")
            }
            (Self::Covers(covers), Sum::Trees(trees)) => {
                if covers.len() != trees.trees.len() {
                    return Err(format!(
                        "rows of {} trees, but there are {}",
                        covers.len(),
                        trees.trees.len()
                    ));
                }
                for (place, (rows, tree)) in covers.iter().zip(&trees.trees).enumerate() {
                    check_cover(rows, &tree.nodes)
                        .map_err(|what| format!("tree {place}, {what}"))?;
                }
                Ok(())
            }
            _ => Err("it is of another kind of score".to_owned()),
        }
    }
}

fn check_means(means: &[f64], count: usize, what: &str) -> Result<(), String> {
    if means.len() != count {
        return Err(format!("{} means, but {count} {what}", means.len()));
    }
    if means.iter().any(|mean| !mean.is_finite()) {
        return Err("a mean is not finite".to_owned());
    }
    Ok(())
}

/// Every row comes to the root, and from a split to one of its branches. The tree itself has been checked.
fn check_cover(rows: &[u32], nodes: &[Node]) -> Result<(), String> {
    if rows.len() != nodes.len() {
        return Err(format!(
            "rows of {} nodes, but there are {}",
            rows.len(),
            nodes.len()
        ));
    }
    if rows.first() == Some(&0) {
        return Err("no row came to its root".to_owned());
    }
    for (place, node) in nodes.iter().enumerate() {
        if let Node::Split(split) = node {
            let both = u64::from(rows[place + 1]) + u64::from(rows[split.right as usize]);
            if both != u64::from(rows[place]) {
                return Err(format!(
                    "node {place}: {} rows came to it, and {both} to its branches",
                    rows[place]
                ));
            }
        }
    }
    Ok(())
}
