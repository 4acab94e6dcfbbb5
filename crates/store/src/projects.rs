use domain::ids::{ProjectId, UserId};
use domain::projects::Project;
use domain::{Name, Role, Timestamp};

use crate::{Conn, Result, members, text};

pub async fn id(conn: &mut Conn, name: &Name) -> Result<Option<ProjectId>> {
    let id = sqlx::query_scalar!("SELECT id FROM projects WHERE name = $1", name.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(id.map(ProjectId))
}

/// A taken name breaks `projects_name_key`.
pub async fn insert(conn: &mut Conn, id: ProjectId, name: &Name, now: Timestamp) -> Result<()> {
    sqlx::query!(
        "INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3)",
        id.0,
        name.as_str(),
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Held until the transaction ends: changes of who is a member wait for each other.
pub async fn lock(conn: &mut Conn, id: ProjectId) -> Result<()> {
    sqlx::query!(
        "SELECT 1 AS one FROM projects WHERE id = $1 FOR NO KEY UPDATE",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(())
}

/// The user's projects, by name.
pub async fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<Project>> {
    let rows = sqlx::query!(
        "SELECT id, name, role, created_at FROM projects JOIN members ON project_id = id WHERE user_id = $1 ORDER BY name",
        user.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Project {
                id: ProjectId(row.id),
                name: text::name("projects.name", row.name)?,
                role: members::role(&row.role)?,
                created_at: row.created_at.into(),
            })
        })
        .collect()
}

/// One project, or all, by name, seen with `role`: for keys and the platform itself, which have no membership.
pub async fn list(conn: &mut Conn, only: Option<ProjectId>, role: Role) -> Result<Vec<Project>> {
    let rows = sqlx::query!(
        "SELECT id, name, created_at FROM projects WHERE $1::uuid IS NULL OR id = $1 ORDER BY name",
        only.map(|id| id.0),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Project {
                id: ProjectId(row.id),
                name: text::name("projects.name", row.name)?,
                role,
                created_at: row.created_at.into(),
            })
        })
        .collect()
}
