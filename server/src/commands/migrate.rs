//! `volary migrate`

use anyhow::Result;

use crate::commands;
use crate::config::BaseConfig;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseConfig,
}

pub fn run(args: Args) -> Result<()> {
    commands::with_platform(&args.base, |_| async {
        commands::say("the schema is up to date");
        Ok(())
    })
}
