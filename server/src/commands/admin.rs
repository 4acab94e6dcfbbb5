//! `volary admin`: people, on the database directly, for when nobody can sign in.

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use domain::{Name, Role};
use secrecy::SecretString;

use crate::commands::{self, COMMAND_LINE};
use crate::config::BaseConfig;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make an account; the password is read from standard input. The first one is the admin of the project `default`
    CreateUser(Box<CreateUser>),
    /// Set a new password, read from standard input, and end all sessions of the user
    ResetPassword(Box<ResetPassword>),
}

#[derive(clap::Args, Debug)]
struct CreateUser {
    /// E-mail address to sign in with
    #[arg(long)]
    email: String,
    /// Name that others see [default: the address]
    #[arg(long)]
    name: Option<String>,
    /// Project that a later account becomes a member of
    #[arg(long, default_value = "default")]
    project: Name,
    /// Role there: viewer, editor or admin
    #[arg(long, default_value = "admin")]
    role: Role,
    #[command(flatten)]
    base: BaseConfig,
}

#[derive(clap::Args, Debug)]
struct ResetPassword {
    /// E-mail address of the user
    #[arg(long)]
    email: String,
    #[command(flatten)]
    base: BaseConfig,
}

pub fn run(args: Args) -> Result<()> {
    match args.command {
        Command::CreateUser(args) => {
            let password = password()?;
            let base = args.base.clone();
            commands::with_platform(&base, |platform| async move {
                let is_first = platform::users::needs_setup(&platform).await?;
                let name = args.name.unwrap_or_else(|| args.email.clone());
                let user =
                    platform::users::create(&platform, &args.email, &name, &password).await?;
                if !is_first {
                    platform::members::add(
                        &platform,
                        &COMMAND_LINE,
                        &args.project,
                        &user.email,
                        args.role,
                    )
                    .await?;
                }
                commands::say(format_args!("{} can sign in", user.email));
                Ok(())
            })
        }
        Command::ResetPassword(args) => {
            let password = password()?;
            let base = args.base.clone();
            commands::with_platform(&base, |platform| async move {
                platform::users::reset_password(&platform, &args.email, &password).await?;
                commands::say(format_args!(
                    "{} has a new password, and is signed out everywhere",
                    args.email
                ));
                Ok(())
            })
        }
    }
}

/// The first line of standard input: an argument would stand in the list of processes for all to read.
#[expect(clippy::print_stderr, reason = "asks the person who typed the command")]
fn password() -> Result<SecretString> {
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        eprintln!("Password, then Enter (it is shown as you type; or pipe it in):");
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .context("the password can not be read")?;
        return checked(&line);
    }
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .context("the password can not be read")?;
    checked(text.lines().next().unwrap_or_default())
}

fn checked(line: &str) -> Result<SecretString> {
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(
        !password.is_empty(),
        "no password on standard input: pipe one in, such as `printf %s \"$PASSWORD\" | volary admin ...`"
    );
    Ok(SecretString::from(password))
}
