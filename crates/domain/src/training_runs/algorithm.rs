//! What a model can be trained with, and the parameters of each algorithm. The form, the checks and the trainer read this
//! one table.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::parameter::{
    BOOSTED_FEATURE_SHARE, BOOSTED_LEAF_ROWS, BOOSTED_SEED, BOOSTED_TREES, BUDGET, FEATURE_SHARE,
    FOREST_DEPTH, FOREST_LEAF_ROWS, FOREST_SEED, L1_RATIO, LEAF_PENALTY, LEARNING_RATE,
    LOG_PENALTY, LOGISTIC_PENALTY, MAX_LEAVES, NEIGHBORS, PENALTY, POWER, Parameter, Params,
    ROW_SHARE, SEED, SMOOTHING, TREE_DEPTH, TREE_LEAF_ROWS, TREES, WEIGHTS,
};
use crate::FieldError;
use crate::models::Task;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// The platform tries some of the others on parts of the training rows, and takes the best.
    Auto,
    /// Least squares: a weighted sum of the inputs.
    LinearRegression,
    /// Least squares that keeps the squares of the coefficients small.
    Ridge,
    /// Least squares that keeps the coefficients small, many of them at 0.
    Lasso,
    /// Between `ridge` and `lasso`.
    ElasticNet,
    /// Counts: the logarithm of the prediction is a weighted sum of the inputs.
    Poisson,
    /// Amounts above 0, whose spread grows as they do: the logarithm of the prediction is a weighted sum of the inputs.
    Gamma,
    /// Between `poisson` and `gamma`: amounts of which many are 0.
    Tweedie,
    /// Classes by weighted sums of the inputs, which are the logarithms of the odds.
    LogisticRegression,
    /// Classes by how often each has such a value, of every input by itself.
    NaiveBayes,
    /// What the most similar training rows were.
    KNearestNeighbors,
    /// One tree of questions.
    DecisionTree,
    /// The average of many trees, each of rows and questions drawn at random.
    RandomForest,
    /// Many decision trees, each fitted to what the ones before got wrong.
    GradientBoosting,
    /// The same, of as many trees and leaves as asked for: quick.
    HistogramBoosting,
}

/// One that is an algorithm of its own, not a choice among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    LinearRegression,
    Ridge,
    Lasso,
    ElasticNet,
    Poisson,
    Gamma,
    Tweedie,
    LogisticRegression,
    NaiveBayes,
    KNearestNeighbors,
    DecisionTree,
    RandomForest,
    GradientBoosting,
    HistogramBoosting,
}

impl Named {
    pub const ALL: [Self; 14] = [
        Self::LinearRegression,
        Self::Ridge,
        Self::Lasso,
        Self::ElasticNet,
        Self::Poisson,
        Self::Gamma,
        Self::Tweedie,
        Self::LogisticRegression,
        Self::NaiveBayes,
        Self::KNearestNeighbors,
        Self::DecisionTree,
        Self::RandomForest,
        Self::GradientBoosting,
        Self::HistogramBoosting,
    ];
}

impl From<Named> for Algorithm {
    fn from(named: Named) -> Self {
        match named {
            Named::LinearRegression => Self::LinearRegression,
            Named::Ridge => Self::Ridge,
            Named::Lasso => Self::Lasso,
            Named::ElasticNet => Self::ElasticNet,
            Named::Poisson => Self::Poisson,
            Named::Gamma => Self::Gamma,
            Named::Tweedie => Self::Tweedie,
            Named::LogisticRegression => Self::LogisticRegression,
            Named::NaiveBayes => Self::NaiveBayes,
            Named::KNearestNeighbors => Self::KNearestNeighbors,
            Named::DecisionTree => Self::DecisionTree,
            Named::RandomForest => Self::RandomForest,
            Named::GradientBoosting => Self::GradientBoosting,
            Named::HistogramBoosting => Self::HistogramBoosting,
        }
    }
}

impl Algorithm {
    /// In the order of a form.
    pub const ALL: [Self; 15] = [
        Self::Auto,
        Self::LinearRegression,
        Self::Ridge,
        Self::Lasso,
        Self::ElasticNet,
        Self::Poisson,
        Self::Gamma,
        Self::Tweedie,
        Self::LogisticRegression,
        Self::NaiveBayes,
        Self::KNearestNeighbors,
        Self::DecisionTree,
        Self::RandomForest,
        Self::GradientBoosting,
        Self::HistogramBoosting,
    ];

