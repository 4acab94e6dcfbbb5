//! What a model can be trained with, and the parameters of each algorithm. The form, the checks and the trainer read this
//! one table.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::FieldError;
use crate::models::Task;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// The platform tries the others on parts of the training rows, and takes the best.
    Auto,
    /// Least squares: a weighted sum of the inputs.
    LinearRegression,
    /// Least squares that keeps the squares of the coefficients small.
    Ridge,
    /// Least squares that keeps the coefficients small, many of them at 0.
    Lasso,
    /// Between `ridge` and `lasso`.
    ElasticNet,
    /// Classes by weighted sums of the inputs, which are the logarithms of the odds.
    LogisticRegression,
    /// Many decision trees, each fitted to what the ones before got wrong.
    GradientBoosting,
}

/// One that is an algorithm of its own, not a choice among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    LinearRegression,
    Ridge,
    Lasso,
    ElasticNet,
    LogisticRegression,
    GradientBoosting,
}

impl Named {
    pub const ALL: [Self; 6] = [
        Self::LinearRegression,
        Self::Ridge,
        Self::Lasso,
        Self::ElasticNet,
        Self::LogisticRegression,
        Self::GradientBoosting,
    ];
}

impl From<Named> for Algorithm {
    fn from(named: Named) -> Self {
        match named {
            Named::LinearRegression => Self::LinearRegression,
            Named::Ridge => Self::Ridge,
            Named::Lasso => Self::Lasso,
            Named::ElasticNet => Self::ElasticNet,
            Named::LogisticRegression => Self::LogisticRegression,
            Named::GradientBoosting => Self::GradientBoosting,
        }
    }
}

/// A number that an algorithm takes.
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
    pub min: f64,
    pub max: f64,
    pub default: f64,
}

pub const PENALTY: Parameter = Parameter {
    name: "penalty",
    pointer: "/params/penalty",
    label: "Penalty",
    hint: "0 to 1000000: the larger, the smaller the coefficients. 0 is plain linear regression.",
    is_whole: false,
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
    min: 0.0,
    max: 1.0,
    default: 0.5,
};

pub const BUDGET: Parameter = Parameter {
    name: "budget",
    pointer: "/params/budget",
    label: "Fitting budget",
    hint: "0.1 to 2: more of it gives more and smaller steps, often a better model, and a longer run.",
    is_whole: false,
    min: 0.1,
    max: 2.0,
    default: 1.0,
};

pub const SEED: Parameter = Parameter {
    name: "seed",
    pointer: "/params/seed",
    label: "Boosting seed",
    hint: "The same seed draws the same rows on large tables, so the model is the same.",
    is_whole: true,
    min: 0.0,
    max: 9_007_199_254_740_991.0,
    default: 42.0,
};

impl Algorithm {
    /// In the order of a form.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::LinearRegression,
        Self::Ridge,
        Self::Lasso,
        Self::ElasticNet,
        Self::LogisticRegression,
        Self::GradientBoosting,
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
            Self::LogisticRegression => Some(Named::LogisticRegression),
            Self::GradientBoosting => Some(Named::GradientBoosting),
        }
    }

    /// What it can be trained for.
    #[must_use]
    pub fn tasks(self) -> &'static [Task] {
        match self {
            Self::Auto | Self::GradientBoosting => &Task::ALL,
            Self::LinearRegression | Self::Ridge | Self::Lasso | Self::ElasticNet => {
                &[Task::Regression]
            }
            Self::LogisticRegression => &[Task::Classification],
        }
    }

    #[must_use]
    pub fn serves(self, task: Task) -> bool {
        self.tasks().contains(&task)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::LinearRegression => "linear_regression",
            Self::Ridge => "ridge",
            Self::Lasso => "lasso",
            Self::ElasticNet => "elastic_net",
            Self::LogisticRegression => "logistic_regression",
            Self::GradientBoosting => "gradient_boosting",
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
            Self::LogisticRegression => "Logistic regression",
            Self::GradientBoosting => "Gradient boosting",
        }
    }

    /// When to choose it, in one sentence.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Auto => {
                "Tries the others on parts of the training rows and takes the best, within half of the time budget."
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
            Self::LogisticRegression => {
                "Classes by a weighted sum of the inputs: quick, easy to explain, and mostly well calibrated."
            }
            Self::GradientBoosting => {
                "Hundreds of decision trees: finds curves and interplay of columns, and is mostly the most accurate."
            }
        }
    }

    /// With what it is run with, as people read it: `Ridge, penalty 0.01`.
    #[must_use]
    pub fn described(self, params: Option<&Map<String, Json>>) -> String {
        let params = params.into_iter().flatten();
        let params = params.map(|(name, value)| format!("{} {value}", name.replace('_', " ")));
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
            Self::LogisticRegression => &[LOGISTIC_PENALTY],
            Self::GradientBoosting => &[BUDGET, SEED],
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
        Ok(Params(
            parameters
                .iter()
                .map(|parameter| {
                    let asked = params
                        .and_then(|params| params.get(parameter.name))
                        .and_then(Json::as_f64);
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

impl Parameter {
    /// What it takes, in words.
    #[must_use]
    pub fn range(&self) -> String {
        let kind = if self.is_whole {
            "a whole number"
        } else {
            "a number"
        };
        format!("{kind} from {} to {}", self.min, self.max)
    }

    fn check(&self, value: &Json) -> std::result::Result<(), FieldError> {
        let refused =
            |code| FieldError::new(self.pointer, code, self.range()).got(value.to_string());
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

fn pointer(name: &str) -> String {
    format!("/params/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// An algorithm's parameters, each in its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Params(Vec<(Parameter, f64)>);

impl Params {
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
            .map(|(parameter, value)| {
                let value = if parameter.is_whole {
                    Json::from(*value as u64)
                } else {
                    Json::from(*value)
                };
                (parameter.name.to_owned(), value)
            })
            .collect()
    }
}
