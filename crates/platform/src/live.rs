use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::ids::{DeploymentId, ModelVersionId};
use domain::models::RemoteHealth;
use tokio::sync::{Notify, watch};

/// Longest that a use case waits until its change is served.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the serving part of this process has told: how far it has read, and whether its probe predictions succeeded.
/// Use cases wait on it, so that what they acknowledge is served; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Live {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    serving: AtomicBool,
    asked: AtomicU64,
    wake: Notify,
    applied: watch::Sender<u64>,
    health: RwLock<HashMap<DeploymentId, Health>>,
    engines: RwLock<HashMap<ModelVersionId, RemoteHealth>>,
}

/// How the last probe prediction of a deployment went in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The stable version that was probed.
    pub stable: ModelVersionId,
    /// Why the stable version can not answer, in one sentence; `None` when its probe succeeded.
    pub problem: Option<String>,
    /// The same for the canary.
    pub canary_problem: Option<String>,
    /// Whether the stable version is loaded now.
    pub is_loaded: bool,
    /// For how long a request last waited until it was.
    pub cold_start: Option<Duration>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            serving: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            wake: Notify::new(),
            applied: watch::Sender::new(0),
            health: RwLock::default(),
            engines: RwLock::default(),
        }
    }
}

impl Live {
    /// Waits until this process serves what is committed now, at most two seconds. Returns at once where nothing serves,
    /// as in a worker or a command. Other processes follow within their own reload.
    pub async fn refresh(&self) {
        if !self.inner.serving.load(Ordering::Acquire) {
            return;
        }
        let ticket = self.inner.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.inner.wake.notify_one();
        let mut applied = self.inner.applied.subscribe();
        let reached = applied.wait_for(|applied| *applied >= ticket);
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            tracing::warn!("a change is committed, but not served yet by this process");
        }
    }

    /// Called once by the loop that reloads what is served.
    pub fn attach(&self) {
        self.inner.serving.store(true, Ordering::Release);
    }

    /// The loop waits here; whoever calls [`Self::refresh`] wakes it.
    pub async fn asked(&self) {
        self.inner.wake.notified().await;
    }

    /// Taken by the loop before it reads; given back to [`Self::apply`] once that is served.
    pub fn ticket(&self) -> u64 {
        self.inner.asked.load(Ordering::Acquire)
    }

    /// What was committed when `ticket` was taken is served now.
    pub fn apply(&self, ticket: u64) {
        self.inner.applied.send_replace(ticket);
    }

    /// Replaces what is known of all deployments; says which of them changed. One report is looked up after the other, so
    /// that the last one stays.
    pub fn report(
        &self,
        health: impl FnOnce() -> HashMap<DeploymentId, Health>,
    ) -> Vec<DeploymentId> {
        let mut known = self
            .inner
            .health
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let health = health();
        let changed = health
            .iter()
            .filter(|(id, new)| known.get(id) != Some(new))
            .map(|(id, _)| *id)
            .collect();
        *known = health;
        changed
    }

    /// Replaces what is known of the engines that compute versions elsewhere.
    pub fn report_engines(&self, health: HashMap<ModelVersionId, RemoteHealth>) {
        let engines = &self.inner.engines;
        *engines.write().unwrap_or_else(PoisonError::into_inner) = health;
    }

    /// `None` for a version that is computed here, or whose engine has not been called from here.
    pub fn engine(&self, version: ModelVersionId) -> Option<RemoteHealth> {
        let engines = self.inner.engines.read();
        let engines = engines.unwrap_or_else(PoisonError::into_inner);
        engines.get(&version).cloned()
    }

    /// `None` until the deployment has been probed here.
    pub fn health(&self, deployment: DeploymentId) -> Option<Health> {
        self.inner
            .health
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&deployment)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_waits_until_it_is_served_and_no_longer() {
        let live = Live::default();
        live.refresh().await;
        live.attach();
        let waiting = tokio::join!(live.refresh(), async {
            live.asked().await;
            let ticket = live.ticket();
            assert_eq!(ticket, 1);
            live.apply(ticket);
        });
        assert_eq!(waiting, ((), ()));
    }
}
