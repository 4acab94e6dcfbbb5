//! Predictions that no client waits for: accepted, answered by whichever server takes them, asked for later. What is
//! accepted is in the database, so it outlives the server that accepted it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::async_predictions::{AsyncPrediction, AsyncStatus};
use domain::ids::{AsyncPredictionId, ProjectId};
use domain::predictions::Route;
use domain::{Actor, Error, Name, Result};
use store::async_predictions::{self, NewAsyncPrediction, queue};

use crate::{Platform, webhook_secrets};

pub use store::async_predictions::queue::{End as Outcome, Fence, TakenPrediction};
pub use store::async_predictions::{FINISHED, QUEUED, StoredPrediction};

/// A server that is silent for so long has lost what it took.
const LEASE: Duration = Duration::from_secs(30);
/// How many a server takes at once. Each may be as long as a body is allowed to be, and they are in memory together.
const BATCH: i64 = 32;
/// How many are forgotten in one statement.
const FORGOTTEN_AT_ONCE: i64 = 5_000;
/// Seconds after which somebody who found no place may try again.
const FULL_RETRY: u64 = 5;

/// What is to be predicted. The body has been checked against the deployment's signature.
#[derive(Clone, Debug)]
pub struct Submission {
    pub deployment: Name,
    pub request_id: String,
    pub routing_key: Vec<u8>,
    /// `Stable` or `Canary`: an arm that the caller asks for.
    pub forced: Option<Route>,
    /// `{"inputs":...}`.
    pub body: Vec<u8>,
    pub callback: Option<CallbackUrl>,
}

/// Where to tell of the end.
#[derive(Clone, Debug)]
pub struct CallbackUrl {
    pub url: String,
    /// To be shown.
    pub host: String,
}

/// What has become of one attempt.
#[derive(Clone, Debug)]
pub enum Answered {
    Ended(Outcome),
    /// The deployment can not answer yet: another attempt after so long.
    NotYet(Duration),
}

/// Accepts a prediction for a key with a scope for the deployment; `most_waiting` is how many of a deployment may wait.
///
/// # Errors
/// `Unavailable` while the deployment has so many; `request_id_taken`.
pub async fn submit(
    platform: &Platform,
    actor: &Actor,
    new: &Submission,
    most_waiting: u32,
) -> Result<StoredPrediction> {
    let project = may_predict(actor, &new.deployment).ok_or_else(|| {
        Error::Forbidden(format!(
            "this needs an API key with the scope predict:{} or predict:*",
            new.deployment
        ))
    })?;
    let now = platform.clock.now();
    let id = AsyncPredictionId::at(now);
    let most = i64::from(most_waiting);
    let mut tx = platform.store.begin().await?;
    if async_predictions::count_waiting(&mut tx, project, &new.deployment, most).await? >= most {
        return Err(full(&format!(
            "{most} predictions of the deployment {} are waiting already",
            new.deployment
        )));
    }
    let row = NewAsyncPrediction {
        id,
        project,
        deployment: &new.deployment,
        request_id: &new.request_id,
        routing_key: &new.routing_key,
        forced: new.forced,
        body: &new.body,
        created_by: &actor.label(),
        at: now,
    };
    async_predictions::insert(&mut tx, &row)
        .await
        .map_err(|error| {
            if error.broke("async_predictions_request_id_key") {
                let message = "a prediction with this x-request-id is there already: send another one, or none";
                Error::conflict("request_id_taken", message)
            } else {
                error.into()
            }
        })?;
    if let Some(callback) = &new.callback {
        store::callbacks::insert(&mut tx, id, project, &callback.url, &callback.host).await?;
        webhook_secrets::ensure(&mut tx, project, now).await?;
    }
    let stored = async_predictions::find_by_id(&mut tx, id)
        .await?
        .ok_or_else(|| Error::internal("a prediction that was just stored is not there"))?;
    tx.commit().await?;
    Ok(stored)
}

/// No place for another one, and what to say of it.
#[must_use]
pub fn full(what: &str) -> Error {
    Error::Unavailable {
        message: format!("{what}: try again in {FULL_RETRY} s"),
        retry_after: FULL_RETRY,
        source: None,
    }
}

/// By its request id, for a key with a scope for its deployment. To other keys it is not there.
pub async fn get(platform: &Platform, actor: &Actor, request_id: &str) -> Result<StoredPrediction> {
    let mut conn = platform.store.read().await?;
    find(&mut conn, actor, request_id).await
}

