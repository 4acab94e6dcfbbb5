//! Loading what a request needs and what was not there: a version that no deployment keeps loaded. The request waits for
//! it; so do all others that need the same version meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Error, Result, Timestamp};
use serving::predict::{self, Forced};
use serving::recorder::Subject;
use serving::snapshot::{Arm, Deployment};
use serving::versions::Version;

use super::answer::Found;
use crate::state::AppState;

/// Until who could not wait long enough asks again, in seconds.
const RETRY: u64 = 2;

impl Found {
    /// Loads what is to answer a request, and says how long that took; `None` when it was there.
    ///
    /// # Errors
    /// `Unavailable` when it is not there within the time of a request, or for a version that can not be loaded. Of a
    /// deployment that is told by whoever asks it.
    pub(in crate::routes) async fn load(
        &self,
        state: &AppState,
        routing_key: &[u8],
        forced: Option<Forced>,
    ) -> Result<Option<Duration>> {
        match self {
            Self::Deployment(deployment) => wake(state, deployment, routing_key, forced).await,
            Self::Version(version) => {
                let waited = wait(state, version, None).await?;
                match version.problem().filter(|_| !version.is_loaded()) {
                    None => Ok(waited),
                    Some(problem) => Err(version.not_ready(&problem)),
                }
            }
        }
    }
}

/// The same for a deployment.
pub(crate) async fn wake(
    state: &AppState,
    deployment: &Deployment,
    routing_key: &[u8],
    forced: Option<Forced>,
) -> Result<Option<Duration>> {
    if deployment.idle.is_none() {
        return Ok(None);
    }
    let for_canary = match predict::canary(deployment, routing_key, forced) {
        // Stable answers in its place.
        Some(canary) => cold(state, &canary.arm).await.unwrap_or_default(),
        None => None,
    };
    let for_stable = cold(state, &deployment.stable).await?;
    Ok(for_canary
        .into_iter()
        .chain(for_stable)
        .reduce(|one, other| one + other))
}

/// The stable version of a deployment, for who asks what it takes.
pub(in crate::routes) async fn wake_stable(
    state: &AppState,
    deployment: &Deployment,
) -> Result<()> {
    let woken = wake(state, deployment, &[], Some(Forced::Stable)).await;
    woken.map(drop)
}

/// Loads all of a deployment ahead of a moment at which it will be asked for, and keeps it until then as if it were now.
pub(crate) async fn prewarm(
    state: &AppState,
    deployment: &Deployment,
    until: Timestamp,
) -> Result<()> {
    for arm in deployment.arms() {
        arm.version.expect_use(until);
        if wait(state, &arm.version, None).await?.is_some() {
            let labels = labels(arm.counters.subject());
            metrics::counter!("volary_prewarms_total", &labels).increment(1);
        }
    }
    Ok(())
}

async fn cold(state: &AppState, arm: &Arm) -> Result<Option<Duration>> {
    wait(state, &arm.version, Some(arm.counters.subject())).await
}

/// `asked`: what it is loaded for, if somebody waits for that.
async fn wait(
    state: &AppState,
    version: &Arc<Version>,
    asked: Option<&Subject>,
) -> Result<Option<Duration>> {
    version.touch(state.platform.clock.now());
    if !version.may_load() {
        return Ok(None);
    }
    // Boxed, so that a request that finds it loaded carries none of this.
    Box::pin(share(state, version, asked)).await.map(Some)
}

async fn share(
    state: &AppState,
    version: &Arc<Version>,
    asked: Option<&Subject>,
) -> Result<Duration> {
    let begun = Instant::now();
    // It goes on when its client has gone away: others may wait for it.
    let loading = state.tasks.spawn(load(
        state.clone(),
        Arc::clone(version),
        asked.map(labels),
        begun,
    ));
    let patience = state.config.http.request_timeout();
    let Ok(loaded) = tokio::time::timeout(patience, loading).await else {
        let message = format!(
            "version {} of model {} is not ready: it is being loaded for {} s already",
            version.number,
            version.model,
            patience.as_secs()
        );
        return Err(Error::not_yet(message, RETRY));
    };
    loaded.map_err(Error::internal)??;
    Ok(begun.elapsed())
}

async fn load(
    state: AppState,
    version: Arc<Version>,
    cold: Option<[(&'static str, String); 2]>,
    begun: Instant,
) -> Result<()> {
    // One at a time: an artifact may be large, and many may ask for it at once.
    let _turn = state.serving.loading.lock().await;
    if !version.may_load() {
        return Ok(());
    }
    let artifact = state.platform.blobs.read(&version.sha256).await;
    let loaded = Arc::clone(&version);
    let loaded = tokio::task::spawn_blocking(move || {
        loaded.load(artifact.as_deref().map_err(ToString::to_string));
    });
    loaded.await.map_err(Error::internal)?;
    let took = begun.elapsed();
    metrics::histogram!("volary_model_load_seconds").record(took.as_secs_f64());
    if let Some(labels) = cold {
        version.started_cold(took);
        metrics::counter!("volary_cold_starts_total", &labels).increment(1);
        metrics::histogram!("volary_cold_start_seconds", &labels).record(took.as_secs_f64());
    }
    crate::loops::make_room(&state);
    Ok(())
}

fn labels(subject: &Subject) -> [(&'static str, String); 2] {
    let deployment = subject.deployment.as_ref();
    [
        ("project", subject.project.to_string()),
        (
            "deployment",
            deployment.map_or_else(String::new, |(_, name)| name.to_string()),
        ),
    ]
}
