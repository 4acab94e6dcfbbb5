use std::fmt;

use serde::{Deserialize, Serialize};

use super::MOST_COMPARED;
use crate::ids::TrainingRunId;
use crate::scoring_runs::VersionRef;
use crate::{Error, FieldError, Name, Result};

/// What is to be compared, as a query says it. Empty values are as good as none: an empty field of a form sends them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// `price/3` or `price/@champion`.
    #[serde(default)]
    pub version: Vec<String>,
    /// Ids of training runs.
    #[serde(default)]
    pub run: Vec<String>,
    /// The one that the others are compared to, written as above; the first unless told.
    #[serde(default)]
    pub baseline: Option<String>,
    /// Of a classification, the class that curves are of.
    #[serde(default)]
    pub class: Option<String>,
}

/// A run or a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Version { model: Name, version: VersionRef },
    Run(TrainingRunId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { model, version } => write!(f, "{model}/{version}"),
            Self::Run(id) => write!(f, "{id}"),
        }
    }
}

impl Subject {
    fn version(text: &str) -> Option<Self> {
        let (model, version) = text.split_once('/')?;
        Some(Self::Version {
            model: Name::new(model).ok()?,
            version: version.parse().ok()?,
        })
    }
}

fn given(texts: &[String]) -> impl Iterator<Item = (usize, &str)> {
    let texts = texts.iter().enumerate();
    texts.filter_map(|(place, text)| {
        let text = text.trim();
        (!text.is_empty()).then_some((place, text))
    })
}

impl Asked {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        given(&self.version).count() + given(&self.run).count()
    }

    /// The runs and versions, and the place among them of the one that the others are compared to.
    ///
    /// # Errors
    /// `Invalid` when there are too few or too many, one is there twice, or is none.
    pub fn subjects(&self) -> Result<(Vec<Subject>, usize)> {
        let count = self.count();
        if !(2..=MOST_COMPARED).contains(&count) {
            let expected = format!(
                "2 to {MOST_COMPARED} runs and versions in all, as version=MODEL/NUMBER and run=ID"
            );
            let error = FieldError::new("/version", "out_of_range", expected);
            return Err(Error::Invalid(vec![error.got(count.to_string())]));
        }
        let mut subjects = Vec::with_capacity(count);
        let mut errors = Vec::new();
        let mut take =
            |subject: Option<Subject>, pointer: String, expected: &str, text: &str| match subject {
                None => errors.push(FieldError::new(pointer, "invalid", expected).got(text)),
                Some(subject) if subjects.contains(&subject) => {
                    errors.push(FieldError::new(pointer, "taken", "each once").got(text));
                }
                Some(subject) => subjects.push(subject),
            };
        for (place, text) in given(&self.version) {
            let expected = "a model and the number or alias of its version, such as price/3 or price/@champion";
            let pointer = format!("/version/{place}");
            take(Subject::version(text), pointer, expected, text);
        }
        for (place, text) in given(&self.run) {
            let run = text.parse().ok().map(Subject::Run);
            take(
                run,
                format!("/run/{place}"),
                "the id of a training run",
                text,
            );
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let baseline = self.baseline.as_deref().map(str::trim);
        let place = match baseline.filter(|text| !text.is_empty()) {
            None => Some(0),
            Some(text) => subjects.iter().position(|subject| {
                let run = text.parse().ok().map(Subject::Run);
                Subject::version(text).or(run).as_ref() == Some(subject)
            }),
        };
        let place = place.ok_or_else(|| {
            let expected = "one of the runs and versions that are compared, written as there";
            let got = baseline.unwrap_or_default();
            Error::Invalid(vec![
                FieldError::new("/baseline", "invalid", expected).got(got),
            ])
        })?;
        Ok((subjects, place))
    }
}
