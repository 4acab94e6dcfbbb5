//! The numbers that algorithms take.

use serde_json::{Map, Value as Json};

use crate::FieldError;

/// A number that an algorithm takes, or one of some words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// In `params`, and in a form.
    pub name: &'static str,
    /// Where a wrong value is reported.
    pub pointer: &'static str,
    pub label: &'static str,
    /// One sentence for a form.
    pub hint: &'static str,
    /// Whether it takes whole numbers alone.
    pub is_whole: bool,
    /// The words that it takes; none of a number. Then the values are their places.
    pub choices: &'static [&'static str],
    pub min: f64,
    pub max: f64,
    pub default: f64,
}

/// The largest whole number of which every smaller one is exact.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

pub const PENALTY: Parameter = Parameter {
    name: "penalty",
    pointer: "/params/penalty",
    label: "Penalty",
    hint: "0 to 1000000: the larger, the smaller the coefficients. 0 is plain linear regression.",
    is_whole: false,
    choices: &[],
    min: 0.0,
    max: 1e6,
    default: 0.01,
};

pub const LOGISTIC_PENALTY: Parameter = Parameter {
    name: "penalty",
    pointer: "/params/penalty",
    label: "Penalty",
    hint: "0.000001 to 1000000: the larger, the smaller the coefficients, and the nearer the probabilities to the classes' shares.",
    is_whole: false,
    choices: &[],
    min: 1e-6,
    max: 1e6,
    default: 0.001,
};

pub const L1_RATIO: Parameter = Parameter {
    name: "l1_ratio",
    pointer: "/params/l1_ratio",
    label: "L1 ratio",
    hint: "0 to 1: the share of the penalty that works as in lasso; the rest works as in ridge.",
    is_whole: false,
    choices: &[],
    min: 0.0,
    max: 1.0,
    default: 0.5,
};

/// Of `poisson`, `gamma` and `tweedie`.
pub const LOG_PENALTY: Parameter = Parameter {
    name: "penalty",
    pointer: "/params/penalty",
    label: "Penalty",
    hint: "0.000001 to 1000000: the larger, the smaller the coefficients, and the nearer the predictions to the mean.",
    is_whole: false,
    choices: &[],
    min: 1e-6,
    max: 1e6,
    default: 0.001,
};

pub const POWER: Parameter = Parameter {
    name: "power",
    pointer: "/params/power",
    label: "Power",
    hint: "1.01 to 1.99: how fast the spread grows with the mean. Near 1 as of counts, near 2 as of amounts of which some are 0.",
    is_whole: false,
    choices: &[],
    min: 1.01,
    max: 1.99,
    default: 1.5,
};

/// Of `decision_tree`.
pub const TREE_DEPTH: Parameter = Parameter {
    name: "max_depth",
    pointer: "/params/max_depth",
    label: "Depth",
    hint: "1 to 30: the most questions that lead to an answer.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: 30.0,
    default: 8.0,
};

/// Of `decision_tree`.
pub const TREE_LEAF_ROWS: Parameter = Parameter {
    name: "min_leaf_rows",
    pointer: "/params/min_leaf_rows",
    label: "Rows of an answer",
    hint: "1 to 100000: the fewest training rows that an answer is made of. Of a small table, a tenth of the training rows is enough.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: 100_000.0,
    default: 20.0,
};

pub const TREES: Parameter = Parameter {
    name: "trees",
    pointer: "/params/trees",
    label: "Trees",
    hint: "1 to 1000: more of them are steadier, larger and slower.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: 1_000.0,
    default: 200.0,
};

/// Of `random_forest`.
pub const FOREST_DEPTH: Parameter = Parameter {
    name: "max_depth",
    pointer: "/params/max_depth",
    label: "Depth",
    hint: "1 to 30: the most questions of a tree that lead to its answer.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: 30.0,
    default: 30.0,
};

/// Of `random_forest`.
pub const FOREST_LEAF_ROWS: Parameter = Parameter {
    name: "min_leaf_rows",
    pointer: "/params/min_leaf_rows",
    label: "Rows of an answer",
    hint: "1 to 100000: the fewest training rows that a tree's answer is made of. Of a small table, a tenth of the training rows is enough.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: 100_000.0,
    default: 3.0,
};

