use sqlx::postgres::{PgListener, PgPool};

use crate::{Conn, Result};

/// Hears `NOTIFY`. A notification is a hint to read again; it is never the only way a change becomes known.
pub struct Listener(PgListener);

/// One `NOTIFY` that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub channel: String,
    pub payload: String,
}

impl Listener {
    pub(crate) async fn connect(pool: &PgPool, channels: &[&str]) -> Result<Self> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all(channels.iter().copied()).await?;
        Ok(Self(listener))
    }

    /// Waits for the next notification. `Ok(None)`: the connection was lost, so anything may have been missed; the next
    /// call connects again.
    ///
    /// # Errors
    /// Postgres can not be reached: wait a little and call again.
    pub async fn recv(&mut self) -> Result<Option<Notification>> {
        let heard = self.0.try_recv().await?;
        Ok(heard.map(|heard| Notification {
            channel: heard.channel().to_owned(),
            payload: heard.payload().to_owned(),
        }))
    }
}

/// Sent when the transaction commits, to every process that listens on `channel`.
pub async fn notify(conn: &mut Conn, channel: &str, payload: &str) -> Result<()> {
    sqlx::query!("SELECT pg_notify($1, $2)", channel, payload)
        .execute(conn)
        .await?;
    Ok(())
}
