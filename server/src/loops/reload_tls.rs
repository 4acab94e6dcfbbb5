//! Takes up a renewed certificate without a restart.

use std::time::Duration;

use domain::{Error, Result};

use super::{every, never};
use crate::state::AppState;
use crate::tls::Reload;

const PERIOD: Duration = Duration::from_secs(3);

pub(super) async fn run(state: AppState) {
    every(&state, "reload_tls", PERIOD, never, || tick(&state)).await;
}

async fn tick(state: &AppState) -> Result<()> {
    let state = state.clone();
    // Files, and a disk may be slow.
    tokio::task::spawn_blocking(move || look(&state))
        .await
        .map_err(Error::internal)
}

fn look(state: &AppState) {
    let Some(tls) = &state.tls else { return };
    let result = match tls.reload(state.platform.clock.now()) {
        Reload::Unchanged => return,
        Reload::Swapped => {
            tracing::info!("the certificate has changed, and new connections have the new one");
            "swapped"
        }
        Reload::Refused(error) => {
            let error = format!("{error:#}");
            tracing::warn!(
                error,
                "the certificate in use stays, because what its files hold now can not be used"
            );
            "refused"
        }
    };
    metrics::counter!("volary_tls_reloads_total", "result" => result).increment(1);
}
