//! Keys of programs: made, shown once, rotated, revoked; and the short-lived tokens that stand for them.

mod presented;

use std::collections::HashMap;

use domain::api_keys::{ApiKey, ApiKeyStatus, CreatedApiKey, NewApiKey, from_random, prefix};
use domain::budgets::{Budget, Usage};
use domain::ids::{ApiKeyId, ProjectId};
use domain::{Actor, Error, FieldError, Name, Permission, Result, Timestamp};
use serde_json::{Value, json};
use store::api_keys::KeyUse;
use store::{Conn, api_key_usage, api_keys};

use crate::ledger::{self, Entry};
use crate::{Platform, access, events, secrets};

pub use presented::{covers, find, from_token, issue_token};

/// The longest time that a rotated key may live on, in seconds.
const MAX_OVERLAP: u32 = 30 * 24 * 3600;

/// Newest first.
pub async fn list(platform: &Platform, actor: &Actor, project: &Name) -> Result<Vec<ApiKey>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Administer).await?;
    let now = platform.clock.now();
    let mut keys = api_keys::list(&mut conn, project, now).await?;
    let mut usage = api_key_usage::of_project(&mut conn, now, project).await?;
    for key in &mut keys {
        let Usage { today, this_month } = usage.remove(&key.id).unwrap_or_default();
        (key.requests_today, key.requests_this_month) = (today, this_month);
    }
    Ok(keys)
}

/// The answer holds the key itself, this once.
pub async fn create(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    new: NewApiKey,
) -> Result<CreatedApiKey> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    let new = checked(new, now)?;
    let created = insert(&mut tx, project, actor, new, None, now).await?;
    let key = &created.api_key;
    let reason = format!("{} created the API key {:?}", actor.label(), key.name);
    append(
        &mut tx,
        now,
        project,
        actor,
        "api_key.created",
        key,
        &reason,
        None,
        Some(summary(key)),
    )
    .await?;
    events::serving_changed(&mut tx).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(created)
}

/// Ends the key at once. A second time changes nothing.
pub async fn revoke(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: ApiKeyId,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    let key = lock(&mut tx, project, id, now).await?;
    if key.status == ApiKeyStatus::Revoked {
        return Ok(());
    }
    api_keys::revoke(&mut tx, id, now).await?;
    let reason = format!("{} revoked the API key {:?}", actor.label(), key.name);
    append(
        &mut tx,
        now,
        project,
        actor,
        "api_key.revoked",
        &key,
        &reason,
        Some(summary(&key)),
        None,
    )
    .await?;
    events::serving_changed(&mut tx).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(())
}

/// Makes a successor with the same name, scopes, limits, budget and length of life. What was used of the budget stays used. The old key lives on for `overlap_seconds`; 0
/// revokes it at once.
///
/// # Errors
/// `key_not_active` for a key that was revoked, has expired, or was rotated before.
pub async fn rotate(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: ApiKeyId,
    overlap_seconds: u32,
) -> Result<CreatedApiKey> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    if overlap_seconds > MAX_OVERLAP {
        let expected = format!("0 to {MAX_OVERLAP} seconds (30 days)");
        let wrong = FieldError::new("/overlap_seconds", "out_of_range", expected);
        return Err(Error::Invalid(vec![wrong.got(overlap_seconds.to_string())]));
    }
    let old = lock(&mut tx, project, id, now).await?;
    if old.status != ApiKeyStatus::Active {
        return Err(Error::conflict(
            "key_not_active",
            "this key is not active any more: create a new one",
        ));
    }
    let lifetime = old
        .expires_at
        .map(|end| end.seconds_since(old.created_at).ceil() as i64);
    let new = NewApiKey {
        name: old.name.clone(),
        scopes: old.scopes.clone(),
        expires_at: lifetime.map(|seconds| now.plus_seconds(seconds)),
        rate_limit: Some(old.rate_limit),
        budget: old.budget,
    };
    let created = insert(&mut tx, project, actor, new, Some(id), now).await?;
    if overlap_seconds == 0 {
        api_keys::revoke(&mut tx, id, now).await?;
    } else {
        let end = now.plus_seconds(i64::from(overlap_seconds));
        api_keys::set_expiry(
            &mut tx,
            id,
            old.expires_at.map_or(end, |already| already.min(end)),
        )
        .await?;
    }
    let reason = format!(
        "{} rotated the API key {:?}; the old one lives {overlap_seconds} s more",
        actor.label(),
        old.name
    );
    let (before, after) = (summary(&old), summary(&created.api_key));
    append(
        &mut tx,
        now,
        project,
        actor,
        "api_key.rotated",
        &old,
        &reason,
        Some(before),
        Some(after),
    )
    .await?;
    events::serving_changed(&mut tx).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(created)
}

