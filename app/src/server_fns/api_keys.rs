use domain::Name;
use domain::api_keys::{ApiKey, CreatedApiKey};
use domain::ids::ApiKeyId;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

#[server(endpoint = "list_api_keys")]
pub async fn list_api_keys(project: Name) -> Result<Vec<ApiKey>, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::api_keys::list(&platform, &actor, &project).await?)
}

/// The form as the browser sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewKeyForm {
    pub name: String,
    /// Scopes that were ticked.
    pub scopes: Vec<String>,
    /// Deployments for `predict:<deployment>`, parted by commas or spaces; empty for none.
    pub deployments: String,
    /// Days until it ends; empty for never.
    pub days: String,
    pub requests: String,
    pub per_seconds: String,
    /// Requests in a day or month; empty for no budget.
    pub budget_requests: String,
    /// `day` or `month`.
    pub budget_per: String,
    /// What becomes of requests over the budget: `refuse` or `count`.
    pub over_budget: String,
}

/// The answer carries the key, this once.
#[server(endpoint = "create_api_key")]
pub async fn create_api_key(project: Name, form: NewKeyForm) -> Result<CreatedApiKey, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    let created = match form.clone().checked(crate::context::now()) {
        Ok(new) => platform::api_keys::create(&platform, &actor, &project, new).await,
        Err(error) => Err(error),
    };
    if created.is_err() {
        crate::server_fns::once::keep(crate::server_fns::once::REFUSED_API_KEY, &form);
    }
    let created = created?;
    crate::server_fns::once::keep(crate::server_fns::once::API_KEY, &created);
    Ok(created)
}

#[server(endpoint = "revoke_api_key")]
pub async fn revoke_api_key(project: Name, id: ApiKeyId) -> Result<(), AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    Ok(platform::api_keys::revoke(&platform, &actor, &project, id).await?)
}

/// The answer carries the new key, this once; the old one stays good for the overlap.
#[server(endpoint = "rotate_api_key")]
pub async fn rotate_api_key(
    project: Name,
    id: ApiKeyId,
    overlap_seconds: u32,
) -> Result<CreatedApiKey, AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    let created =
        platform::api_keys::rotate(&platform, &actor, &project, id, overlap_seconds).await?;
    crate::server_fns::once::keep(crate::server_fns::once::API_KEY, &created);
    Ok(created)
}

/// What became of a form that was sent before this page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyFormOutcome {
    pub made: Option<CreatedApiKey>,
    /// What was filled in, when it was refused.
    pub refused: Option<NewKeyForm>,
}

/// For a browser that has no WebAssembly to show the form's answer.
#[server(endpoint = "sent_key_form")]
pub async fn sent_key_form() -> Result<KeyFormOutcome, AppError> {
    use crate::server_fns::once::{API_KEY, REFUSED_API_KEY, take};

    crate::context::signed_in()?;
    Ok(KeyFormOutcome {
        made: take(API_KEY),
        refused: take(REFUSED_API_KEY),
    })
}

#[cfg(feature = "ssr")]
mod checked {
    use std::fmt::Display;
    use std::ops::RangeInclusive;
    use std::str::FromStr;

    use domain::api_keys::{NewApiKey, RateLimit};
    use domain::budgets::{Budget, BudgetPeriod};
    use domain::{Error, FieldError, Scope, Timestamp};

    use super::NewKeyForm;

    impl NewKeyForm {
        pub(super) fn checked(self, now: Timestamp) -> domain::Result<NewApiKey> {
            let mut errors = Vec::new();
            let mut scopes = Vec::new();
            let narrow = self
                .deployments
                .split([',', ' ', '\n'])
                .filter(|name| !name.is_empty())
                .map(|name| format!("predict:{name}"));
            for text in self.scopes.iter().cloned().chain(narrow) {
                match text.parse::<Scope>() {
                    Ok(scope) if scopes.contains(&scope) => {}
                    Ok(scope) => scopes.push(scope),
                    Err(expected) => errors.push(FieldError::new("/scopes", "invalid", expected)),
                }
            }
            if scopes.is_empty() && errors.is_empty() {
                errors.push(FieldError::new("/scopes", "missing", "at least one scope"));
            }
            let expires_at = number(&self.days, "/expires_at", 1..=3650_i64, &mut errors)
                .map(|days| now.plus_seconds(days * 86_400));
            let requests = number(
                &self.requests,
                "/rate_limit/requests",
                1..=10_000_000,
                &mut errors,
            );
            let per_seconds = number(
                &self.per_seconds,
                "/rate_limit/per_seconds",
                1..=86_400,
                &mut errors,
            );
            let standard = RateLimit::default();
            let rate_limit = RateLimit {
                requests: requests.unwrap_or(standard.requests),
                per_seconds: per_seconds.unwrap_or(standard.per_seconds),
            };
            let budget = self.budget(&mut errors);
            if errors.is_empty() {
                Ok(NewApiKey {
                    name: self.name.trim().to_owned(),
                    scopes,
                    expires_at,
                    rate_limit: Some(rate_limit),
                    budget,
                })
            } else {
                Err(Error::Invalid(errors))
            }
        }

