//! The only SQL. One file per noun; every function takes the connection it works on, so that the caller decides what
//! commits together. What is absent is `Ok(None)`, and no function here decides who may do what.

pub mod api_key_usage;
pub mod api_keys;
pub mod async_predictions;
pub mod blobs;
pub mod callbacks;
pub mod datasets;
pub mod deployments;
pub mod error;
pub mod events;
pub mod idempotent_requests;
pub mod invitations;
pub mod jobs;
pub mod ledger;
mod listener;
pub mod members;
pub mod metrics;
pub mod model_cards;
pub mod models;
pub mod overview;
pub mod predictions;
pub mod projects;
pub mod remote_tokens;
pub mod retraining;
pub mod rollouts;
pub mod scoring_runs;
#[cfg(feature = "scratch")]
pub mod scratch;
pub mod sessions;
pub mod setup_tokens;
pub mod signing_keys;
pub mod text;
pub mod training_runs;
pub mod users;
pub mod webhook_secrets;

use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, Postgres};

pub use error::{Error, Result};
pub use listener::{Listener, Notification, notify};

/// What every function of this crate works on: a pooled connection or a transaction gives one.
pub type Conn = sqlx::PgConnection;
/// A pooled connection, for reads that need no transaction. Goes back to the pool when dropped.
pub type Connection = PoolConnection<Postgres>;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// How to reach Postgres.
#[derive(Clone)]
pub struct StoreOptions {
    /// `postgres://...`; holds the password, so it is never logged.
    pub url: String,
    pub max_connections: u32,
    /// Longest wait for a free connection before the answer is [`Error::Unavailable`].
    pub acquire_timeout: Duration,
}

impl StoreOptions {
    /// 10 connections, 2 s.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(2),
        }
    }
}

/// A pool of connections to Postgres; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects once, to say at once when the address is wrong; later connections are made when needed.
    ///
    /// # Errors
    /// A malformed address, or Postgres is away.
    pub async fn connect(options: &StoreOptions) -> Result<Self> {
        let store = Self::lazy(options)?;
        store.ping().await?;
        Ok(store)
    }

    /// Connects when first used, so that a server can start while Postgres is away.
    ///
    /// # Errors
    /// A malformed address.
    pub fn lazy(options: &StoreOptions) -> Result<Self> {
        let connect = connect_options(&options.url)?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .connect_lazy_with(connect);
        Ok(Self { pool })
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<()> {
        self.read().await?.ping().await?;
        Ok(())
    }

    /// Brings the schema up to date. Processes that start together wait for each other.
    pub async fn migrate(&self) -> Result<()> {
        // Its own connection, without the limit on a statement's time: a migration may take long.
        let options = self
            .pool
            .connect_options()
            .as_ref()
            .clone()
            .options([("statement_timeout", "0")]);
        let mut conn = options.connect().await?;
        MIGRATIONS
            .run(&mut conn)
            .await
            .map_err(|error| Error::Database(Box::new(error)))?;
        conn.close().await?;
        Ok(())
    }

    pub async fn read(&self) -> Result<Connection> {
        self.pool.acquire().await.map_err(Error::Unavailable)
    }

    pub async fn begin(&self) -> Result<Transaction> {
        Ok(Transaction(
            self.pool.begin().await.map_err(Error::Unavailable)?,
        ))
    }

    /// A read-only transaction whose reads all see the same moment.
    pub async fn begin_snapshot(&self) -> Result<Transaction> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(Transaction(
            self.pool
                .begin_with(begin)
                .await
                .map_err(Error::Unavailable)?,
        ))
    }

    /// Listens on its own connection, which is made anew when lost.
    pub async fn listen(&self, channels: &[&str]) -> Result<Listener> {
        Listener::connect(&self.pool, channels).await
    }

    /// Waits for connections in use to come back, then closes all.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn connect_options(url: &str) -> Result<PgConnectOptions> {
    // The driver takes any scheme, and would look for a Postgres at a MySQL's address for ever.
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(Error::Database("the scheme is not postgres".into()));
    }
    let options =
        PgConnectOptions::from_str(url).map_err(|error| Error::Database(Box::new(error)))?;
    // A statement that hangs must not hold a connection, and a crashed holder must not keep its locks.
    Ok(options.application_name("volary").options([
        ("statement_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "60s"),
    ]))
}

/// Undone unless committed.
#[derive(Debug)]
pub struct Transaction(sqlx::Transaction<'static, Postgres>);

impl Transaction {
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

impl Deref for Transaction {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}
