//! `volary completions`

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

#[derive(clap::Args, Debug)]
pub struct Args {
    shell: Shell,
}

pub fn run(args: &Args) -> Result<()> {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "volary",
        &mut std::io::stdout(),
    );
    Ok(())
}
