//! `volary doctor`: checks what the server needs, and says what to do about what is missing.

use anyhow::{Result, bail};

use crate::commands::{block_on, say};
use crate::config::{BaseConfig, HttpConfig};
use crate::start;
use crate::tls::Tls;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseConfig,
    #[command(flatten)]
    http: HttpConfig,
}

pub fn run(args: Args) -> Result<()> {
    start::restrict_new_files();
    let (failed, all) = block_on(async {
        let checks = [
            ("data directory", data_dir(&args.base)),
            ("front end", front_end(&args.http)),
            ("secrets", secrets(&args.base)),
            ("listen address", listen(&args.http).await),
            ("TLS", tls(&args.http)),
            ("database", database(&args.base).await),
        ];
        let (mut failed, all) = (0, checks.len());
        for (name, result) in checks {
            match result {
                Ok(found) => say(format_args!("ok      {name}: {found}")),
                Err(error) => {
                    failed += 1;
                    say(format_args!("FAILED  {name}: {error:#}"));
                }
            }
        }
        anyhow::Ok((failed, all))
    })?;
    if failed > 0 {
        bail!("{failed} of {all} checks failed");
    }
    Ok(())
}

fn data_dir(base: &BaseConfig) -> Result<String> {
    let dir = base.storage.data_dir()?;
    std::fs::create_dir_all(&dir)?;
    let probe = dir.join(".doctor");
    std::fs::write(&probe, b"ok")?;
    std::fs::remove_file(&probe)?;
    let free = rustix::fs::statvfs(&dir)?;
    let mib = (u128::from(free.f_bavail) * u128::from(free.f_frsize)) >> 20;
    Ok(format!("{} is writable, {mib} MiB free", dir.display()))
}

fn front_end(http: &HttpConfig) -> Result<String> {
    let root = http.site_root();
    if root.join("hash.txt").is_file() {
        return Ok(format!("{}", root.display()));
    }
    bail!(
        "{} holds no built front end: run `cargo xtask build`, or set VOLARY_SITE_ROOT",
        root.display()
    )
}

fn secrets(base: &BaseConfig) -> Result<String> {
    base.auth.signing_key()?;
    Ok(match base.auth.bootstrap_admin()? {
        Some(admin) => format!("the first admin is {}", admin.email),
        None => "the first admin is made by a one-time link".to_owned(),
    })
}

async fn listen(http: &HttpConfig) -> Result<String> {
    http.check()?;
    match tokio::net::TcpListener::bind(http.listen).await {
        Ok(_) => Ok(format!("{} is free", http.listen)),
        Err(error) => bail!("{}: {error} (is the server running already?)", http.listen),
    }
}

fn tls(http: &HttpConfig) -> Result<String> {
    let Some(files) = http.tls.files()? else {
        return Ok("plain HTTP".to_owned());
    };
    let found = format!("HTTPS with {}", files.cert.display());
    Tls::open(files, platform::Clock::System.now())?;
    Ok(found)
}

async fn database(base: &BaseConfig) -> Result<String> {
    let database = start::Database::locate(base)?;
    let private = database.start().await?;
    let platform = start::platform(base, &database, start::ISSUER)?;
    let pinged = platform.store.ping().await;
    platform.store.close().await;
    let kind = if private.is_some() {
        "the private Postgres answers"
    } else {
        "the Postgres of DATABASE_URL answers"
    };
    if let Some(private) = private {
        private.stop_if_unused().await;
    }
    pinged?;
    Ok(kind.to_owned())
}
