use domain::ids::{ProjectId, UserId};
use domain::members::Member;
use domain::{Name, Role, Timestamp};

use crate::{Conn, Error, Result};

pub(crate) fn role(text: &str) -> Result<Role> {
    text.parse()
        .map_err(|reason: String| Error::stored("role", reason))
}

/// The project's id and the user's role in it; `None` also when there is no such project.
pub async fn role_in(
    conn: &mut Conn,
    project: &Name,
    user: UserId,
) -> Result<Option<(ProjectId, Role)>> {
    let row = sqlx::query!(
        "SELECT project_id, role FROM members JOIN projects ON projects.id = project_id WHERE projects.name = $1 AND user_id = $2",
        project.as_str(),
        user.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok((ProjectId(row.project_id), role(&row.role)?)))
        .transpose()
}

/// Whether the user is an admin of any project.
pub async fn is_admin_anywhere(conn: &mut Conn, user: UserId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM members WHERE user_id = $1 AND role = 'admin') AS "is_admin!""#,
        user.0,
    )
    .fetch_one(conn)
    .await?)
}

/// By address.
pub async fn list(conn: &mut Conn, project: ProjectId) -> Result<Vec<Member>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, joined_at FROM members JOIN users ON users.id = user_id
         WHERE project_id = $1 ORDER BY email",
        project.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Member::try_from).collect()
}

pub async fn find(conn: &mut Conn, project: ProjectId, user: UserId) -> Result<Option<Member>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, joined_at FROM members JOIN users ON users.id = user_id
         WHERE project_id = $1 AND user_id = $2",
        project.0,
        user.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Member::try_from).transpose()
}

pub async fn has_email(conn: &mut Conn, project: ProjectId, email: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM members JOIN users ON users.id = user_id WHERE project_id = $1 AND email = $2) AS "has!""#,
        project.0,
        email,
    )
    .fetch_one(conn)
    .await?)
}

pub async fn admins(conn: &mut Conn, project: ProjectId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "admins!" FROM members WHERE project_id = $1 AND role = 'admin'"#,
        project.0,
    )
    .fetch_one(conn)
    .await?)
}

/// One who is a member already breaks `members_pkey`.
pub async fn insert(
    conn: &mut Conn,
    project: ProjectId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO members (project_id, user_id, role, joined_at) VALUES ($1, $2, $3, $4)",
        project.0,
        user.0,
        role.as_str(),
        now.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn set_role(conn: &mut Conn, project: ProjectId, user: UserId, role: Role) -> Result<()> {
    sqlx::query!(
        "UPDATE members SET role = $3 WHERE project_id = $1 AND user_id = $2",
        project.0,
        user.0,
        role.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, project: ProjectId, user: UserId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM members WHERE project_id = $1 AND user_id = $2",
        project.0,
        user.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct Row {
    user_id: uuid::Uuid,
    email: String,
    name: String,
    role: String,
    joined_at: time::OffsetDateTime,
}

impl TryFrom<Row> for Member {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            user_id: UserId(row.user_id),
            email: row.email,
            name: row.name,
            role: role(&row.role)?,
            joined_at: row.joined_at.into(),
        })
    }
}
