//! Projects: each holds its own datasets, models, deployments, keys and members.

use domain::ids::ProjectId;
use domain::projects::Project;
use domain::{Actor, Error, Name, Permission, Result, Role, Scope, Timestamp};
use serde_json::json;
use store::{Conn, members, projects};

use crate::ledger::{self, Entry};
use crate::{Platform, access};

/// The projects that the actor has a part in, by name. A key has its own, seen with the role its scopes come to.
pub async fn list(platform: &Platform, actor: &Actor) -> Result<Vec<Project>> {
    let mut conn = platform.store.read().await?;
    let found = match actor {
        Actor::User { id, .. } => projects::of_user(&mut conn, *id).await?,
        Actor::Key {
            project, scopes, ..
        } => match role_of(scopes) {
            Some(role) => projects::list(&mut conn, Some(*project), role).await?,
            None => Vec::new(),
        },
        Actor::System { .. } => projects::list(&mut conn, None, Role::Admin).await?,
    };
    Ok(found)
}

pub async fn get(platform: &Platform, actor: &Actor, name: &Name) -> Result<Project> {
    {
        let mut conn = platform.store.read().await?;
        access::authorise(&mut conn, actor, name, Permission::Read).await?;
    }
    let found = list(platform, actor)
        .await?
        .into_iter()
        .find(|project| project.name == *name);
    found.ok_or_else(|| Error::not_found("project"))
}

/// The actor becomes its admin.
///
/// # Errors
/// `Forbidden` for one who is not an admin of any project yet, and for keys; `Invalid` for a taken name.
pub async fn create(platform: &Platform, actor: &Actor, name: &Name) -> Result<Project> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let owner = match actor {
        Actor::User { id, .. } if members::is_admin_anywhere(&mut tx, *id).await? => Some(*id),
        Actor::System { .. } => None,
        Actor::User { .. } => {
            return Err(Error::Forbidden(
                "creating a project needs the role admin in another one: ask an admin".to_owned(),
            ));
        }
        Actor::Key { .. } => {
            return Err(Error::Forbidden(
                "an API key can not create a project: sign in as an admin".to_owned(),
            ));
        }
    };
    let id = insert(&mut tx, actor, name, now).await?;
    if let Some(owner) = owner {
        members::insert(&mut tx, id, owner, Role::Admin, now).await?;
    }
    tx.commit().await?;
    Ok(Project {
        id,
        name: name.clone(),
        role: Role::Admin,
        created_at: now,
    })
}

/// Makes a project, without members.
pub(crate) async fn insert(
    conn: &mut Conn,
    actor: &Actor,
    name: &Name,
    now: Timestamp,
) -> Result<ProjectId> {
    let id = ProjectId::at(now);
    projects::insert(conn, id, name, now).await?;
    let entry = Entry {
        action: "project.created",
        subject: &format!("project/{name}"),
        reason: &format!("{} created the project {name}", actor.label()),
        before: None,
        after: Some(json!({ "name": name })),
    };
    ledger::append(conn, now, id, actor, entry).await?;
    Ok(id)
}

fn role_of(scopes: &[Scope]) -> Option<Role> {
    let allows = |role: &Role| {
        let needed = match role {
            Role::Viewer => Permission::Read,
            Role::Editor => Permission::Write,
            Role::Admin => Permission::Administer,
        };
        scopes.iter().any(|scope| scope.allows(needed))
    };
    Role::ALL.into_iter().rev().find(allows)
}
