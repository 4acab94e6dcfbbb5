//! Fitting models to rows. An algorithm is a file here and an arm in [`algorithm`].

mod bins;
mod draw;
mod generalised_linear;
mod gradient_boosting;
mod histogram_boosting;
mod least_squares;
mod linear_regression;
mod logistic_regression;
mod naive_bayes;
mod nearest_neighbours;
mod order;
mod penalised;
mod ranges;
mod reduction;
mod trees;

use std::num::NonZero;
use std::time::Instant;

use domain::training_runs::{
    BOOSTED_FEATURE_SHARE, BOOSTED_LEAF_ROWS, BOOSTED_SEED, BOOSTED_TREES, BUDGET, FEATURE_SHARE,
    FOREST_DEPTH, FOREST_LEAF_ROWS, FOREST_SEED, L1_RATIO, LEAF_PENALTY, LEARNING_RATE,
    LOG_PENALTY, LOGISTIC_PENALTY, MAX_LEAVES, NEIGHBORS, Named, PENALTY, POWER, Params, ROW_SHARE,
    RunError, SEED, SMOOTHING, TREE_DEPTH, TREE_LEAF_ROWS, TREES, WEIGHTS,
};
use model::Link;

use crate::features::Features;
use crate::stream::Stream;
use generalised_linear::GeneralisedLinear;
use gradient_boosting::GradientBoosting;
use histogram_boosting::HistogramBoosting;
use linear_regression::LinearRegression;
use logistic_regression::LogisticRegression;
use naive_bayes::NaiveBayes;
use nearest_neighbours::NearestNeighbours;
use penalised::Penalised;
use reduction::Reduction;
use trees::Forest;

/// More would spend the processor time of the run's budget before its wall time.
const MAX_THREADS: usize = 4;

/// How many threads an algorithm that divides its work takes.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MAX_THREADS)
}

/// What there is to learn from.
pub(crate) struct Rows<'a> {
    pub(crate) features: &'a Features<'a>,
    /// Of every row of the table; of a classification the place among the classes.
    pub(crate) target: &'a [f64],
    /// How many classes there are, of a classification: each has a row in `train`.
    pub(crate) classes: Option<usize>,
    /// Mean and standard deviation of the target over the rows `train`; of a classification 0 and 1.
    pub(crate) scale: (f64, f64),
    /// Places of the rows to learn from.
    pub(crate) train: &'a [u32],
    /// What the process may use.
    pub(crate) memory_mb: u32,
    /// Where there are more rows to learn from than those in memory, for what can go through them one by one.
    pub(crate) stream: Option<&'a Stream>,
    /// When a model that grows step by step is to be as good as it is.
    pub(crate) until: Option<Instant>,
}

/// What an algorithm tells while it goes.
pub(crate) enum Told {
    /// Of the fit, 0 to 1.
    Progress(f64),
    Info(String),
    Warn(String),
}

/// A way to learn from rows.
pub(crate) trait Fit {
    /// # Errors
    /// Why there is no model, and what to do about it.
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError>;
}

pub(crate) enum Fitted {
    Linear(LinearFit),
    /// The logarithm of the prediction.
    Exponential(LinearFit),
    Trees(TreesFit),
    /// Scores of classes.
    Classes(Link, Fits),
    /// Rows that are remembered; its axes are those of the features.
    Neighbours(model::Neighbours),
}

/// As many as the link takes.
pub(crate) enum Fits {
    Linear(Vec<LinearFit>),
    Trees(Vec<TreesFit>),
    Densities(Vec<DensitiesFit>),
}

/// A weighted sum of the encoded columns.
pub(crate) struct LinearFit {
    /// Of each encoded column, in the target's unit or that of its logarithm; None where the column was dropped.
    pub(crate) coefficients: Vec<Option<f64>>,
    pub(crate) intercept: f64,
    /// Encoded columns that are sums of others: their place, and the names of those.
    pub(crate) collinear: Vec<(usize, Vec<String>)>,
}

/// A sum of trees.
pub(crate) struct TreesFit {
    /// Their inputs are the places of the features.
    pub(crate) trees: model::Trees,
    /// Of each feature, what its splits gained in training together, and how many there are.
    pub(crate) gains: Vec<(f64, u64)>,
}

/// How likely each feature's value is, each by itself.
pub(crate) struct DensitiesFit {
    /// What the sum of their logarithms starts from.
    pub(crate) base: f64,
    /// One for each feature.
    pub(crate) densities: Vec<model::Density>,
}

/// The algorithm, ready to fit. It must serve the task.
pub(crate) fn algorithm(algorithm: Named, params: &Params) -> Box<dyn Fit> {
    match algorithm {
        Named::LinearRegression => Box::new(LinearRegression),
        Named::LogisticRegression => Box::new(LogisticRegression {
            penalty: params.of(&LOGISTIC_PENALTY),
        }),
        Named::NaiveBayes => Box::new(NaiveBayes {
            smoothing: params.of(&SMOOTHING),
        }),
        Named::KNearestNeighbors => Box::new(NearestNeighbours {
            neighbors: params.of(&NEIGHBORS) as u32,
            weights: if params.of(&WEIGHTS) > 0.0 {
                model::Weights::Distance
            } else {
                model::Weights::Uniform
            },
        }),
        Named::Ridge => Box::new(Penalised {
            penalty: params.of(&PENALTY),
            l1_ratio: 0.0,
        }),
        Named::Lasso => Box::new(Penalised {
            penalty: params.of(&PENALTY),
            l1_ratio: 1.0,
        }),
        Named::ElasticNet => Box::new(Penalised {
            penalty: params.of(&PENALTY),
            l1_ratio: params.of(&L1_RATIO),
        }),
        Named::Poisson => Box::new(GeneralisedLinear {
            name: "poisson",
            power: 1.0,
            penalty: params.of(&LOG_PENALTY),
        }),
        Named::Gamma => Box::new(GeneralisedLinear {
            name: "gamma",
            power: 2.0,
            penalty: params.of(&LOG_PENALTY),
        }),
        Named::Tweedie => Box::new(GeneralisedLinear {
            name: "tweedie",
            power: params.of(&POWER),
            penalty: params.of(&LOG_PENALTY),
        }),
        Named::DecisionTree => Box::new(Forest {
            trees: 1,
            max_depth: params.of(&TREE_DEPTH) as u32,
            min_leaf_rows: params.of(&TREE_LEAF_ROWS) as u32,
            feature_share: 1.0,
            seed: None,
        }),
        Named::RandomForest => Box::new(Forest {
            trees: params.of(&TREES) as usize,
            max_depth: params.of(&FOREST_DEPTH) as u32,
            min_leaf_rows: params.of(&FOREST_LEAF_ROWS) as u32,
            feature_share: params.of(&FEATURE_SHARE),
            seed: Some(params.of(&FOREST_SEED) as u64),
        }),
        Named::GradientBoosting => Box::new(GradientBoosting {
            budget: params.of(&BUDGET),
            seed: params.of(&SEED) as u64,
        }),
        Named::HistogramBoosting => Box::new(HistogramBoosting {
            trees: params.of(&BOOSTED_TREES) as usize,
            learning_rate: params.of(&LEARNING_RATE),
            max_leaves: params.of(&MAX_LEAVES) as usize,
            min_leaf_rows: params.of(&BOOSTED_LEAF_ROWS) as u32,
            penalty: params.of(&LEAF_PENALTY),
            row_share: params.of(&ROW_SHARE),
            feature_share: params.of(&BOOSTED_FEATURE_SHARE),
            seed: params.of(&BOOSTED_SEED) as u64,
        }),
    }
}
