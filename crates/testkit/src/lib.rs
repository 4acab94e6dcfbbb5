//! What tests of the platform stand on: a Postgres database and a blob directory of their own, a clock they set, and
//! people, projects and keys to begin with. Everything is removed when the test ends.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test whose ground can not be laid has to fail"
)]

mod database;
mod models;
mod people;
mod wait;

use std::ops::Deref;

use domain::Timestamp;
use platform::auth::{AuthOptions, Cost, load_or_create};
use platform::{Auth, Blobs, Clock, Limits, Live, Platform};
use secrecy::SecretString;
use store::{Store, StoreOptions};
use tempfile::TempDir;

pub use database::TestDatabase;
pub use models::empty_signature;
pub use people::PASSWORD;
pub use wait::until;

/// `iss` of the tokens of a test's platform.
pub const ISSUER: &str = "http://volary.test";

/// A platform of its own; derefs to [`Platform`].
pub struct TestPlatform {
    platform: Platform,
    // Dropped in this order: the connections, then the database, then the files.
    pub database: TestDatabase,
    pub directory: TempDir,
}

impl TestPlatform {
    /// The clock stands at 2026-01-15 09:00 UTC until [`Clock::advance`].
    ///
    /// # Panics
    /// Without `VOLARY_TEST_DATABASE_URL`: the address of a Postgres whose user may create databases.
    pub async fn new() -> Self {
        let start = "2026-01-15T09:00:00Z"
            .parse::<Timestamp>()
            .expect("a constant");
        Self::with_clock(Clock::fixed(start)).await
    }

    /// # Panics
    /// As [`TestPlatform::new`].
    pub async fn with_clock(clock: Clock) -> Self {
        let database = TestDatabase::create().await;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::connect(&StoreOptions::new(database.url()))
            .await
            .expect("the test database is there");
        let platform = Platform {
            store,
            blobs: Blobs::open(directory.path().join("blobs")).expect("the directory is ours"),
            clock,
            auth: auth(&directory),
            limits: Limits::default(),
            live: Live::default(),
        };
        Self {
            platform,
            database,
            directory,
        }
    }

    /// A copy with other limits or another clock, on the same database and files.
    pub fn platform(&self) -> Platform {
        self.platform.clone()
    }
}

impl Deref for TestPlatform {
    type Target = Platform;

    fn deref(&self) -> &Platform {
        &self.platform
    }
}

/// Real algorithms at the lowest cost.
fn auth(directory: &TempDir) -> Auth {
    let signing_key: SecretString =
        load_or_create(&directory.path().join("secrets/signing_key.pem"))
            .expect("the directory is ours");
    let cost = Cost {
        memory: 64,
        passes: 1,
        lanes: 1,
    };
    Auth::new(AuthOptions {
        cost,
        ..AuthOptions::new(signing_key, ISSUER)
    })
    .expect("a generated key is good")
}
