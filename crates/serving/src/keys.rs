use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use domain::api_keys::RateLimit;
use domain::ids::{ApiKeyId, ProjectId};
use domain::serving::ServingKey;
use domain::{Actor, Scope, Timestamp};

use crate::limits::{Allowance, KeyLimit};

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
    used: Arc<LastUse>,
}

/// When and from where a key was last used, until the flush takes it.
#[derive(Debug, Default)]
struct LastUse(Mutex<Option<(Timestamp, IpAddr)>>);

impl Key {
    /// Takes over what the previous snapshot's key has counted.
    pub(crate) fn new(key: &ServingKey, previous: Option<&Self>) -> Self {
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

    /// Takes one request from the key's quota.
    pub fn take(&self) -> Allowance {
        self.limit.take()
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
