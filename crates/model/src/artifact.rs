mod background;
mod blend;
mod classifier;
mod densities;
mod neighbours;
mod onnx;
mod prepared;
mod remote;
mod trees;

use std::collections::HashSet;

use domain::datasets::ColumnType;
use domain::models::{InputField, OutputField, Signature, Task};
use serde_json::{Map, Value as Json};

pub(crate) use background::Sum;
pub use background::{Background, Reference};
pub use blend::{Blend, BlendMember, MAX_MEMBERS};
pub use classifier::{Classifier, Link, Score};
pub use densities::{Densities, Density};
pub use neighbours::{Axis, MAX_REMEMBERED, Neighbours, Targets, Weights};
pub(crate) use onnx::OTHER_TEXT;
pub use onnx::{Answer, Onnx, Wiring, can_be_missing, suits};
pub use prepared::{Prepared, PreparedColumn, Step};
pub use remote::{Remote, RemoteAnswer, RemoteTensor};
pub use trees::{MAX_TREES, Node, Split, Test, Tree, Trees};

/// A trained model, whole: what it takes, and what it makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Such as `linear_regression`.
    pub algorithm: String,
    /// What the algorithm was run with.
    pub params: Map<String, Json>,
    pub signature: Signature,
    pub body: Body,
    /// What explanations measure from; none of models that were made before there were explanations, or elsewhere.
    pub background: Option<Background>,
}

/// How a prediction is made of the inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Linear(Linear),
    /// The logarithm of the prediction, which is above 0.
    Exponential(Linear),
    Trees(Trees),
    Classifier(Classifier),
    Neighbours(Neighbours),
    Onnx(Onnx),
    /// Several of the others, that answer together.
    Blend(Blend),
    /// One of the others, of columns that are made of the inputs.
    Prepared(Prepared),
    Remote(Remote),
}

/// A sum with one term for each input.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// What the prediction starts from, in the target's unit.
    pub intercept: f64,
    /// One for each input, in the signature's order.
    pub transforms: Vec<Transform>,
}

/// How one input becomes its share of the prediction.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// `(x - mean) / std * coefficient`, with `impute` for a missing `x`.
    Numeric {
        /// The median of the training rows.
        impute: f64,
        mean: f64,
        /// Above 0.
        std: f64,
        /// Of the standardised input, in the target's unit.
        coefficient: f64,
    },
    /// The effect of the input's category.
    Categorical {
        /// Which of the signature's categories stands in for a missing value: the most frequent one.
        impute: u32,
        /// One for each of the signature's categories, in the target's unit. The first one is the base that the
        /// others are measured against: 0.
        effects: Vec<f64>,
        /// The effect of any category that the signature does not name.
        other: f64,
    },
}

/// Why bytes are not an artifact that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    #[error("the artifact has {bytes} bytes: at most {limit} are taken")]
    TooLarge { bytes: usize, limit: usize },
    #[error("not a model artifact: it does not begin with the format's mark")]
    WrongMagic,
    #[error(
        "the artifact has format version {found}, and this release reads up to {supported}: upgrade it"
    )]
    NewerVersion { found: u16, supported: u16 },
    #[error("the artifact ends early: {0}")]
    Truncated(&'static str),
    #[error("the artifact is damaged: its checksum does not match its content")]
    Checksum,
    #[error("the artifact's header cannot be read: {0}")]
    Header(String),
    #[error("the artifact contradicts itself: {0}")]
    Inconsistent(String),
}

impl Artifact {
    /// A linear regression that predicts `output` from inputs that are each prepared by the transform beside them.
    #[must_use]
    pub fn linear(
        output: impl Into<String>,
        intercept: f64,
        inputs: Vec<(InputField, Transform)>,
    ) -> Self {
        let (inputs, transforms) = inputs.into_iter().unzip();
        let body = Body::Linear(Linear {
            intercept,
            transforms,
        });
        Self::regression("linear_regression", output, inputs, body)
    }

    /// A model of trees that predicts `output`.
    #[must_use]
    pub fn trees(output: impl Into<String>, inputs: Vec<InputField>, trees: Trees) -> Self {
        Self::regression("gradient_boosting", output, inputs, Body::Trees(trees))
    }

    /// A model that tells classes apart; `output` names them.
    #[must_use]
    pub fn classifier(
        algorithm: &str,
        output: OutputField,
        inputs: Vec<InputField>,
        classifier: Classifier,
    ) -> Self {
        Self {
            algorithm: algorithm.to_owned(),
            params: Map::new(),
            signature: Signature { inputs, output },
            body: Body::Classifier(classifier),
            background: None,
        }
    }

    fn regression(
        algorithm: &str,
        output: impl Into<String>,
        inputs: Vec<InputField>,
        body: Body,
    ) -> Self {
        Self {
            algorithm: algorithm.to_owned(),
            params: Map::new(),
            signature: Signature {
                inputs,
                output: OutputField::regression(output),
            },
            body,
            background: None,
        }
    }

    /// Checks that the parts fit each other and that every number is finite, so that whatever uses it need not.
    ///
    /// # Errors
    /// [`ArtifactError::Inconsistent`] names the first thing that does not fit.
    pub fn check(&self) -> Result<(), ArtifactError> {
        let inputs = &self.signature.inputs;
        let mut names = HashSet::new();
        for input in inputs {
            if input.name.is_empty() || !names.insert(input.name.as_str()) {
                return inconsistent(format!("input {:?} is empty or stands twice", input.name));
            }
            check_input(input, &self.body)?;
        }
        check_output(&self.signature.output, &self.body)?;
        check_body(&self.body, &self.signature)?;
        match &self.background {
            None => Ok(()),
            Some(background) => background.check(self),
        }
    }
}

