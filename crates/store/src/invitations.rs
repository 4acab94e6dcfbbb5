use domain::ids::{InvitationId, ProjectId};
use domain::members::Invitation;
use domain::{Name, Timestamp};

use crate::{Conn, Error, Result, members, text};

/// An invitation that may be accepted, as its link finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    pub invitation: Invitation,
    pub project_id: ProjectId,
    pub project: Name,
}

/// A second open one for the address breaks `invitations_open`.
pub async fn insert(
    conn: &mut Conn,
    project: ProjectId,
    invitation: &Invitation,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO invitations (id, project_id, email, role, token_hash, invited_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        invitation.id.0,
        project.0,
        invitation.email,
        invitation.role.as_str(),
        token_hash,
        invitation.invited_by,
        now.into_inner(),
        invitation.expires_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Open and not expired, newest first.
pub async fn open(conn: &mut Conn, project: ProjectId, now: Timestamp) -> Result<Vec<Invitation>> {
    let rows = sqlx::query!(
        "SELECT id, email, role, invited_by, expires_at FROM invitations
         WHERE project_id = $1 AND accepted_at IS NULL AND expires_at > $2 ORDER BY id DESC",
        project.0,
        now.into_inner(),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Invitation {
                id: InvitationId(row.id),
                email: row.email,
                role: members::role(&row.role)?,
                invited_by: row.invited_by,
                expires_at: row.expires_at.into(),
            })
        })
        .collect()
}

/// Locked until the transaction ends, so that a link opens once. Accepted ones are not found; expired ones are.
pub async fn by_token(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<OpenInvitation>> {
    let row = sqlx::query!(
        "SELECT invitations.id, project_id, projects.name, email, role, invited_by, expires_at
         FROM invitations JOIN projects ON projects.id = project_id
         WHERE token_hash = $1 AND accepted_at IS NULL FOR UPDATE OF invitations",
        token_hash,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| -> Result<_, Error> {
        Ok(OpenInvitation {
            invitation: Invitation {
                id: InvitationId(row.id),
                email: row.email,
                role: members::role(&row.role)?,
                invited_by: row.invited_by,
                expires_at: row.expires_at.into(),
            },
            project_id: ProjectId(row.project_id),
            project: text::name("projects.name", row.name)?,
        })
    })
    .transpose()
}

pub async fn accept(conn: &mut Conn, id: InvitationId, now: Timestamp) -> Result<()> {
    sqlx::query!(
        "UPDATE invitations SET accepted_at = $2 WHERE id = $1",
        id.0,
        now.into_inner()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends the open invitation of an address, if there is one.
pub async fn delete_open(conn: &mut Conn, project: ProjectId, email: &str) -> Result<()> {
    sqlx::query!(
        "DELETE FROM invitations WHERE project_id = $1 AND email = $2 AND accepted_at IS NULL",
        project.0,
        email
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The address whose open invitation this was.
pub async fn delete(
    conn: &mut Conn,
    project: ProjectId,
    id: InvitationId,
) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "DELETE FROM invitations WHERE project_id = $1 AND id = $2 AND accepted_at IS NULL RETURNING email",
        project.0,
        id.0,
    )
    .fetch_optional(conn)
    .await?)
}