    /// Unless it is a choice among the others.
    #[must_use]
    pub fn as_named(self) -> Option<Named> {
        match self {
            Self::Auto => None,
            Self::LinearRegression => Some(Named::LinearRegression),
            Self::Ridge => Some(Named::Ridge),
            Self::Lasso => Some(Named::Lasso),
            Self::ElasticNet => Some(Named::ElasticNet),
            Self::Poisson => Some(Named::Poisson),
            Self::Gamma => Some(Named::Gamma),
            Self::Tweedie => Some(Named::Tweedie),
            Self::LogisticRegression => Some(Named::LogisticRegression),
            Self::NaiveBayes => Some(Named::NaiveBayes),
            Self::KNearestNeighbors => Some(Named::KNearestNeighbors),
            Self::DecisionTree => Some(Named::DecisionTree),
            Self::RandomForest => Some(Named::RandomForest),
            Self::GradientBoosting => Some(Named::GradientBoosting),
            Self::HistogramBoosting => Some(Named::HistogramBoosting),
        }
    }

    /// What it can be trained for.
    #[must_use]
    pub fn tasks(self) -> &'static [Task] {
        match self {
            Self::Auto
            | Self::KNearestNeighbors
            | Self::DecisionTree
            | Self::RandomForest
            | Self::GradientBoosting
            | Self::HistogramBoosting => &Task::ALL,
            Self::LinearRegression
            | Self::Ridge
            | Self::Lasso
            | Self::ElasticNet
            | Self::Poisson
            | Self::Gamma
            | Self::Tweedie => &[Task::Regression],
            Self::LogisticRegression | Self::NaiveBayes => &[Task::Classification],
        }
    }

    #[must_use]
    pub fn serves(self, task: Task) -> bool {
        self.tasks().contains(&task)
    }

    /// Whether its coefficients are of the prediction's logarithm.
    #[must_use]
    pub fn has_log_link(self) -> bool {
        matches!(self, Self::Poisson | Self::Gamma | Self::Tweedie)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::LinearRegression => "linear_regression",
            Self::Ridge => "ridge",
            Self::Lasso => "lasso",
            Self::ElasticNet => "elastic_net",
            Self::Poisson => "poisson",
            Self::Gamma => "gamma",
            Self::Tweedie => "tweedie",
            Self::LogisticRegression => "logistic_regression",
            Self::NaiveBayes => "naive_bayes",
            Self::KNearestNeighbors => "k_nearest_neighbors",
            Self::DecisionTree => "decision_tree",
            Self::RandomForest => "random_forest",
            Self::GradientBoosting => "gradient_boosting",
            Self::HistogramBoosting => "histogram_boosting",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }

    /// As people write it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Auto => "Best of all",
            Self::LinearRegression => "Linear regression",
            Self::Ridge => "Ridge",
            Self::Lasso => "Lasso",
            Self::ElasticNet => "Elastic net",
            Self::Poisson => "Poisson regression",
            Self::Gamma => "Gamma regression",
            Self::Tweedie => "Tweedie regression",
            Self::LogisticRegression => "Logistic regression",
            Self::NaiveBayes => "Naive Bayes",
            Self::KNearestNeighbors => "K-nearest neighbours",
            Self::DecisionTree => "Decision tree",
            Self::RandomForest => "Random forest",
            Self::GradientBoosting => "Gradient boosting",
            Self::HistogramBoosting => "Histogram boosting",
        }
    }

    /// When to choose it, in one sentence.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Auto => {
                "Tries linear models, trees, forests and boosting on parts of the training rows, and takes the best of them, or several together."
            }
            Self::LinearRegression => {
                "A weighted sum of the inputs: quick, easy to explain, a baseline for the others."
            }
            Self::Ridge => {
                "Linear regression with smaller coefficients: steadier when columns say nearly the same."
            }
            Self::Lasso => {
                "Linear regression that sets coefficients to 0: for many columns of which few matter."
            }
            Self::ElasticNet => {
                "Between ridge and lasso: drops columns, but keeps those together that say the same."
            }
            Self::Poisson => {
                "For counts, from 0 up: each input multiplies the prediction by so much, and none is ever below 0."
            }
            Self::Gamma => {
                "For amounts above 0, such as costs and times, which differ the more the larger they are: each input multiplies the prediction."
            }
            Self::Tweedie => {
                "For amounts of which many are 0, such as claims or rain: between Poisson and gamma regression."
            }
            Self::LogisticRegression => {
                "Classes by a weighted sum of the inputs: quick, easy to explain, and mostly well calibrated."
            }
            Self::NaiveBayes => {
                "Looks at every column by itself: quick, good with few rows and many categories, blind to the interplay of columns."
            }
            Self::KNearestNeighbors => {
                "Answers with what the most similar training rows were: no formula, good where few columns say it all, and it keeps the rows."
            }
            Self::DecisionTree => {
                "One tree of questions: its answers can be followed by hand, and are coarse."
            }
            Self::RandomForest => {
                "The average of hundreds of deep trees: accurate without tuning, steady where rows are few or noisy."
            }
            Self::GradientBoosting => {
                "Hundreds of decision trees: finds curves and interplay of columns, and is mostly the most accurate."
            }
            Self::HistogramBoosting => {
                "As gradient boosting, with the dials that other libraries have: quick on large tables, and good with many categories."
            }
        }
    }

    /// With what it is run with, as people read it: `Ridge, penalty 0.01`. What `auto` made of several is named after them.
    #[must_use]
    pub fn described(self, params: Option<&Map<String, Json>>) -> String {
        if let (Self::Auto, Some(members)) = (self, params.and_then(members)) {
            return members;
        }
        let params = params.into_iter().flatten();
        let params = params.map(|(name, value)| {
            // A word without its quotes.
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{} {value}", name.replace('_', " "))
        });
        let parts: Vec<String> = [self.label().to_owned()]
            .into_iter()
            .chain(params)
            .collect();
        parts.join(", ")
    }

    #[must_use]
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Auto | Self::LinearRegression => &[],
            Self::Ridge | Self::Lasso => &[PENALTY],
            Self::ElasticNet => &[PENALTY, L1_RATIO],
            Self::Poisson | Self::Gamma => &[LOG_PENALTY],
            Self::Tweedie => &[LOG_PENALTY, POWER],
            Self::LogisticRegression => &[LOGISTIC_PENALTY],
            Self::NaiveBayes => &[SMOOTHING],
            Self::KNearestNeighbors => &[NEIGHBORS, WEIGHTS],
            Self::DecisionTree => &[TREE_DEPTH, TREE_LEAF_ROWS],
            Self::RandomForest => &[
                TREES,
                FOREST_DEPTH,
                FOREST_LEAF_ROWS,
                FEATURE_SHARE,
                FOREST_SEED,
            ],
            Self::GradientBoosting => &[BUDGET, SEED],
            Self::HistogramBoosting => &[
                BOOSTED_TREES,
                LEARNING_RATE,
                MAX_LEAVES,
                BOOSTED_LEAF_ROWS,
                LEAF_PENALTY,
                ROW_SHARE,
                BOOSTED_FEATURE_SHARE,
                BOOSTED_SEED,
            ],
        }
    }

    /// `params` with the defaults for what they leave out.
    ///
    /// # Errors
    /// Every parameter that is unknown, no number or out of range, at once.
    pub fn checked(
        self,
        params: Option<&Map<String, Json>>,
    ) -> std::result::Result<Params, Vec<FieldError>> {
        let parameters = self.parameters();
        let mut errors = Vec::new();
        for (name, value) in params.into_iter().flatten() {
            match parameters.iter().find(|parameter| parameter.name == name) {
                None => errors.push(
                    FieldError::new(pointer(name), "unknown_field", self.takes())
                        .got(value.to_string()),
                ),
                Some(parameter) => errors.extend(parameter.check(value).err()),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Params::new(
            parameters
                .iter()
                .map(|parameter| {
                    let asked = params
                        .and_then(|params| params.get(parameter.name))
                        .and_then(|value| parameter.read(value));
                    (*parameter, asked.unwrap_or(parameter.default))
                })
                .collect(),
        ))
    }

    fn takes(self) -> String {
        let names: Vec<&str> = self.parameters().iter().map(|known| known.name).collect();
        match (self, names.is_empty()) {
            (Self::Auto, _) => {
                "no such parameter: auto takes none, name an algorithm to set its parameters"
                    .to_owned()
            }
            (_, true) => format!("no such parameter: {} takes none", self.as_str()),
            (_, false) => format!(
                "no such parameter: {} takes {}",
                self.as_str(),
                names.join(", ")
            ),
        }
    }
}

/// Those that answer together: `Ridge 0.2 and Gradient boosting 0.8`.
fn members(params: &Map<String, Json>) -> Option<String> {
    let members = params.get("members")?.as_array()?.iter();
    let members: Option<Vec<String>> = members
        .map(|member| {
            let algorithm = Algorithm::named(member.get("algorithm")?.as_str()?)?;
            let weight = member.get("weight")?.as_f64()?;
            Some(format!("{} {weight:.2}", algorithm.label()))
        })
        .collect();
    Some(members?.join(" and "))
}

fn pointer(name: &str) -> String {
    format!("/params/{}", name.replace('~', "~0").replace('/', "~1"))
}