/// Ends it without an answer, also while it is being answered.
///
/// # Errors
/// `prediction_finished` for one that has succeeded or failed.
pub async fn cancel(
    platform: &Platform,
    actor: &Actor,
    request_id: &str,
) -> Result<AsyncPrediction> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let id = find(&mut tx, actor, request_id).await?.id;
    if async_predictions::cancel(&mut tx, id, now).await? {
        ended(&mut tx, &[id]).await?;
    }
    let prediction = find(&mut tx, actor, request_id).await?.prediction;
    if prediction.status != AsyncStatus::Cancelled {
        return Err(Error::conflict(
            "prediction_finished",
            "the prediction has ended already: there is nothing left to cancel",
        ));
    }
    tx.commit().await?;
    Ok(prediction)
}

/// Takes what has waited longest, for this server to answer.
pub async fn take(platform: &Platform) -> Result<Vec<TakenPrediction>> {
    let mut conn = platform.store.read().await?;
    if let Some(lost) = queue::take_lost(&mut conn, LEASE).await? {
        return Ok(vec![lost]);
    }
    Ok(queue::take(&mut conn, BATCH, LEASE).await?)
}

/// Holds what this server took for longer than it took it for. What was cancelled or lost meanwhile stays as it is.
pub async fn hold(platform: &Platform, fences: &[Fence], lease: Duration) -> Result<()> {
    let mut conn = platform.store.read().await?;
    queue::hold(&mut conn, fences, lease).await?;
    Ok(())
}

/// Writes what has become of attempts, all in one transaction. What was cancelled or lost to another server meanwhile
/// stays as it is.
pub async fn finish(platform: &Platform, attempts: Vec<(Fence, Answered)>) -> Result<()> {
    let now = platform.clock.now();
    let mut ends = Vec::with_capacity(attempts.len());
    let mut later: BTreeMap<Duration, Vec<Fence>> = BTreeMap::new();
    for (fence, answered) in attempts {
        match answered {
            Answered::Ended(end) => ends.push((fence, end)),
            Answered::NotYet(delay) => later.entry(delay).or_default().push(fence),
        }
    }
    let mut tx = platform.store.begin().await?;
    for (delay, fences) in later {
        queue::defer(&mut tx, &fences, delay).await?;
    }
    let written = queue::finish(&mut tx, ends, now).await?;
    ended(&mut tx, &written).await?;
    tx.commit().await?;
    Ok(())
}

/// How many wait over all deployments; counted up to `most`.
pub async fn waiting(platform: &Platform, most: u32) -> Result<u32> {
    let mut conn = platform.store.read().await?;
    let waiting = async_predictions::count_all_waiting(&mut conn, i64::from(most)).await?;
    Ok(u32::try_from(waiting).unwrap_or(most))
}

/// Forgets what ended so many seconds ago; how many there were.
pub async fn trim(platform: &Platform, kept_seconds: u32) -> Result<u64> {
    let oldest = platform.clock.now().plus_seconds(-i64::from(kept_seconds));
    let mut all = 0;
    loop {
        let mut conn = platform.store.read().await?;
        let some = async_predictions::delete_finished(&mut conn, oldest, FORGOTTEN_AT_ONCE).await?;
        all += some;
        if some == 0 {
            return Ok(all);
        }
    }
}

/// Tells those who wait, and those who asked to be told.
async fn ended(conn: &mut store::Conn, ids: &[AsyncPredictionId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    store::callbacks::wake(conn, ids).await?;
    async_predictions::notify_finished(conn, ids).await?;
    Ok(())
}

async fn find(conn: &mut store::Conn, actor: &Actor, request_id: &str) -> Result<StoredPrediction> {
    let absent = || Error::not_found("prediction");
    let Actor::Key { project, .. } = actor else {
        return Err(absent());
    };
    async_predictions::find(conn, *project, request_id)
        .await?
        .filter(|found| may_predict(actor, &found.prediction.deployment).is_some())
        .ok_or_else(absent)
}

/// The project of a key that may.
fn may_predict(actor: &Actor, deployment: &Name) -> Option<ProjectId> {
    match actor {
        Actor::Key {
            project, scopes, ..
        } => scopes
            .iter()
            .any(|scope| scope.may_predict(deployment.as_str()))
            .then_some(*project),
        Actor::User { .. } | Actor::System { .. } => None,
    }
}
