//! Sessions of the browser: they end after half an hour without a request, and after twelve hours in any case.

use async_trait::async_trait;
use domain::ids::UserId;
use domain::{Result, Timestamp};
use serde_json::Value;
use store::{Store, sessions};
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store;

use crate::{Clock, Platform, secrets};

/// Under this key of its data a session holds the id of its user, as text.
pub const USER_ID: &str = "user_id";

/// Longest time without a request, in seconds.
pub const IDLE: i64 = 30 * 60;
/// Longest time since the session's id was made, in seconds.
pub const ABSOLUTE: i64 = 12 * 3600;
/// A use is noted at most so often, in seconds: most requests then write nothing.
const NOTED: f64 = 60.0;

/// Where tower-sessions keeps its records. It decides when they end: the expiry that the middleware puts into a record is
/// not looked at.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Store,
    clock: Clock,
}

impl Sessions {
    pub fn new(platform: &Platform) -> Self {
        Self {
            store: platform.store.clone(),
            clock: platform.clock.clone(),
        }
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let now = self.clock.now();
        let (user_id, data) = parts(record)?;
        let session = sessions::Session {
            user_id,
            data,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus_seconds(IDLE.min(ABSOLUTE)),
        };
        let mut conn = self.store.read().await.map_err(backend)?;
        while !sessions::insert(&mut conn, &hash(&record.id), &session)
            .await
            .map_err(backend)?
        {
            record.id = Id::default();
        }
        record.expiry_date = session.expires_at.into();
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let (user, data) = parts(record)?;
        let mut conn = self.store.read().await.map_err(backend)?;
        sessions::save(&mut conn, &hash(&record.id), user, &data)
            .await
            .map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let now = self.clock.now();
        let key = hash(id);
        let mut conn = self.store.read().await.map_err(backend)?;
        let Some(session) = sessions::find(&mut conn, &key, now)
            .await
            .map_err(backend)?
        else {
            return Ok(None);
        };
        let mut expires = session.expires_at;
        if now.seconds_since(session.last_seen_at) >= NOTED {
            expires = now
                .plus_seconds(IDLE)
                .min(session.created_at.plus_seconds(ABSOLUTE));
            sessions::touch(&mut conn, &key, now, expires)
                .await
                .map_err(backend)?;
        }
        let data = serde_json::from_value(session.data)
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date: expires.into(),
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let mut conn = self.store.read().await.map_err(backend)?;
        sessions::delete(&mut conn, &hash(id))
            .await
            .map_err(backend)
    }
}

/// Whether the session stands, without counting as a use of it: what stays open for long asks now and then.
pub async fn is_open(platform: &Platform, id: &Id) -> Result<bool> {
    let mut conn = platform.store.read().await?;
    Ok(sessions::find(&mut conn, &hash(id), platform.clock.now())
        .await?
        .is_some())
}

/// Ends every session of the user.
pub async fn end_all(platform: &Platform, user: UserId) -> Result<()> {
    let mut conn = platform.store.read().await?;
    sessions::delete_of_user(&mut conn, user).await?;
    Ok(())
}

/// Forgets sessions that have expired; how many there were.
pub async fn delete_expired(platform: &Platform) -> Result<u64> {
    let now: Timestamp = platform.clock.now();
    let mut conn = platform.store.read().await?;
    Ok(sessions::delete_expired(&mut conn, now).await?)
}

/// Only this is stored: a copy of the table opens no session.
fn hash(id: &Id) -> [u8; 32] {
    secrets::sha256(&id.to_string())
}

fn parts(record: &Record) -> session_store::Result<(Option<UserId>, Value)> {
    let user = record
        .data
        .get(USER_ID)
        .and_then(Value::as_str)
        .and_then(|id| id.parse().ok());
    let data = serde_json::to_value(&record.data)
        .map_err(|error| session_store::Error::Encode(error.to_string()))?;
    Ok((user, data))
}

fn backend(error: store::Error) -> session_store::Error {
    let cause = std::error::Error::source(&error)
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    session_store::Error::Backend(format!("{error}{cause}"))
}
