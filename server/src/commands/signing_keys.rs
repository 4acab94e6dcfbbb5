//! `volary signing-keys`: the keys that tokens are signed with. Only the database is told; the servers make the next ones.

use anyhow::{Result, ensure};

use crate::commands;
use crate::config::BaseConfig;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Have every server make a new key now instead of after 30 days
    Rotate(Box<Rotate>),
}

#[derive(clap::Args, Debug)]
struct Rotate {
    /// A key is in wrong hands: end every token at once, instead of when it expires
    #[arg(long)]
    leaked: bool,
    #[command(flatten)]
    base: BaseConfig,
}

pub fn run(args: Args) -> Result<()> {
    let Command::Rotate(rotate) = args.command;
    let Rotate { leaked, base } = *rotate;
    let given = base.auth.signing_key()?.is_some();
    ensure!(
        leaked || !given,
        "VOLARY_SIGNING_KEY is set: to replace that key, give another one and start the servers anew"
    );
    commands::with_platform(&base, |platform| async move {
        if leaked {
            platform::signing_keys::revoke(&platform).await?;
            commands::say("every token ends within seconds, and new ones have new keys");
        } else {
            platform::signing_keys::retire(&platform).await?;
            commands::say("new keys are published, and sign in ten minutes");
        }
        Ok(())
    })
}
