//! Requests that name themselves with a key, so that trying one again does it once.

use domain::{Actor, Error, Result, Timestamp};
use store::idempotent_requests::{self, Answer};

use crate::Platform;

/// How long an answer is kept, in seconds.
pub const KEPT: i64 = 24 * 3600;
/// A try that has not ended for so long, in seconds, never will: its process died. Longer than any request may take.
const ABANDONED: i64 = 600;

/// The caller of a request and how it calls it.
#[derive(Clone, Debug)]
pub struct Named {
    caller: String,
    key: String,
    fingerprint: [u8; 32],
    started_at: Timestamp,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Claim {
    /// It is new.
    Do(Named),
    /// It was done: the same answer again.
    Done(Answer),
}

/// # Errors
/// `Conflict` for another request of the same key, and while the first try is under way.
pub async fn claim(
    platform: &Platform,
    actor: &Actor,
    key: &str,
    fingerprint: [u8; 32],
) -> Result<Claim> {
    let started_at = platform.clock.now();
    let named = Named {
        caller: caller(actor),
        key: key.to_owned(),
        fingerprint,
        started_at,
    };
    let mut conn = platform.store.read().await?;
    let abandoned = started_at.plus_seconds(-ABANDONED);
    if idempotent_requests::claim(
        &mut conn,
        &named.caller,
        key,
        &fingerprint,
        started_at,
        abandoned,
    )
    .await?
    {
        return Ok(Claim::Do(named));
    }
    let tried = idempotent_requests::find(&mut conn, &named.caller, key).await?;
    match tried {
        Some(tried) if tried.fingerprint != named.fingerprint => Err(Error::conflict(
            "idempotency_key_reused",
            "this Idempotency-Key was used for another request: use a new key for each request",
        )),
        Some(tried) => tried.answer.map(Claim::Done).ok_or_else(under_way),
        // It failed between the two questions; the next try finds the key free.
        None => Err(under_way()),
    }
}

fn under_way() -> Error {
    Error::conflict(
        "idempotent_request_under_way",
        "the first request with this Idempotency-Key is still under way: try again in a moment",
    )
}

/// Keeps what was answered.
pub async fn keep(platform: &Platform, named: &Named, answer: &Answer) -> Result<()> {
    let mut conn = platform.store.read().await?;
    idempotent_requests::keep(
        &mut conn,
        &named.caller,
        &named.key,
        named.started_at,
        answer,
    )
    .await?;
    Ok(())
}

/// Frees the key of a request that made nothing.
pub async fn release(platform: &Platform, named: &Named) -> Result<()> {
    let mut conn = platform.store.read().await?;
    idempotent_requests::release(&mut conn, &named.caller, &named.key, named.started_at).await?;
    Ok(())
}

/// How many answers were forgotten.
pub async fn trim(platform: &Platform) -> Result<u64> {
    let mut conn = platform.store.read().await?;
    let oldest = platform.clock.now().plus_seconds(-KEPT);
    Ok(idempotent_requests::delete_older(&mut conn, oldest).await?)
}

/// Keys of one caller mean nothing for another.
fn caller(actor: &Actor) -> String {
    match actor {
        Actor::User { id, .. } => format!("user:{id}"),
        Actor::Key { id, .. } => format!("key:{id}"),
        Actor::System { name } => format!("system:{name}"),
    }
}
