//! What a gateway does besides answering: ticks that take no input, read all state and may be repeated. A notification
//! only wakes them earlier; a failure is logged and tried again, and never ends a loop.

mod check_engines;
mod count_key_usage;
mod deliver_callbacks;
mod flush_recorder;
mod judge_rollouts;
mod make_room;
mod prewarm_deployments;
mod reload_serving;
mod reload_tls;
mod retrain_models;
mod rotate_signing_keys;
mod run_async_predictions;
mod sweep;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::FutureExt as _;
use platform::{async_predictions, callbacks};
use store::Notification;
use tokio::sync::Notify;

use crate::state::AppState;

pub use flush_recorder::publish;
pub use make_room::make_room;
pub use prewarm_deployments::prewarm_deployments;

/// Longest pause after failures in a row.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Starts all loops, and returns once there is something to predict with.
///
/// # Errors
/// The process is asked to stop before that.
pub async fn start(state: &AppState) -> Result<()> {
    state.platform.live.attach();
    while let Err(error) = reload_serving::tick(state).await {
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(error, "what is to be served can not be read yet");
        tokio::select! {
            () = state.shutdown.cancelled() => bail!("stopped before there was anything to serve"),
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
    // Keys of programs work without it, so nothing waits for it.
    if let Err(error) = rotate_signing_keys::tick(state).await {
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(error, "there is no key to sign tokens with yet");
    }
    // Until it has worked once, budgets are held against what this process counts alone.
    if let Err(error) = count_key_usage::tick(state).await {
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(error, "what keys have sent can not be read yet");
    }
    let changed = Changed::default();
    spawn(state, listen(state.clone(), changed.clone()));
    spawn(
        state,
        reload_serving::run(state.clone(), Arc::clone(&changed.serving)),
    );
    spawn(
        state,
        judge_rollouts::run(state.clone(), Arc::clone(&changed.rollouts)),
    );
    spawn(
        state,
        rotate_signing_keys::run(state.clone(), Arc::clone(&changed.signing_keys)),
    );
    spawn(
        state,
        run_async_predictions::run(state.clone(), Arc::clone(&changed.async_predictions)),
    );
    spawn(state, run_async_predictions::run_count(state.clone()));
    spawn(
        state,
        deliver_callbacks::run(state.clone(), Arc::clone(&changed.callbacks)),
    );
    spawn(state, flush_recorder::run(state.clone()));
    spawn(state, flush_recorder::run_key_uses(state.clone()));
    spawn(state, count_key_usage::run(state.clone()));
    spawn(state, make_room::run(state.clone()));
    spawn(state, prewarm_deployments::run(state.clone()));
    spawn(state, check_engines::run(state.clone()));
    spawn(state, retrain_models::run(state.clone()));
    spawn(state, sweep::run(state.clone()));
    Ok(())
}

/// Every process that speaks TLS does this, whatever its role.
pub fn follow_certificate(state: &AppState) {
    if state.tls.is_some() {
        spawn(state, reload_tls::run(state.clone()));
    }
}

fn spawn(state: &AppState, task: impl Future<Output = ()> + Send + 'static) {
    state.tasks.spawn(task);
}

/// Who is woken when something changes.
#[derive(Clone, Default)]
struct Changed {
    serving: Arc<Notify>,
    rollouts: Arc<Notify>,
    signing_keys: Arc<Notify>,
    async_predictions: Arc<Notify>,
    callbacks: Arc<Notify>,
}

impl Changed {
    fn wake_all(&self, state: &AppState) {
        self.wake_serving();
        self.async_predictions.notify_one();
        self.callbacks.notify_one();
        state.async_predictions.unsure();
    }

    fn wake_serving(&self) {
        self.serving.notify_one();
        self.rollouts.notify_one();
        self.signing_keys.notify_one();
    }

    fn wake(&self, state: &AppState, heard: &Notification) {
        match heard.channel.as_str() {
            async_predictions::QUEUED => self.async_predictions.notify_one(),
            async_predictions::FINISHED => {
                for id in heard.payload.split(',').filter_map(|id| id.parse().ok()) {
                    state.async_predictions.ended(id);
                }
            }
            callbacks::CHANNEL => self.callbacks.notify_one(),
            _ => self.wake_serving(),
        }
    }
}

/// Passes notifications on. A lost connection may have lost some, so everybody is woken then too.
async fn listen(state: AppState, changed: Changed) {
    let mut pause = Duration::from_millis(100);
    while !state.shutdown.is_cancelled() {
        match hear(&state, &changed).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "notifications can not be heard: looking every few seconds instead"
                );
                tokio::select! {
                    () = state.shutdown.cancelled() => return,
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                }
            }
        }
    }
}

/// Until the process stops, or Postgres can not be reached.
async fn hear(state: &AppState, changed: &Changed) -> store::Result<()> {
    let channels = [
        platform::deployments::CHANNEL,
        async_predictions::QUEUED,
        async_predictions::FINISHED,
        callbacks::CHANNEL,
    ];
    let mut listener = state.platform.store.listen(&channels).await?;
    changed.wake_all(state);
    loop {
        let heard = tokio::select! {
            () = state.shutdown.cancelled() => return Ok(()),
            heard = listener.recv() => heard?,
        };
        match heard {
            Some(heard) => changed.wake(state, &heard),
            None => changed.wake_all(state),
        }
    }
}

/// Ticks every `period` and whenever `wake` is ready, until the process stops.
async fn every<W, T, Fw, Ft>(
    state: &AppState,
    name: &'static str,
    period: Duration,
    wake: W,
    tick: T,
) where
    W: Fn() -> Fw,
    T: Fn() -> Ft,
    Fw: Future<Output = ()>,
    Ft: Future<Output = domain::Result<()>>,
{
    let mut failures = 0_u32;
    loop {
        let pause = if failures == 0 {
            period
        } else {
            (period * 2_u32.pow(failures.min(6)))
                .min(LONGEST_PAUSE)
                .max(period)
        };
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = wake() => {}
            () = tokio::time::sleep(pause) => {}
        }
        let failure = match AssertUnwindSafe(tick()).catch_unwind().await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(anyhow::Error::new(error)),
            Err(_) => Some(anyhow::anyhow!("it panicked")),
        };
        match failure {
            None => {
                if failures > 0 {
                    tracing::info!(name, failures, "a loop works again");
                }
                failures = 0;
            }
            Some(error) => {
                // The first of a row, and then ever fewer.
                if failures.is_power_of_two() || failures == 0 {
                    let error = format!("{error:#}");
                    tracing::warn!(name, error, failures, "a loop failed and tries again");
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// For loops that nothing wakes.
async fn never() {
    std::future::pending::<()>().await;
}
