//! Adds what keys have sent to the database, and learns what they have sent through all processes.

use std::time::Duration;

use domain::Result;

use super::{every, never};
use crate::state::AppState;

/// How far a budget can be overdrawn by a second process.
const PERIOD: Duration = Duration::from_secs(2);

pub(super) async fn run(state: AppState) {
    every(&state, "count_key_usage", PERIOD, never, || tick(&state)).await;
    // What was counted since the last tick.
    if let Err(error) = tick(&state).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the last requests of keys are not counted"
        );
    }
}

pub(super) async fn tick(state: &AppState) -> Result<()> {
    let lines = state.serving.key_usage();
    let pending: Vec<_> = lines.iter().map(|(usage, _)| usage.pending()).collect();
    let sent: Vec<_> = lines
        .iter()
        .zip(&pending)
        .filter(|(_, pending)| **pending > 0)
        .map(|((usage, _), pending)| (usage.line, *pending))
        .collect();
    let asked: Vec<_> = lines
        .iter()
        .filter(|(_, budget)| budget.is_some())
        .map(|(usage, _)| usage.line)
        .collect();
    if sent.is_empty() && asked.is_empty() {
        return Ok(());
    }
    let stored = platform::api_keys::add_usage(&state.platform, &sent, &asked).await?;
    let now = state.platform.clock.now();
    for ((usage, budget), added) in lines.iter().zip(pending) {
        let all = stored.get(&usage.line).copied().unwrap_or_default();
        usage.settle(added, all, *budget, now);
    }
    Ok(())
}