pub const FEATURE_SHARE: Parameter = Parameter {
    name: "feature_share",
    pointer: "/params/feature_share",
    label: "Share of the features",
    hint: "0.01 to 1: how many of the features a question is chosen from, drawn anew for each. The fewer, the more the trees differ.",
    is_whole: false,
    choices: &[],
    min: 0.01,
    max: 1.0,
    default: 0.33,
};

/// Of `random_forest`.
pub const FOREST_SEED: Parameter = Parameter {
    name: "seed",
    pointer: "/params/seed",
    label: "Forest seed",
    hint: "The same seed draws the same rows and features, so the forest is the same.",
    is_whole: true,
    choices: &[],
    min: 0.0,
    max: LARGEST_WHOLE,
    default: 42.0,
};

/// Of `histogram_boosting`.
pub const BOOSTED_TREES: Parameter = Parameter {
    name: "trees",
    pointer: "/params/trees",
    label: "Trees",
    hint: "1 to 10000: more of them go further, and take longer. As many for each of more than two classes.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: 10_000.0,
    default: 100.0,
};

pub const LEARNING_RATE: Parameter = Parameter {
    name: "learning_rate",
    pointer: "/params/learning_rate",
    label: "Learning rate",
    hint: "0.001 to 1: how much of what a tree says is added. Half of it takes twice the trees, and is often better.",
    is_whole: false,
    choices: &[],
    min: 0.001,
    max: 1.0,
    default: 0.1,
};

pub const MAX_LEAVES: Parameter = Parameter {
    name: "max_leaves",
    pointer: "/params/max_leaves",
    label: "Leaves",
    hint: "2 to 1000: the most answers of a tree. Fewer are steadier where rows are few, more find more in many rows.",
    is_whole: true,
    choices: &[],
    min: 2.0,
    max: 1_000.0,
    default: 31.0,
};

/// Of `histogram_boosting`.
pub const BOOSTED_LEAF_ROWS: Parameter = Parameter {
    name: "min_leaf_rows",
    pointer: "/params/min_leaf_rows",
    label: "Rows of an answer",
    hint: "1 to 100000: the fewest training rows that a tree's answer is made of. Of a small table, a tenth of the training rows is enough.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: 100_000.0,
    default: 20.0,
};

/// Of `histogram_boosting`.
pub const LEAF_PENALTY: Parameter = Parameter {
    name: "penalty",
    pointer: "/params/penalty",
    label: "Penalty",
    hint: "0 to 1000000: the larger, the smaller the steps that few rows lead to.",
    is_whole: false,
    choices: &[],
    min: 0.0,
    max: 1e6,
    default: 1.0,
};

pub const ROW_SHARE: Parameter = Parameter {
    name: "row_share",
    pointer: "/params/row_share",
    label: "Share of the rows",
    hint: "0.05 to 1: how many of the training rows a tree learns from, drawn anew for each.",
    is_whole: false,
    choices: &[],
    min: 0.05,
    max: 1.0,
    default: 1.0,
};

/// Of `histogram_boosting`.
pub const BOOSTED_FEATURE_SHARE: Parameter = Parameter {
    name: "feature_share",
    pointer: "/params/feature_share",
    label: "Share of the features",
    hint: "0.01 to 1: how many of the features a question is chosen from, drawn anew for each.",
    is_whole: false,
    choices: &[],
    min: 0.01,
    max: 1.0,
    default: 1.0,
};

/// Of `histogram_boosting`.
pub const BOOSTED_SEED: Parameter = Parameter {
    name: "seed",
    pointer: "/params/seed",
    label: "Drawing seed",
    hint: "The same seed draws the same rows and features, where not all are taken, so the model is the same.",
    is_whole: true,
    choices: &[],
    min: 0.0,
    max: LARGEST_WHOLE,
    default: 42.0,
};

/// Of `naive_bayes`.
pub const SMOOTHING: Parameter = Parameter {
    name: "smoothing",
    pointer: "/params/smoothing",
    label: "Smoothing",
    hint: "0.001 to 1000: how many rows more each category is taken to have in each class, so that none is impossible.",
    is_whole: false,
    choices: &[],
    min: 0.001,
    max: 1_000.0,
    default: 1.0,
};

