//! The live stream: an outbox that is written with the change it tells of, and read by every process.

use domain::events::{Event, Topic};
use domain::ids::ProjectId;
use domain::{Actor, Name, Permission, Result, Timestamp};
use serde_json::Value;
use store::Conn;

use crate::{Platform, access};

/// Where every process hears that an outbox has something new.
pub const CHANNEL: &str = "volary_events";
/// Where every process hears that what is served, or the keys that may ask for it, changed.
pub const SERVING_CHANNEL: &str = "volary_serving";

/// How long an event is kept, in seconds: a page that was away longer reads everything anew.
const KEPT: i64 = 24 * 3600;

/// Writes an event in the transaction of the change it tells of; the listeners are woken when that commits. To be called
/// last: it keeps other changes of the project from publishing until the transaction ends.
pub async fn publish(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    topic: &Topic,
    kind: &str,
    data: Value,
) -> Result<()> {
    store::events::insert(conn, now, project, topic, kind, &data).await?;
    store::notify(conn, CHANNEL, "").await?;
    Ok(())
}

/// Wakes the reload of every process when the transaction commits.
pub async fn serving_changed(conn: &mut Conn) -> Result<()> {
    store::notify(conn, SERVING_CHANNEL, "").await?;
    Ok(())
}

/// What came after the event `last_id` on these topics, oldest first; at most `limit`.
pub async fn after(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    last_id: i64,
    topics: &[Topic],
    limit: u16,
) -> Result<Vec<Event>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
    Ok(store::events::after(&mut conn, project, last_id, &topics, i64::from(limit)).await?)
}

/// Where a new listener starts; 0 when nothing has happened yet.
pub async fn newest_id(platform: &Platform, actor: &Actor, project: &Name) -> Result<i64> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    Ok(store::events::newest_id(&mut conn, project).await?)
}

/// Forgets events older than a day; how many there were.
pub async fn trim(platform: &Platform) -> Result<u64> {
    let mut conn = platform.store.read().await?;
    Ok(store::events::delete_before(&mut conn, platform.clock.now().plus_seconds(-KEPT)).await?)
}