        fn budget(&self, errors: &mut Vec<FieldError>) -> Option<Budget> {
            let range = 1..=Budget::MOST_REQUESTS;
            let requests = number(&self.budget_requests, "/budget/requests", range, errors)?;
            let per = match self.budget_per.parse::<BudgetPeriod>() {
                Ok(per) => per,
                Err(expected) => {
                    let error = FieldError::new("/budget/per", "invalid", expected);
                    errors.push(error.got(&self.budget_per));
                    return None;
                }
            };
            let hard = match self.over_budget.as_str() {
                "refuse" => true,
                "count" => false,
                other => {
                    let error = FieldError::new("/budget/hard", "invalid", "refuse or count");
                    errors.push(error.got(other));
                    return None;
                }
            };
            Some(Budget {
                requests,
                per,
                hard,
            })
        }
    }

    /// `None` when it is empty, or wrong and noted.
    fn number<T: FromStr + PartialOrd + Display>(
        text: &str,
        pointer: &str,
        range: RangeInclusive<T>,
        errors: &mut Vec<FieldError>,
    ) -> Option<T> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            errors.push(FieldError::new(pointer, "out_of_range", expected).got(text));
        }
        number
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn scopes_come_from_boxes_and_names() {
            let form = NewKeyForm {
                name: " ci ".to_owned(),
                scopes: vec!["read".to_owned()],
                deployments: "price, churn".to_owned(),
                days: "30".to_owned(),
                ..NewKeyForm::default()
            };
            let new = form.checked(Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(new.name, "ci");
            assert_eq!(
                new.scopes
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
                ["read", "predict:price", "predict:churn"]
            );
            assert_eq!(
                new.expires_at,
                Some(Timestamp::UNIX_EPOCH.plus_seconds(30 * 86_400))
            );
            assert_eq!(new.rate_limit, Some(RateLimit::default()));
            assert_eq!(new.budget, None);
        }

        #[test]
        fn a_budget_is_its_three_fields() {
            let form = NewKeyForm {
                name: "ci".to_owned(),
                scopes: vec!["read".to_owned()],
                budget_requests: " 5000 ".to_owned(),
                budget_per: "month".to_owned(),
                over_budget: "count".to_owned(),
                ..NewKeyForm::default()
            };
            let budget = form.clone().checked(Timestamp::UNIX_EPOCH).unwrap().budget;
            let expected = Budget {
                requests: 5000,
                per: BudgetPeriod::Month,
                hard: false,
            };
            assert_eq!(budget, Some(expected));
            for (requests, per, over, pointer) in [
                ("0", "day", "refuse", "/budget/requests"),
                ("1000000000001", "day", "refuse", "/budget/requests"),
                ("1.5", "day", "refuse", "/budget/requests"),
                ("1", "week", "refuse", "/budget/per"),
                ("1", "day", "", "/budget/hard"),
            ] {
                let form = NewKeyForm {
                    budget_requests: requests.to_owned(),
                    budget_per: per.to_owned(),
                    over_budget: over.to_owned(),
                    ..form.clone()
                };
                let Err(Error::Invalid(errors)) = form.checked(Timestamp::UNIX_EPOCH) else {
                    panic!("{requests} {per} {over}")
                };
                assert_eq!(errors[0].pointer, pointer);
                assert_eq!(errors.len(), 1);
            }
        }

        #[test]
        fn every_bad_field_is_named() {
            let form = NewKeyForm {
                days: "soon".to_owned(),
                requests: "0".to_owned(),
                ..NewKeyForm::default()
            };
            let Err(Error::Invalid(errors)) = form.checked(Timestamp::UNIX_EPOCH) else {
                panic!()
            };
            let pointers = errors
                .iter()
                .map(|error| error.pointer.as_str())
                .collect::<Vec<_>>();
            assert_eq!(pointers, ["/scopes", "/expires_at", "/rate_limit/requests"]);
        }
    }
}
