//! `volary openapi`

use anyhow::Result;

use crate::commands;

pub fn run() -> Result<()> {
    commands::say(crate::openapi::text()?);
    Ok(())
}
