use domain::retraining::{OnBetter, RetrainingSpec};
use domain::training_runs::TrainingSpec;
use domain::{Error, FieldError, Name, Result};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub(super) const NO_EXAMPLE: &str = "a version that a training run made";

/// What people mean by the usual schedules: name, label, and the five fields.
pub const PRESETS: [(&str, &str, &str); 3] = [
    ("daily", "Every day at 03:00 UTC", "0 3 * * *"),
    ("weekly", "Every Monday at 03:00 UTC", "0 3 * * 1"),
    (
        "monthly",
        "On the first of every month at 03:00 UTC",
        "0 3 1 * *",
    ),
];

/// The preset that a schedule is; `hand` for none, `cron` for any other.
#[must_use]
pub fn preset_of(schedule: Option<&str>) -> &'static str {
    let Some(schedule) = schedule else {
        return "hand";
    };
    PRESETS
        .iter()
        .find(|(_, _, fields)| *fields == schedule.trim())
        .map_or("cron", |(name, ..)| name)
}

/// A policy as its form sends it: text, so that every wrong field is named in one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrainingForm {
    /// The version whose training is done again; empty keeps what the policy trains.
    #[serde(default)]
    pub example: String,
    /// One of [`PRESETS`], `hand` or `cron`.
    pub when: String,
    /// Of `cron`.
    #[serde(default)]
    pub schedule: String,
    /// `on` when it is ticked.
    #[serde(default)]
    pub on_new_dataset_version: String,
    /// Empty for none.
    #[serde(default)]
    pub deployment: String,
    #[serde(default)]
    pub on_better: String,
    /// Empty when there is no policy yet.
    #[serde(default)]
    pub revision: String,
}

impl RetrainingForm {
    /// # Errors
    /// What is no number.
    pub fn example(&self) -> Result<Option<i32>> {
        number("/example", "the number of a version", &self.example)
    }

    /// # Errors
    /// What is no number.
    pub fn revision(&self) -> Result<Option<i64>> {
        number("/revision", "the number of a revision", &self.revision)
    }

    /// # Errors
    /// Every field that can not be read, at once. Whether the values fit is for [`RetrainingSpec::check`].
    pub fn spec(&self, training: TrainingSpec) -> Result<RetrainingSpec> {
        let mut errors = Vec::new();
        let preset = PRESETS.iter().find(|(name, ..)| *name == self.when);
        let schedule = match (preset, self.when.as_str()) {
            (Some((_, _, fields)), _) => Some((*fields).to_owned()),
            (None, "hand") => None,
            (None, "cron") => Some(self.schedule.trim().to_owned()),
            (None, other) => {
                let expected = "hand, daily, weekly, monthly or cron";
                errors.push(FieldError::new("/schedule", "invalid", expected).got(other));
                None
            }
        };
        let deployment = match self.deployment.trim() {
            "" => None,
            text => {
                let name = Name::new(text).ok();
                if name.is_none() {
                    let expected = "a deployment of the model";
                    errors.push(FieldError::new("/deployment", "invalid", expected).got(text));
                }
                name
            }
        };
        let on_better = match self.on_better.as_str() {
            "" => OnBetter::Nothing,
            text => OnBetter::named(text).unwrap_or_else(|| {
                let expected = OnBetter::ALL.map(OnBetter::as_str).join(" or ");
                errors.push(FieldError::new("/on_better", "invalid", expected).got(text));
                OnBetter::Nothing
            }),
        };
        if errors.is_empty() {
            Ok(RetrainingSpec {
                training,
                schedule,
                on_new_dataset_version: !self.on_new_dataset_version.is_empty(),
                deployment,
                on_better,
            })
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

fn number<T: std::str::FromStr>(pointer: &str, expected: &str, text: &str) -> Result<Option<T>> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Error::Invalid(vec![
                FieldError::new(pointer, "invalid", expected).got(text),
            ])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(when: &str) -> RetrainingForm {
        let text = str::to_owned;
        RetrainingForm {
            example: text("3"),
            when: text(when),
            schedule: text(" */20 * * * * "),
            on_new_dataset_version: text("on"),
            deployment: text("price"),
            on_better: text("propose"),
            revision: text(""),
        }
    }

    fn training() -> TrainingSpec {
        let spec = serde_json::json!({"dataset": "d", "target": "y", "model": "price", "algorithm": "auto"});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_filled_form_is_a_policy() {
        for (when, schedule) in [
            ("hand", None),
            ("weekly", Some("0 3 * * 1")),
            ("cron", Some("*/20 * * * *")),
        ] {
            let spec = form(when).spec(training()).unwrap();
            assert_eq!(spec.schedule.as_deref(), schedule);
            assert_eq!(preset_of(schedule), when);
            assert!(spec.on_new_dataset_version && spec.deployment.is_some());
            assert_eq!(spec.on_better, OnBetter::Propose);
            assert!(spec.check(&training().model).is_ok());
        }
        assert_eq!(form("hand").example().unwrap(), Some(3));
        assert_eq!(form("hand").revision().unwrap(), None);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = RetrainingForm {
            deployment: "a b".to_owned(),
            on_better: "cheer".to_owned(),
            ..form("sometimes")
        };
        let Err(Error::Invalid(errors)) = wrong.spec(training()) else {
            panic!("the form was taken")
        };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/schedule", "/deployment", "/on_better"]);
    }
}
