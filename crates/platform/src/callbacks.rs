//! Telling somebody that a prediction has ended: each callback is a row of its own, sent until it was taken or has been
//! tried often enough. It may come twice, with the same id; it never comes without having ended.

use std::time::Duration;

use domain::callbacks::{CallbackEvent, LONGEST_WAIT, MOST_ATTEMPTS, pause_millis};
use domain::{Error, Result};
use store::Conn;
use store::callbacks::{self, TakenCallback};

use crate::{Platform, secrets, webhook_secrets};

pub use store::callbacks::{CHANNEL, Fence};

/// A server that is silent for so long has lost what it took; longer than a call may take.
const LEASE: Duration = Duration::from_secs(30);
/// How many callbacks of one project are sent at the same time.
const MOST_OF_PROJECT: i64 = 16;

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub fence: Fence,
    pub url: String,
    /// `webhook-id`: the same for every attempt.
    pub id: String,
    /// `webhook-timestamp`, in seconds since the Unix epoch.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// What has become of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    Delivered,
    /// The receiver wants it no more: 410.
    Gone,
    Failed {
        /// For the caller's eyes.
        reason: String,
        /// Seconds that the receiver asked to wait.
        retry_after: Option<u64>,
    },
}

/// Takes at most `most` messages that are due, for this server to send.
pub async fn take(platform: &Platform, most: usize) -> Result<Vec<Delivery>> {
    let mut conn = platform.store.read().await?;
    callbacks::requeue_expired(&mut conn, MOST_ATTEMPTS).await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let taken = callbacks::take(&mut conn, most, MOST_OF_PROJECT, LEASE).await?;
    let mut deliveries = Vec::with_capacity(taken.len());
    for callback in taken {
        let fence = callback.fence;
        match message(platform, &mut conn, callback).await {
            Ok(delivery) => deliveries.push(delivery),
            // Its lease ends, and it is tried again; one that can not be read keeps no other from being sent.
            Err(error) => {
                tracing::error!(prediction = %fence.prediction, error = &error as &dyn std::error::Error, "a callback can not be written");
            }
        }
    }
    Ok(deliveries)
}

async fn message(platform: &Platform, conn: &mut Conn, taken: TakenCallback) -> Result<Delivery> {
    let TakenCallback {
        fence,
        project,
        url,
    } = taken;
    let event = store::async_predictions::find_by_id(conn, fence.prediction)
        .await?
        .and_then(|found| CallbackEvent::of(found.prediction))
        .ok_or_else(|| Error::internal("a callback is due before its prediction has ended"))?;
    let body = serde_json::to_vec(&event).map_err(Error::internal)?;
    let id = format!("msg_{}", fence.prediction.0.simple());
    let now = platform.clock.now();
    let signature = webhook_secrets::signature(conn, project, &id, now, &body).await?;
    Ok(Delivery {
        fence,
        url,
        id,
        timestamp: now.unix_seconds(),
        signature,
        body,
    })
}

/// Writes what has become of an attempt, and when the next one is.
pub async fn finish(platform: &Platform, fence: Fence, attempt: Attempt) -> Result<()> {
    let now = platform.clock.now();
    let mut conn = platform.store.read().await?;
    match attempt {
        Attempt::Delivered => {
            callbacks::end(&mut conn, fence, None, now).await?;
        }
        Attempt::Gone => {
            let reason = "the receiver answered 410: it wants no more of it";
            callbacks::end(&mut conn, fence, Some(reason), now).await?;
        }
        Attempt::Failed {
            reason,
            retry_after,
        } => match pause_millis(fence.attempt, share()?) {
            None => {
                callbacks::end(&mut conn, fence, Some(&reason), now).await?;
            }
            Some(pause) => {
                let asked = retry_after.unwrap_or(0).min(u64::from(LONGEST_WAIT));
                let delay = Duration::from_millis(pause).max(Duration::from_secs(asked));
                callbacks::retry(&mut conn, fence, &reason, delay).await?;
            }
        },
    }
    Ok(())
}

/// From 0 to 1, another one every time.
fn share() -> Result<f64> {
    Ok(f64::from(u32::from_le_bytes(secrets::random()?)) / f64::from(u32::MAX))
}
