//! What a gateway does besides answering: ticks that take no input, read all state and may be repeated. A notification
//! only wakes them earlier; a failure is logged and tried again, and never ends a loop.

mod count_key_usage;
mod flush_recorder;
mod judge_rollouts;
mod make_room;
mod reload_serving;
mod rotate_signing_keys;
mod sweep;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::FutureExt as _;
use tokio::sync::Notify;

use crate::state::AppState;

pub use flush_recorder::publish;
pub use make_room::make_room;

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
    spawn(state, flush_recorder::run(state.clone()));
    spawn(state, flush_recorder::run_key_uses(state.clone()));
    spawn(state, count_key_usage::run(state.clone()));
    spawn(state, make_room::run(state.clone()));
    spawn(state, sweep::run(state.clone()));
    Ok(())
}

fn spawn(state: &AppState, task: impl Future<Output = ()> + Send + 'static) {
    state.tasks.spawn(task);
}

/// Who is woken when what is served changes.
#[derive(Clone, Default)]
struct Changed {
    serving: Arc<Notify>,
    rollouts: Arc<Notify>,
    signing_keys: Arc<Notify>,
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
    let mut listener = state
        .platform
        .store
        .listen(&[platform::deployments::CHANNEL])
        .await?;
    loop {
        changed.serving.notify_one();
        changed.rollouts.notify_one();
        changed.signing_keys.notify_one();
        tokio::select! {
            () = state.shutdown.cancelled() => return Ok(()),
            heard = listener.recv() => heard?,
        };
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
