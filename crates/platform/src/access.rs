//! The one place that decides whether an actor may do something in a project.

use domain::ids::ProjectId;
use domain::{Actor, Error, Name, Permission, Result};
use store::{Conn, members, projects};

/// The project's id, if `actor` may do this there.
///
/// # Errors
/// A project that does not exist and one that the actor has no part in look the same: not found. Too low a role, or a key
/// without the scope, is told what it needs.
pub async fn authorise(
    conn: &mut Conn,
    actor: &Actor,
    project: &Name,
    permission: Permission,
) -> Result<ProjectId> {
    let absent = || Error::not_found("project");
    match actor {
        Actor::User { id, .. } => {
            let (project, role) = members::role_in(conn, project, *id)
                .await?
                .ok_or_else(absent)?;
            match role.refusal(permission, "this") {
                None => Ok(project),
                Some(reason) => Err(Error::Forbidden(reason)),
            }
        }
        Actor::Key {
            project: own,
            scopes,
            ..
        } => {
            let id = projects::id(conn, project)
                .await?
                .filter(|id| id == own)
                .ok_or_else(absent)?;
            if scopes.iter().any(|scope| scope.allows(permission)) {
                return Ok(id);
            }
            let needed = scope_for(permission);
            Err(Error::Forbidden(format!(
                "this needs an API key with the scope {needed}: create one on the keys page"
            )))
        }
        Actor::System { .. } => projects::id(conn, project).await?.ok_or_else(absent),
    }
}

fn scope_for(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Administer => "admin",
    }
}
