//! What tests of the platform stand on: a Postgres database and a blob directory of their own, a clock they set, and
//! people, projects and keys to begin with. Everything is removed when the test ends.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test whose ground can not be laid has to fail"
)]

mod database;
mod models;
pub mod packed;
mod people;
mod wait;

use std::ops::Deref;

use domain::Timestamp;
use platform::auth::{AuthOptions, Cost, PrivateKeys};
use platform::{Auth, Blobs, Clock, Limits, Live, Platform, signing_keys};
use store::{Store, StoreOptions};
use tempfile::TempDir;

pub use database::TestDatabase;
/// To forge tokens with.
pub use jsonwebtoken;
pub use models::empty_signature;
pub use people::PASSWORD;
pub use wait::until;

/// `iss` of the tokens of a test's platform.
pub const ISSUER: &str = "http://volary.test";

/// Where a test's platform keeps its private keys.
const SIGNING_KEYS: &str = "secrets/signing_keys";

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
            auth: auth(PrivateKeys::Kept(directory.path().join(SIGNING_KEYS))),
            limits: Limits::default(),
            live: Live::default(),
        };
        signing_keys::keep(&platform)
            .await
            .expect("the first key can be made");
        Self {
            platform,
            database,
            directory,
        }
    }

    /// The private halves of the platform's own keys that tokens are signed with, in PEM.
    ///
    /// # Panics
    /// When they can not be read.
    pub fn private_keys(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.directory.path().join(SIGNING_KEYS));
        files
            .expect("the first key is there")
            .map(|file| std::fs::read_to_string(file.expect("the directory is ours").path()))
            .collect::<Result<_, _>>()
            .expect("they are text")
    }

    /// The platform as another process has it: the same database, and these private keys.
    ///
    /// # Panics
    /// When the given key is no Ed25519 key.
    pub fn elsewhere(&self, private_keys: PrivateKeys) -> Platform {
        Platform {
            auth: auth(private_keys),
            live: Live::default(),
            ..self.platform()
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
fn auth(private_keys: PrivateKeys) -> Auth {
    let cost = Cost {
        memory: 64,
        passes: 1,
        lanes: 1,
    };
    Auth::new(AuthOptions {
        cost,
        ..AuthOptions::new(private_keys, ISSUER)
    })
    .expect("a generated key is good")
}
