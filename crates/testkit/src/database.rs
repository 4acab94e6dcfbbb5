use std::thread;

use store::scratch::ScratchDatabase;
use tokio::runtime;

/// A migrated, empty database, removed when dropped.
#[derive(Debug)]
pub struct TestDatabase(Option<ScratchDatabase>);

impl TestDatabase {
    /// # Panics
    /// Without `VOLARY_TEST_DATABASE_URL`, or when Postgres is not there.
    pub async fn create() -> Self {
        let url = std::env::var("VOLARY_TEST_DATABASE_URL").expect(
            "VOLARY_TEST_DATABASE_URL names a Postgres whose user may create databases; `cargo xtask test` sets it",
        );
        Self(Some(
            ScratchDatabase::create(&url)
                .await
                .expect("Postgres makes a database"),
        ))
    }

    /// Its `DATABASE_URL`.
    pub fn url(&self) -> String {
        self.0
            .as_ref()
            .map(ScratchDatabase::url)
            .unwrap_or_default()
    }

    /// `false` cuts every connection and lets none in, as if Postgres were away; `true` ends that.
    ///
    /// # Panics
    /// When Postgres is not there.
    pub async fn set_reachable(&self, reachable: bool) {
        if let Some(database) = &self.0 {
            database
                .set_reachable(reachable)
                .await
                .expect("Postgres is there");
        }
    }

    /// As if every worker had been silent for longer than its lease.
    ///
    /// # Panics
    /// When Postgres is not there.
    pub async fn expire_leases(&self) {
        if let Some(database) = &self.0 {
            database.expire_leases().await.expect("Postgres is there");
        }
    }

    /// Lets asynchronous predictions that are accepted from now on wait, until `false` gives them their turn.
    ///
    /// # Panics
    /// When Postgres is not there.
    pub async fn hold_async_predictions(&self, hold: bool) {
        if let Some(database) = &self.0 {
            database
                .hold_async_predictions(hold)
                .await
                .expect("Postgres is there");
        }
    }

    /// As if the pauses between the attempts at callbacks were over.
    ///
    /// # Panics
    /// When Postgres is not there.
    pub async fn end_pauses(&self) {
        if let Some(database) = &self.0 {
            database.end_pauses().await.expect("Postgres is there");
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(database) = self.0.take() else {
            return;
        };
        // A test's runtime can not wait in a destructor: a thread with its own does. What fails is left for the scratch
        // server's end.
        let removed = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(database.remove()))
        });
        let _ = removed.join();
    }
}
