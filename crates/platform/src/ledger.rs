//! The record of what changed what is live and who may do what.

use domain::ids::ProjectId;
use domain::ledger::{LedgerEntry, LedgerPage, LiveAt};
use domain::page::PageRequest;
use domain::{Actor, Error, FieldError, Name, Permission, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Conn;

use crate::{Platform, access};

/// What a row says beside when and who.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// `deployment.created`.
    pub action: &'a str,
    /// `deployment/price`.
    pub subject: &'a str,
    /// Why, in one sentence.
    pub reason: &'a str,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// What a deployment serves: `before` and `after` of every row whose subject is `deployment/<name>`. No `after` means that
/// it is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveState {
    pub model: Name,
    pub stable_version: i32,
    pub canary_version: Option<i32>,
    /// Percent of the traffic.
    pub canary_weight: Option<f64>,
}

/// Adds a row in the transaction of the change it tells of.
pub async fn append(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    actor: &Actor,
    entry: Entry<'_>,
) -> Result<()> {
    let entry = LedgerEntry {
        id: 0,
        at: now,
        actor: actor.label(),
        action: entry.action.to_owned(),
        subject: entry.subject.to_owned(),
        reason: entry.reason.to_owned(),
        before: entry.before,
        after: entry.after,
    };
    store::ledger::insert(conn, project, &entry).await?;
    Ok(())
}

/// The rows, newest first: of one deployment only, and up to a moment, when told. With `at`, also what was live then.
pub async fn list(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    deployment: Option<&Name>,
    at: Option<Timestamp>,
    page: &PageRequest,
) -> Result<LedgerPage> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let before = page.cursor.as_deref().map(parse_cursor).transpose()?;
    let subject = deployment.map(|name| format!("deployment/{name}"));
    let limit = i64::from(page.limit);
    let mut items = store::ledger::list(
        &mut conn,
        project,
        subject.as_deref(),
        at,
        before,
        limit + 1,
    )
    .await?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::from(page.limit));
    let next_cursor = items
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    let live = match at {
        Some(at) => {
            let rows =
                store::ledger::deployments_at(&mut conn, project, subject.as_deref(), at).await?;
            Some(
                rows.into_iter()
                    .filter_map(|row| live_at(row).transpose())
                    .collect::<Result<_>>()?,
            )
        }
        None => None,
    };
    Ok(LedgerPage {
        items,
        next_cursor,
        live,
    })
}

fn parse_cursor(cursor: &str) -> Result<i64> {
    cursor.parse().map_err(|_| {
        let expected = "the next_cursor of the page before";
        Error::Invalid(vec![
            FieldError::new("/cursor", "invalid", expected).got(cursor),
        ])
    })
}

fn live_at(row: LedgerEntry) -> Result<Option<LiveAt>> {
    let (Some(name), Some(after)) = (row.subject.strip_prefix("deployment/"), row.after) else {
        return Ok(None);
    };
    let state: LiveState = serde_json::from_value(after).map_err(Error::internal)?;
    Ok(Some(LiveAt {
        deployment: Name::new(name).map_err(Error::internal)?,
        model: state.model,
        stable_version: state.stable_version,
        canary_version: state.canary_version,
        canary_weight: state.canary_weight,
        since: row.at,
    }))
}
