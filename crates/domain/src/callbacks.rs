//! Telling somebody that a prediction has ended, as Standard Webhooks 1.0 has it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::async_predictions::{AsyncPrediction, AsyncStatus};

/// Pauses after the first attempt, after the second, and so on, in seconds, on average.
const PAUSES: [u32; 6] = [5, 30, 120, 600, 3600, 18_000];
/// Attempts before a callback is given up.
pub const MOST_ATTEMPTS: i32 = PAUSES.len() as i32 + 1;
/// The longest pause that a receiver is granted with `Retry-After`, in seconds.
pub const LONGEST_WAIT: u32 = 6 * 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallbackStatus {
    /// For the prediction's end.
    Waiting,
    /// To be sent, for the first time or again.
    Pending,
    Delivered,
    /// Given up.
    Failed,
}

/// How the callback of a prediction stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Callback {
    /// The host of its URL; the rest may hold secrets of the receiver.
    pub url_host: String,
    pub status: CallbackStatus,
    /// How often it was sent, or begun to be.
    pub attempts: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Why the last attempt was none. Nothing of what the receiver answered but its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was delivered or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// The body of a callback. The same for every attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallbackEvent {
    /// `prediction.succeeded`, `prediction.failed` or `prediction.cancelled`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When the prediction ended.
    pub timestamp: Timestamp,
    pub data: AsyncPrediction,
}

impl CallbackEvent {
    /// `None` while the prediction has not ended.
    #[must_use]
    pub fn of(prediction: AsyncPrediction) -> Option<Self> {
        let kind = match prediction.status {
            AsyncStatus::Queued | AsyncStatus::Running => return None,
            ended => format!("prediction.{}", ended.as_str()),
        };
        Some(Self {
            kind,
            timestamp: prediction.finished_at?,
            data: AsyncPrediction {
                callback: None,
                ..prediction
            },
        })
    }
}

/// Milliseconds until the next attempt after so many, spread evenly over all moments from none to twice the pause: receivers
/// that come back must not get everything at once. `share` is 0 to 1, drawn anew for each. `None`: give up.
#[must_use]
pub fn pause_millis(attempts: i32, share: f64) -> Option<u64> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let pause = PAUSES.get(index)?;
    Some((f64::from(*pause) * 2000.0 * share.clamp(0.0, 1.0)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_spread_and_end() {
        let spread = |attempts| [0.0, 0.5, 1.0].map(|share| pause_millis(attempts, share).unwrap());
        assert_eq!(spread(1), [0, 5_000, 10_000]);
        assert_eq!(spread(2), [0, 30_000, 60_000]);
        assert_eq!(spread(6), [0, 18_000_000, 36_000_000]);
        assert_eq!(pause_millis(MOST_ATTEMPTS, 0.5), None);
        assert_eq!(pause_millis(0, 0.5), None);
        assert_eq!(pause_millis(i32::MIN, 0.5), None);
    }
}
