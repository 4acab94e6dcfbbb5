use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use domain::api_keys::RateLimit;
use domain::budgets::Budget;
use domain::ids::{ApiKeyId, ProjectId};
use domain::serving::ServingKey;
use domain::{Actor, Error, Result, Scope, Timestamp};

use crate::limits::{Allowance, KeyLimit};
use crate::usage::KeyUsage;

/// An API key of a snapshot.
#[derive(Debug)]
pub struct Key {
    pub id: ApiKeyId,
    pub project: ProjectId,
    pub name: String,
    pub scopes: Arc<[Scope]>,
    pub expires_at: Option<Timestamp>,
    /// Shared by every snapshot, or a reload would give the key a new quota.
    limit: Arc<KeyLimit>,
    pub budget: Option<Budget>,
    pub(crate) usage: Arc<KeyUsage>,
    used: Arc<LastUse>,
}

/// When and from where a key was last used, until the flush takes it.
#[derive(Debug, Default)]
struct LastUse(Mutex<Option<(Timestamp, IpAddr)>>);

impl Key {
    /// Takes over what the previous snapshot's key has counted.
    pub(crate) fn new(key: &ServingKey, previous: Option<&Self>, usage: Arc<KeyUsage>) -> Self {
        Self {
            id: key.id,
            project: key.project,
            name: key.name.clone(),
            scopes: key.scopes.clone().into(),
            expires_at: key.expires_at,
            limit: match previous {
                Some(previous) if previous.limit.rate() == key.rate => Arc::clone(&previous.limit),
                _ => Arc::new(KeyLimit::new(key.rate)),
            },
            budget: key.budget,
            usage,
            used: previous
                .map(|previous| Arc::clone(&previous.used))
                .unwrap_or_default(),
        }
    }

    pub fn is_active(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| expires_at > now)
    }

    pub fn rate(&self) -> RateLimit {
        self.limit.rate()
    }

    /// Takes one request from the key's limit, and if there is one left from its budget.
    ///
    /// # Errors
    /// `RateLimited` and `BudgetUsedUp`, with the seconds until another try may succeed.
    pub fn take(&self, now: Timestamp) -> (Result<()>, Allowance) {
        let mut allowance = self.limit.take();
        if let Some(retry_after) = allowance.retry_after {
            return (Err(Error::RateLimited { retry_after }), allowance);
        }
        let Some(budget) = self.budget else {
            self.usage.count();
            return (Ok(()), allowance);
        };
        let left = self.usage.take(budget, now);
        allowance.budget = Some(left);
        if left.is_refused {
            let retry_after = left.reset_seconds;
            allowance.retry_after = Some(retry_after);
            return (
                Err(Error::BudgetUsedUp {
                    budget,
                    retry_after,
                }),
                allowance,
            );
        }
        (Ok(()), allowance)
    }

    /// Notes the use; a note that would have to wait is left out, since another one is being made.
    pub fn touch(&self, now: Timestamp, address: IpAddr) {
        if let Ok(mut used) = self.used.0.try_lock() {
            *used = Some((now, address));
        }
    }

    pub(crate) fn take_use(&self) -> Option<(Timestamp, IpAddr)> {
        self.used
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    pub fn actor(&self) -> Actor {
        Actor::Key {
            id: self.id,
            name: self.name.clone(),
            project: self.project,
            scopes: self.scopes.to_vec(),
        }
    }
}
