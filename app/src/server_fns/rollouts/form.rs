use std::str::FromStr;

use domain::rollouts::{RolloutMode, RolloutPolicy, RolloutSpec, Step};
use domain::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};

/// A canary as its form sends it: text, so that every wrong field is named in one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutForm {
    pub version: String,
    /// Per cent of the traffic.
    pub weight: String,
    /// Per cent of the canary's requests.
    pub max_error_percent: String,
    pub min_samples: String,
    pub window_seconds: String,
}

impl RolloutForm {
    /// # Errors
    /// Every field that can not be read, at once. Whether the values are in range is for [`RolloutSpec::check`].
    pub fn spec(&self) -> Result<RolloutSpec> {
        let mut errors = Vec::new();
        let version = parsed(
            &mut errors,
            "/version",
            "a version of the model",
            &self.version,
        );
        let weight = weight(&self.weight)
            .map_err(|error| {
                errors.push(FieldError {
                    pointer: "/steps/0/weight".to_owned(),
                    ..error
                });
            })
            .ok();
        let max_error_percent: Option<f64> = parsed(
            &mut errors,
            "/policy/max_error_rate",
            "per cent, from 0 to 100",
            &self.max_error_percent,
        );
        let min_samples = parsed(
            &mut errors,
            "/policy/min_samples",
            "a whole number, at least 1",
            &self.min_samples,
        );
        let window_seconds = parsed(
            &mut errors,
            "/policy/window_seconds",
            "a whole number from 10 to 86400",
            &self.window_seconds,
        );
        match (
            version,
            weight,
            max_error_percent,
            min_samples,
            window_seconds,
        ) {
            (
                Some(version),
                Some(weight),
                Some(percent),
                Some(min_samples),
                Some(window_seconds),
            ) => Ok(RolloutSpec {
                version,
                mode: RolloutMode::Canary,
                steps: Some(vec![Step { weight, seconds: 0 }]),
                policy: RolloutPolicy {
                    max_error_rate: percent / 100.0,
                    min_samples,
                    window_seconds,
                },
            }),
            _ => Err(Error::Invalid(errors)),
        }
    }
}

/// Per cent of the traffic.
pub(super) fn weight(text: &str) -> Result<f64, FieldError> {
    text.trim()
        .parse()
        .ok()
        .filter(|weight| (0.0..=100.0).contains(weight))
        .ok_or_else(|| {
            FieldError::new("/weight", "out_of_range", "per cent, from 0 to 100").got(text)
        })
}

fn parsed<T: FromStr>(
    errors: &mut Vec<FieldError>,
    pointer: &str,
    expected: &str,
    text: &str,
) -> Option<T> {
    let value = text.trim().parse().ok();
    if value.is_none() {
        errors.push(FieldError::new(pointer, "invalid", expected).got(text));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cent_becomes_a_share_and_wrong_fields_are_named_at_once() {
        let text = str::to_owned;
        let form = RolloutForm {
            version: text("3"),
            weight: text("12.5"),
            max_error_percent: text("2"),
            min_samples: text("50"),
            window_seconds: text("120"),
        };
        let spec = form.spec().unwrap();
        assert_eq!(
            spec.steps,
            Some(vec![Step {
                weight: 12.5,
                seconds: 0
            }])
        );
        assert!((spec.policy.max_error_rate - 0.02).abs() < 1e-12);
        assert!(spec.check().is_ok());

        let wrong = RolloutForm {
            version: text(""),
            weight: text("101"),
            ..form
        };
        let Err(Error::Invalid(errors)) = wrong.spec() else {
            panic!("the form was taken")
        };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/version", "/steps/0/weight"]);
    }
}
