use domain::models::InputField;

use super::{ArtifactError, inconsistent};

/// Most trees of a model, those of all its scores together.
pub const MAX_TREES: usize = 20_000;

/// Most memory for sets of categories, in words of 64 categories.
const MAX_WORDS: usize = 1 << 24;

/// Most splits between a tree's root and a leaf.
const MAX_DEPTH: u32 = 2_000;

/// A sum of what trees say.
#[derive(Clone, Debug, PartialEq)]
pub struct Trees {
    /// What the sum starts from, in the target's unit.
    pub base: f64,
    pub trees: Vec<Tree>,
}

/// Its nodes in the order of a walk that goes left first: the root, then all of its left branch, then its right one.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// What the tree adds to the sum, in the target's unit.
    Leaf(f64),
    /// The left branch is the node that follows.
    Split(Split),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Place among the signature's inputs.
    pub input: u32,
    pub test: Test,
    /// Whether a missing value goes left.
    pub missing_left: bool,
    /// Place of the right branch among the tree's nodes.
    pub right: u32,
}

/// What goes left.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Numbers below this one.
    Below(f64),
    /// These of the input's categories.
    Among {
        /// Ascending.
        categories: Vec<u32>,
        /// Whether a category that the signature does not name goes left.
        other: bool,
    },
}

impl Trees {
    /// Children stand behind their parents and every node but the root has exactly one, so a walk from the root always
    /// ends at a leaf.
    pub(super) fn check(&self, inputs: &[InputField]) -> Result<(), ArtifactError> {
        if !self.base.is_finite() {
            return inconsistent("the base is not finite".to_owned());
        }
        Self::check_size([self], inputs)?;
        for (place, tree) in self.trees.iter().enumerate() {
            tree.check(inputs)
                .or_else(|what| inconsistent(format!("tree {place}, {what}")))?;
        }
        Ok(())
    }
}

impl Trees {
    /// Whether those that belong to one model are not too large together.
    pub(super) fn check_size<'t>(
        of_model: impl IntoIterator<Item = &'t Self>,
        inputs: &[InputField],
    ) -> Result<(), ArtifactError> {
        let (mut count, mut words) = (0, 0);
        for trees in of_model {
            count += trees.trees.len();
            words += trees.words(inputs);
        }
        if count > MAX_TREES {
            return inconsistent(format!("{count} trees: at most {MAX_TREES} are taken"));
        }
        if words > MAX_WORDS {
            return inconsistent(format!(
                "its sets of categories take {words} words of memory: at most {MAX_WORDS} are taken"
            ));
        }
        Ok(())
    }

    /// What the sets of categories take once a predictor is made of them.
    fn words(&self, inputs: &[InputField]) -> usize {
        let nodes = self.trees.iter().flat_map(|tree| &tree.nodes);
        let sets = nodes.filter_map(|node| match node {
            Node::Split(Split {
                input,
                test: Test::Among { .. },
                ..
            }) => inputs.get(*input as usize)?.categories.as_ref(),
            _ => None,
        });
        sets.map(|categories| categories.len().div_ceil(64)).sum()
    }
}

impl Tree {
    fn check(&self, inputs: &[InputField]) -> Result<(), String> {
        let nodes = &self.nodes;
        // How far from the root each node is; 0 for those that no parent has named yet.
        let mut depths = vec![0_u32; nodes.len()];
        if nodes.is_empty() {
            return Err("which has no nodes".to_owned());
        }
        for (place, node) in nodes.iter().enumerate() {
            let wrong = |what: &str| Err(format!("node {place}: {what}"));
            if place > 0 && depths[place] == 0 {
                return wrong("it has no parent");
            }
            match node {
                Node::Leaf(value) if value.is_finite() => {}
                Node::Leaf(_) => return wrong("its value is not finite"),
                Node::Split(split) => {
                    split.check(inputs).or_else(|what| wrong(&what))?;
                    let depth = depths[place] + 1;
                    if depth > MAX_DEPTH {
                        return wrong(&format!("more than {MAX_DEPTH} splits deep"));
                    }
                    let right = split.right as usize;
                    if right <= place + 1 {
                        return wrong("its right branch does not stand behind its left one");
                    }
                    for child in [place + 1, right] {
                        match depths.get_mut(child) {
                            Some(known) if *known == 0 => *known = depth,
                            Some(_) => return wrong("its branch has another parent"),
                            None => return wrong("its branch is not there"),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Split {
    fn check(&self, inputs: &[InputField]) -> Result<(), String> {
        let Some(input) = inputs.get(self.input as usize) else {
            return Err(format!("there is no input {}", self.input));
        };
        match (&self.test, input.kind.is_numeric()) {
            (Test::Below(threshold), true) if threshold.is_finite() => Ok(()),
            (Test::Below(_), true) => Err("its threshold is not finite".to_owned()),
            (Test::Among { categories, .. }, false) => {
                let known = input.categories.as_ref().map_or(0, Vec::len);
                let ascending = categories.is_sorted_by(|a, b| a < b);
                let within = categories
                    .last()
                    .is_none_or(|&last| (last as usize) < known);
                if ascending && within {
                    Ok(())
                } else {
                    Err("its categories are not ascending ones of the input".to_owned())
                }
            }
            _ => Err("its test is for another kind of input".to_owned()),
        }
    }
}