/// The most neighbours of a row.
pub const MAX_NEIGHBORS: usize = 100;

/// Of `k_nearest_neighbors`.
pub const NEIGHBORS: Parameter = Parameter {
    name: "neighbors",
    pointer: "/params/neighbors",
    label: "Neighbours",
    hint: "1 to 100: how many of the most similar rows an answer is made of. More of them are steadier and see less detail.",
    is_whole: true,
    choices: &[],
    min: 1.0,
    max: MAX_NEIGHBORS as f64,
    default: 5.0,
};

/// Of `k_nearest_neighbors`.
pub const WEIGHTS: Parameter = Parameter {
    name: "weights",
    pointer: "/params/weights",
    label: "Weights",
    hint: "uniform: every neighbour counts the same. distance: nearer ones count more.",
    is_whole: true,
    choices: &["uniform", "distance"],
    min: 0.0,
    max: 1.0,
    default: 0.0,
};

pub const BUDGET: Parameter = Parameter {
    name: "budget",
    pointer: "/params/budget",
    label: "Fitting budget",
    hint: "0.1 to 2: more of it gives more and smaller steps, often a better model, and a longer run.",
    is_whole: false,
    choices: &[],
    min: 0.1,
    max: 2.0,
    default: 1.0,
};

/// Of `gradient_boosting`.
pub const SEED: Parameter = Parameter {
    name: "seed",
    pointer: "/params/seed",
    label: "Boosting seed",
    hint: "The same seed draws the same rows on large tables, so the model is the same.",
    is_whole: true,
    choices: &[],
    min: 0.0,
    max: LARGEST_WHOLE,
    default: 42.0,
};

impl Parameter {
    /// What it takes, in words.
    #[must_use]
    pub fn range(&self) -> String {
        if !self.choices.is_empty() {
            return self.choices.join(" or ");
        }
        let kind = if self.is_whole {
            "a whole number"
        } else {
            "a number"
        };
        format!("{kind} from {} to {}", self.min, self.max)
    }

    /// The value as it is written: in JSON and, a word without its quotes, in a form.
    #[must_use]
    pub fn written(&self, value: f64) -> Json {
        match self.choices.get(value as usize) {
            Some(choice) => Json::from(*choice),
            None if self.is_whole => Json::from(value as u64),
            None => Json::from(value),
        }
    }

    /// The value that is written so; whether it is in range is for [`Self::check`].
    pub(super) fn read(&self, value: &Json) -> Option<f64> {
        if self.choices.is_empty() {
            return value.as_f64();
        }
        let text = value.as_str()?;
        let place = self.choices.iter().position(|choice| *choice == text)?;
        Some(place as f64)
    }

    pub(super) fn check(&self, value: &Json) -> std::result::Result<(), FieldError> {
        let refused =
            |code| FieldError::new(self.pointer, code, self.range()).got(value.to_string());
        if !self.choices.is_empty() {
            return match (value, self.read(value)) {
                (_, Some(_)) => Ok(()),
                (Json::String(_), None) => Err(refused("invalid")),
                (_, None) => Err(refused("wrong_type")),
            };
        }
        match value.as_f64() {
            None => Err(refused("wrong_type")),
            Some(number) if self.is_whole && number.fract() != 0.0 => Err(refused("wrong_type")),
            Some(number) if !(self.min..=self.max).contains(&number) => {
                Err(refused("out_of_range"))
            }
            Some(_) => Ok(()),
        }
    }
}

/// An algorithm's parameters, each in its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Params(Vec<(Parameter, f64)>);

impl Params {
    pub(super) fn new(values: Vec<(Parameter, f64)>) -> Self {
        Self(values)
    }

    /// The value of one of the algorithm's parameters; of another one, its default.
    #[must_use]
    pub fn of(&self, parameter: &Parameter) -> f64 {
        self.0
            .iter()
            .find(|(known, _)| known.name == parameter.name)
            .map_or(parameter.default, |(_, value)| *value)
    }

    #[must_use]
    pub fn to_map(&self) -> Map<String, Json> {
        self.0
            .iter()
            .map(|(parameter, value)| (parameter.name.to_owned(), parameter.written(*value)))
            .collect()
    }
}