/// Notes when and from where keys were last used.
pub async fn touch_used(platform: &Platform, uses: &[(ApiKeyId, Timestamp, String)]) -> Result<()> {
    let mut latest: HashMap<ApiKeyId, &(ApiKeyId, Timestamp, String)> = HashMap::new();
    for used in uses {
        let last = latest.entry(used.0).or_insert(used);
        if used.1 > last.1 {
            *last = used;
        }
    }
    let uses: Vec<_> = latest
        .into_values()
        .map(|(key, at, ip)| KeyUse {
            key: *key,
            at: *at,
            ip: ip.clone(),
        })
        .collect();
    let mut conn = platform.store.read().await?;
    api_keys::touch(&mut conn, &uses).await?;
    Ok(())
}

/// Adds what a process has counted since it last did, and tells what all processes have: for each line of keys in `sent` and
/// in `asked`.
pub async fn add_usage(
    platform: &Platform,
    sent: &[(ApiKeyId, u64)],
    asked: &[ApiKeyId],
) -> Result<HashMap<ApiKeyId, Usage>> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    if !sent.is_empty() {
        api_key_usage::add(&mut tx, now, sent).await?;
    }
    let usage = api_key_usage::of(&mut tx, now, asked).await?;
    tx.commit().await?;
    Ok(usage)
}

fn checked(new: NewApiKey, now: Timestamp) -> Result<NewApiKey> {
    let mut new = NewApiKey {
        name: new.name.trim().to_owned(),
        ..new
    };
    new.scopes.sort();
    new.scopes.dedup();
    let mut errors = Vec::new();
    if !(1..=100).contains(&new.name.chars().count()) || new.name.contains(char::is_control) {
        errors.push(
            FieldError::new("/name", "invalid", "a name of 1 to 100 characters")
                .got(new.name.as_str()),
        );
    }
    if new.scopes.is_empty() {
        errors.push(FieldError::new(
            "/scopes",
            "missing",
            "at least one scope, such as predict:*",
        ));
    }
    if let Some(expires) = new.expires_at.filter(|expires| *expires <= now) {
        errors.push(
            FieldError::new("/expires_at", "out_of_range", "a time in the future")
                .got(expires.to_string()),
        );
    }
    if let Some(limit) = new.rate_limit {
        if !(1..=10_000_000).contains(&limit.requests) {
            let wrong = FieldError::new(
                "/rate_limit/requests",
                "out_of_range",
                "1 to 10000000 requests",
            );
            errors.push(wrong.got(limit.requests.to_string()));
        }
        if !(1..=86_400).contains(&limit.per_seconds) {
            let wrong = FieldError::new(
                "/rate_limit/per_seconds",
                "out_of_range",
                "1 to 86400 seconds",
            );
            errors.push(wrong.got(limit.per_seconds.to_string()));
        }
    }
    if let Some(budget) = new.budget {
        let range = 1..=Budget::MOST_REQUESTS;
        if !range.contains(&budget.requests) {
            let expected = format!("{} to {} requests", range.start(), range.end());
            let wrong = FieldError::new("/budget/requests", "out_of_range", expected);
            errors.push(wrong.got(budget.requests.to_string()));
        }
    }
    if errors.is_empty() {
        Ok(new)
    } else {
        Err(Error::Invalid(errors))
    }
}

async fn insert(
    conn: &mut Conn,
    project: ProjectId,
    actor: &Actor,
    new: NewApiKey,
    rotated_from: Option<ApiKeyId>,
    now: Timestamp,
) -> Result<CreatedApiKey> {
    let exhausted = || Error::internal("64 random bytes did not make a key");
    let key = from_random(&secrets::random::<64>()?).ok_or_else(exhausted)?;
    let api_key = ApiKey {
        id: ApiKeyId::at(now),
        name: new.name,
        prefix: prefix(&key).ok_or_else(exhausted)?.to_owned(),
        scopes: new.scopes,
        status: ApiKeyStatus::Active,
        rate_limit: new.rate_limit.unwrap_or_default(),
        budget: new.budget,
        requests_today: 0,
        requests_this_month: 0,
        expires_at: new.expires_at,
        last_used_at: None,
        last_used_ip: None,
        created_by: actor.label(),
        created_at: now,
        revoked_at: None,
        rotated_from,
    };
    api_keys::insert(conn, project, &api_key, &secrets::sha256(&key)).await?;
    Ok(CreatedApiKey { api_key, key })
}

async fn lock(conn: &mut Conn, project: ProjectId, id: ApiKeyId, now: Timestamp) -> Result<ApiKey> {
    api_keys::lock(conn, project, id, now)
        .await?
        .ok_or_else(|| Error::not_found("API key"))
}

fn summary(key: &ApiKey) -> Value {
    json!({
        "name": key.name, "prefix": key.prefix, "scopes": key.scopes, "expires_at": key.expires_at,
        "rate_limit": key.rate_limit, "budget": key.budget,
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "a ledger row, whose subject is always the key"
)]
async fn append(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    actor: &Actor,
    action: &str,
    key: &ApiKey,
    reason: &str,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    let subject = format!("api-key/{}", key.prefix);
    ledger::append(
        conn,
        now,
        project,
        actor,
        Entry {
            action,
            subject: &subject,
            reason,
            before,
            after,
        },
    )
    .await
}