fn check_body(body: &Body, signature: &Signature) -> Result<(), ArtifactError> {
    let inputs = &signature.inputs;
    match body {
        Body::Linear(linear) | Body::Exponential(linear) => linear.check(inputs),
        Body::Trees(trees) => trees.check(inputs),
        Body::Classifier(classifier) => classifier.check(signature),
        Body::Neighbours(neighbours) => neighbours.check(signature),
        Body::Onnx(onnx) => onnx.check(signature),
        Body::Blend(blend) => blend.check(signature),
        Body::Prepared(prepared) => prepared.check(signature),
        Body::Remote(remote) => remote.check(signature),
    }
}

/// What kind of answer it gives.
fn task(body: &Body) -> Task {
    match body {
        Body::Linear(_) | Body::Exponential(_) | Body::Trees(_) => Task::Regression,
        Body::Classifier(_) => Task::Classification,
        Body::Neighbours(neighbours) => neighbours.task(),
        Body::Onnx(onnx) => onnx.wiring().answer.task(),
        Body::Remote(remote) => remote.answer.task(),
        Body::Blend(blend) => blend
            .members
            .first()
            .map_or(Task::Regression, |member| task(&member.body)),
        Body::Prepared(prepared) => task(&prepared.body),
    }
}

fn check_output(output: &OutputField, body: &Body) -> Result<(), ArtifactError> {
    let task = task(body);
    if output.task != task {
        return inconsistent(format!(
            "its signature is of a {}, and its body of a {}",
            output.task.as_str(),
            task.as_str()
        ));
    }
    if task == Task::Regression && output.classes.is_some() {
        return inconsistent("a regression has no classes".to_owned());
    }
    Ok(())
}

fn check_input(input: &InputField, body: &Body) -> Result<(), ArtifactError> {
    let name = &input.name;
    if [input.min, input.max]
        .iter()
        .flatten()
        .any(|bound| !bound.is_finite())
    {
        return inconsistent(format!("input {name:?} has a range that is not finite"));
    }
    if input.format.is_some() {
        return check_format(input, body);
    }
    if input.kind.is_numeric() {
        return Ok(());
    }
    // Another engine gets texts as they are, so nobody has to know them all.
    let is_open = matches!(body, Body::Remote(_)) && input.categories.is_none();
    if is_open && input.kind == ColumnType::String {
        return Ok(());
    }
    let categories = input.categories.as_deref().unwrap_or_default();
    if categories.is_empty() {
        return inconsistent(format!("input {name:?} has no categories"));
    }
    if categories.iter().collect::<HashSet<_>>().len() != categories.len() {
        return inconsistent(format!("input {name:?} has a category twice"));
    }
    if input.kind == ColumnType::Boolean && categories != ["false", "true"] {
        return inconsistent(format!(
            "input {name:?} is boolean: its categories must be false and true"
        ));
    }
    Ok(())
}

/// Nothing but a step of a prepared body takes dates.
fn check_format(input: &InputField, body: &Body) -> Result<(), ArtifactError> {
    let name = &input.name;
    if input.kind != ColumnType::String || input.categories.is_some() {
        return inconsistent(format!(
            "input {name:?} is of dates, but no text, or has categories"
        ));
    }
    match body {
        Body::Prepared(_) => Ok(()),
        _ => inconsistent(format!(
            "input {name:?} is of dates, and nothing is made of them"
        )),
    }
}

impl Linear {
    fn check(&self, inputs: &[InputField]) -> Result<(), ArtifactError> {
        if inputs.len() != self.transforms.len() {
            return inconsistent(format!(
                "{} inputs, but {} transforms",
                inputs.len(),
                self.transforms.len()
            ));
        }
        if !self.intercept.is_finite() {
            return inconsistent("the intercept is not finite".to_owned());
        }
        inputs
            .iter()
            .zip(&self.transforms)
            .try_for_each(|(input, transform)| check_transform(input, transform))
    }
}

fn check_transform(input: &InputField, transform: &Transform) -> Result<(), ArtifactError> {
    let name = &input.name;
    match transform {
        Transform::Numeric {
            impute,
            mean,
            std,
            coefficient,
        } => {
            if !input.kind.is_numeric() {
                return inconsistent(format!("input {name:?} is no number, but is used as one"));
            }
            if [impute, mean, std, coefficient]
                .iter()
                .any(|number| !number.is_finite())
            {
                return inconsistent(format!("input {name:?} has a number that is not finite"));
            }
            if *std <= 0.0 {
                return inconsistent(format!(
                    "input {name:?} has a standard deviation of {std}: it must be above 0"
                ));
            }
        }
        Transform::Categorical {
            impute,
            effects,
            other,
        } => {
            if input.kind.is_numeric() {
                return inconsistent(format!(
                    "input {name:?} is a number, but is used as a category"
                ));
            }
            let categories = input.categories.as_deref().unwrap_or_default();
            if categories.len() != effects.len() {
                return inconsistent(format!(
                    "input {name:?} has {} categories, but {} effects",
                    categories.len(),
                    effects.len()
                ));
            }
            if *impute as usize >= categories.len() {
                return inconsistent(format!(
                    "input {name:?} imputes a category it does not have"
                ));
            }
            if effects
                .iter()
                .chain([other])
                .any(|effect| !effect.is_finite())
            {
                return inconsistent(format!("input {name:?} has an effect that is not finite"));
            }
        }
    }
    Ok(())
}

fn inconsistent<T>(what: String) -> Result<T, ArtifactError> {
    Err(ArtifactError::Inconsistent(what))
}
