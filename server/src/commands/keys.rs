//! `volary keys`: API keys, made on the database directly.

use anyhow::{Context as _, Result};
use domain::api_keys::NewApiKey;
use domain::{Name, Role, Scope};
use platform::Platform;
use platform::users::FIRST_PROJECT;

use crate::commands::{self, COMMAND_LINE};
use crate::config::BaseConfig;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a key and print it, this once
    Create(Box<Create>),
}

#[derive(clap::Args, Debug)]
struct Create {
    /// Project that the key is for
    #[arg(long, default_value = "default")]
    project: Name,
    /// What the key is called on the keys page
    #[arg(long)]
    name: String,
    /// What the key may do: predict:<deployment>, predict:*, feedback, read, write or admin; once for each
    #[arg(long = "scope", required_unless_present = "role")]
    scopes: Vec<Scope>,
    /// Give the key the scopes that a member's role has: viewer, editor or admin
    #[arg(long)]
    role: Option<Role>,
    /// Requests that the key may send in 10 seconds
    #[arg(long, default_value_t = 10_000)]
    rate_limit: u32,
    #[command(flatten)]
    base: BaseConfig,
}

pub fn run(args: Args) -> Result<()> {
    let Command::Create(create) = args.command;
    let key = new_key(&create);
    let base = create.base.clone();
    commands::with_platform(&base, |platform| async move {
        make_first_project(&platform, &create).await?;
        let created = platform::api_keys::create(&platform, &COMMAND_LINE, &create.project, key)
            .await
            .with_context(|| format!("no key was made in the project {}", create.project))?;
        commands::say(created.key);
        Ok(())
    })
}

/// The first project is usually made with the first admin; a key may come before him.
async fn make_first_project(platform: &Platform, create: &Create) -> Result<()> {
    let projects = platform::projects::list(platform, &COMMAND_LINE).await?;
    if create.project.as_str() == FIRST_PROJECT && projects.is_empty() {
        platform::projects::create(platform, &COMMAND_LINE, &create.project).await?;
    }
    Ok(())
}

fn new_key(create: &Create) -> NewApiKey {
    let mut scopes = create.scopes.clone();
    scopes.extend(create.role.into_iter().flat_map(scopes_of));
    scopes.sort();
    scopes.dedup();
    NewApiKey {
        name: create.name.clone(),
        scopes,
        expires_at: None,
        rate_limit: Some(domain::api_keys::RateLimit {
            requests: create.rate_limit,
            per_seconds: 10,
        }),
        budget: None,
    }
}

fn scopes_of(role: Role) -> Vec<Scope> {
    match role {
        Role::Viewer => vec![Scope::Read, Scope::Predict(None)],
        Role::Editor => vec![
            Scope::Write,
            Scope::Read,
            Scope::Predict(None),
            Scope::Feedback,
        ],
        Role::Admin => vec![
            Scope::Admin,
            Scope::Write,
            Scope::Read,
            Scope::Predict(None),
            Scope::Feedback,
        ],
    }
}
