//! Sends the callbacks of predictions that have ended.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{Result, Timestamp};
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use platform::callbacks::{self, Attempt, Delivery};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::sync::{Notify, Semaphore};

use super::every;
use crate::outbound::{Failure, Reply};
use crate::state::AppState;

/// How soon a callback is sent whose pause is over.
const PERIOD: Duration = Duration::from_secs(1);
/// How many this process sends at the same time.
const MOST: usize = 64;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

pub(super) async fn run(state: AppState, changed: Arc<Notify>) {
    let places = Arc::new(Semaphore::new(MOST));
    let wake = || changed.notified();
    let tick = || tick(&state, &places, &changed);
    every(&state, "deliver_callbacks", PERIOD, wake, tick).await;
}

/// Takes as many as there are places for, and leaves each to a task: a slow receiver keeps nobody waiting.
async fn tick(state: &AppState, places: &Arc<Semaphore>, changed: &Arc<Notify>) -> Result<()> {
    let free = places.available_permits();
    if free == 0 {
        return Ok(());
    }
    for delivery in callbacks::take(&state.platform, free).await? {
        let Ok(place) = Arc::clone(places).acquire_owned().await else {
            return Ok(());
        };
        let (sender, changed) = (state.clone(), Arc::clone(changed));
        state.tasks.spawn(async move {
            deliver(&sender, delivery).await;
            drop(place);
            changed.notify_one();
        });
    }
    Ok(())
}

async fn deliver(state: &AppState, delivery: Delivery) {
    let fence = delivery.fence;
    let attempt = send(state, delivery).await;
    let outcome = match &attempt {
        Attempt::Delivered => "delivered",
        Attempt::Gone => "gone",
        Attempt::Failed { .. } => "failed",
    };
    metrics::counter!("volary_callbacks_total", "outcome" => outcome).increment(1);
    // Left as it is, it is sent again once its lease has ended.
    if let Err(error) = callbacks::finish(&state.platform, fence, attempt).await {
        tracing::warn!(
            prediction = %fence.prediction,
            error = &error as &dyn std::error::Error,
            "what became of a callback is not written"
        );
    }
}

async fn send(state: &AppState, delivery: Delivery) -> Attempt {
    // What the owner allows may have changed since it was accepted.
    let Ok(url) = state.outbound.check(&delivery.url) else {
        return failed(Failure::Refused.to_string(), None);
    };
    let Some(headers) = headers(&delivery) else {
        return failed("the callback can not be written".to_owned(), None);
    };
    match state
        .outbound
        .post(&url, headers, Bytes::from(delivery.body))
        .await
    {
        Ok(Reply { status, .. }) if status.is_success() => Attempt::Delivered,
        Ok(Reply {
            status: StatusCode::GONE,
            ..
        }) => Attempt::Gone,
        Ok(Reply { status, headers }) => {
            let reason = format!("the receiver answered {}", status.as_u16());
            failed(reason, retry_after(&headers, state.platform.clock.now()))
        }
        Err(failure) => failed(failure.to_string(), None),
    }
}

fn failed(reason: String, retry_after: Option<u64>) -> Attempt {
    Attempt::Failed {
        reason,
        retry_after,
    }
}

/// `None` never: what we write fits a header.
fn headers(delivery: &Delivery) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(WEBHOOK_ID, HeaderValue::from_str(&delivery.id).ok()?);
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(delivery.timestamp));
    headers.insert(
        WEBHOOK_SIGNATURE,
        HeaderValue::from_str(&delivery.signature).ok()?,
    );
    Some(headers)
}

/// Seconds, from seconds or from a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Timestamp::from(date).seconds_since(now).max(0.0).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_when_to_come_back_in_seconds_or_with_a_date() {
        let now: Timestamp = "2026-01-15T09:00:00Z".parse().unwrap();
        let wait = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            retry_after(&headers, now)
        };
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Thu, 15 Jan 2026 09:01:30 GMT"), Some(90));
        assert_eq!(wait("Thu, 15 Jan 2026 08:00:00 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-5"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
