//! A database of its own for a test. The migrations run once for all tests, in a template that each database is copied from.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _};
use uuid::Uuid;

use crate::{Conn, Error, MIGRATIONS, Result};

/// Taken while the template is made, by every test process.
const TEMPLATE_LOCK: i64 = 0x766f_6c61_7279;

/// A migrated database that nobody else uses.
#[derive(Debug)]
pub struct ScratchDatabase {
    admin_url: String,
    name: String,
}

impl ScratchDatabase {
    /// `admin_url` names a database whose user may create others.
    pub async fn create(admin_url: &str) -> Result<Self> {
        let mut admin = connect(admin_url).await?;
        let template = template(&mut admin, admin_url).await?;
        let name = format!("volary_test_{}", Uuid::now_v7().simple());
        run(
            &mut admin,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await?;
        admin.close().await?;
        Ok(Self {
            admin_url: admin_url.to_owned(),
            name,
        })
    }

    pub fn url(&self) -> String {
        with_database(&self.admin_url, &self.name)
    }

    /// Ends the connections that are still open, too.
    pub async fn remove(self) -> Result<()> {
        let mut admin = connect(&self.admin_url).await?;
        run(
            &mut admin,
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        )
        .await?;
        admin.close().await?;
        Ok(())
    }

    /// Cuts every connection and lets no new one in, as if Postgres were away; `true` lets them in again.
    pub async fn set_reachable(&self, reachable: bool) -> Result<()> {
        let mut admin = connect(&self.admin_url).await?;
        run(
            &mut admin,
            format!("ALTER DATABASE {} ALLOW_CONNECTIONS {reachable}", self.name),
        )
        .await?;
        if !reachable {
            let end = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                self.name
            );
            run(&mut admin, end).await?;
        }
        admin.close().await?;
        Ok(())
    }

    /// As if every worker had been silent for longer than its lease.
    pub async fn expire_leases(&self) -> Result<()> {
        let mut conn = connect(&self.url()).await?;
        let expire =
            "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running';
             UPDATE async_predictions SET lease_until = now() - interval '1 second' WHERE state = 'running';
             UPDATE callbacks SET lease_until = now() - interval '1 second' WHERE state = 'sending'";
        run(&mut conn, expire.to_owned()).await?;
        conn.close().await?;
        Ok(())
    }

    /// Lets asynchronous predictions that are accepted from now on wait, until `false` gives them their turn.
    pub async fn hold_async_predictions(&self, hold: bool) -> Result<()> {
        let mut conn = connect(&self.url()).await?;
        let statements = if hold {
            "ALTER TABLE async_predictions ALTER run_after SET DEFAULT now() + interval '1 hour'"
        } else {
            "ALTER TABLE async_predictions ALTER run_after SET DEFAULT now();
             UPDATE async_predictions SET run_after = now() WHERE state = 'queued'"
        };
        run(&mut conn, statements.to_owned()).await?;
        conn.close().await?;
        Ok(())
    }

    /// As if the pauses between the attempts at callbacks were over.
    pub async fn end_pauses(&self) -> Result<()> {
        let mut conn = connect(&self.url()).await?;
        let due = "UPDATE callbacks SET next_attempt_at = now() WHERE state = 'pending'";
        run(&mut conn, due.to_owned()).await?;
        conn.close().await?;
        Ok(())
    }
}

async fn template(admin: &mut Conn, admin_url: &str) -> Result<String> {
    let name = format!("volary_template_{}", fingerprint());
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *admin)
        .await?;
    let made: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut *admin)
            .await?;
    if !made {
        let draft = format!("{name}_draft");
        run(
            admin,
            format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"),
        )
        .await?;
        run(admin, format!("CREATE DATABASE {draft}")).await?;
        let mut conn = connect(&with_database(admin_url, &draft)).await?;
        MIGRATIONS
            .run(&mut conn)
            .await
            .map_err(|error| Error::Database(Box::new(error)))?;
        conn.close().await?;
        run(admin, format!("ALTER DATABASE {draft} RENAME TO {name}")).await?;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *admin)
        .await?;
    Ok(name)
}

/// Changes with every migration.
fn fingerprint() -> String {
    let bytes = MIGRATIONS
        .iter()
        .flat_map(|migration| migration.checksum.iter());
    // FNV-1a: any hash will do that is the same in every process.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

async fn connect(url: &str) -> Result<Conn> {
    let options =
        PgConnectOptions::from_str(url).map_err(|error| Error::Database(Box::new(error)))?;
    Ok(options.connect().await?)
}

/// The names in these statements are made above, of hex digits: Postgres takes no parameters here.
async fn run(conn: &mut Conn, statement: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(conn)
        .await?;
    Ok(())
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, String::new()), |(base, query)| {
            (base, format!("?{query}"))
        });
    let server = base.rsplit_once('/').map_or(base, |(server, _)| server);
    format!("{server}/{name}{query}")
}
