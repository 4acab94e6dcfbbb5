use domain::models::InputField;

use super::{ArtifactError, inconsistent};

/// How likely the inputs of a row are together, as a logarithm, where each is looked at by itself: a sum with one term for each
/// input. A missing value says nothing: its term is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Densities {
    /// What the sum starts from.
    pub base: f64,
    /// One for each input, in the signature's order.
    pub terms: Vec<Density>,
}

/// How one input becomes its term.
#[derive(Clone, Debug, PartialEq)]
pub enum Density {
    /// Of the range that a number is in.
    Ranges {
        /// Ascending: a number is in the range behind those that are not above it.
        cuts: Vec<f64>,
        /// One for each range: one more than there are cuts.
        terms: Vec<f64>,
    },
    /// Of the input's category.
    Categorical {
        /// One for each of the signature's categories.
        terms: Vec<f64>,
        /// Of any category that the signature does not name.
        other: f64,
    },
}

impl Densities {
    pub(super) fn check(&self, inputs: &[InputField]) -> Result<(), ArtifactError> {
        if inputs.len() != self.terms.len() {
            return inconsistent(format!(
                "{} inputs, but {} densities",
                inputs.len(),
                self.terms.len()
            ));
        }
        if !self.base.is_finite() {
            return inconsistent("the base of its densities is not finite".to_owned());
        }
        let mut pairs = inputs.iter().zip(&self.terms);
        pairs.try_for_each(|(input, density)| check_density(input, density))
    }
}

fn check_density(input: &InputField, density: &Density) -> Result<(), ArtifactError> {
    let name = &input.name;
    match density {
        Density::Ranges { .. } if !input.kind.is_numeric() => {
            inconsistent(format!("input {name:?} is no number, but is used as one"))
        }
        Density::Ranges { cuts, terms } => {
            if terms.len() != cuts.len() + 1 {
                return inconsistent(format!(
                    "input {name:?} has {} cuts, but {} terms",
                    cuts.len(),
                    terms.len()
                ));
            }
            if cuts.iter().chain(terms).any(|number| !number.is_finite()) {
                return inconsistent(format!("input {name:?} has a number that is not finite"));
            }
            if !cuts.is_sorted_by(|a, b| a < b) {
                return inconsistent(format!("input {name:?} has cuts that do not ascend"));
            }
            Ok(())
        }
        Density::Categorical { .. } if input.kind.is_numeric() => inconsistent(format!(
            "input {name:?} is a number, but is used as a category"
        )),
        Density::Categorical { terms, other } => {
            let categories = input.categories.as_deref().unwrap_or_default();
            if categories.len() != terms.len() {
                return inconsistent(format!(
                    "input {name:?} has {} categories, but {} terms",
                    categories.len(),
                    terms.len()
                ));
            }
            if terms.iter().chain([other]).any(|term| !term.is_finite()) {
                return inconsistent(format!("input {name:?} has a term that is not finite"));
            }
            Ok(())
        }
    }
}
