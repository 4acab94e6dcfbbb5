//! Who belongs to a project, and how others come to belong.

use domain::ids::{InvitationId, ProjectId, UserId};
use domain::members::{CreatedInvitation, Invitation, InvitationPreview, Member, Membership};
use domain::users::{User, check_email};
use domain::{Actor, Error, FieldError, Name, Permission, Result, Role, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use store::invitations::OpenInvitation;
use store::{Conn, invitations, members, projects};

use crate::ledger::{self, Entry};
use crate::{Platform, access, secrets, users};

/// How long an invitation is good for, in seconds.
const INVITATION_LIFETIME: i64 = 7 * 24 * 3600;

pub async fn list(platform: &Platform, actor: &Actor, project: &Name) -> Result<Membership> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    Ok(Membership {
        members: members::list(&mut conn, project).await?,
        invitations: invitations::open(&mut conn, project, platform.clock.now()).await?,
    })
}

/// Invites an address; an open invitation of the same address ends, so its link opens no more.
pub async fn invite(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    email: &str,
    role: Role,
) -> Result<CreatedInvitation> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    let email = check_email("/email", email)?;
    if members::has_email(&mut tx, project, &email).await? {
        let taken = FieldError::new("/email", "taken", "an address that is not a member yet");
        return Err(Error::Invalid(vec![taken.got(email)]));
    }
    invitations::delete_open(&mut tx, project, &email).await?;
    let token = secrets::token()?;
    let invitation = Invitation {
        id: InvitationId::at(now),
        email,
        role,
        invited_by: actor.label(),
        expires_at: now.plus_seconds(INVITATION_LIFETIME),
    };
    invitations::insert(&mut tx, project, &invitation, &secrets::sha256(&token), now).await?;
    let email = &invitation.email;
    let entry = Entry {
        action: "member.invited",
        subject: &format!("member/{email}"),
        reason: &format!("{} invited {email} as {role}", actor.label()),
        before: None,
        after: Some(json!({ "role": role })),
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    tx.commit().await?;
    Ok(CreatedInvitation { invitation, token })
}

/// Ends an open invitation: its link opens no more.
pub async fn withdraw_invitation(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: InvitationId,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    let email = invitations::delete(&mut tx, project, id)
        .await?
        .ok_or_else(|| Error::not_found("invitation"))?;
    let entry = Entry {
        action: "member.uninvited",
        subject: &format!("member/{email}"),
        reason: &format!("{} withdrew the invitation of {email}", actor.label()),
        before: None,
        after: None,
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    tx.commit().await?;
    Ok(())
}

/// What the link says, to whoever holds it.
///
/// # Errors
/// `NotFound` for an unknown, used or withdrawn link, `invitation_expired` for one that is too old.
pub async fn preview_invitation(platform: &Platform, token: &str) -> Result<InvitationPreview> {
    let mut tx = platform.store.begin().await?;
    let open = find_invitation(&mut tx, token, platform.clock.now()).await?;
    let has_account = store::users::by_email(&mut tx, &open.invitation.email)
        .await?
        .is_some();
    Ok(InvitationPreview {
        email: open.invitation.email,
        project: open.project,
        role: open.invitation.role,
        invited_by: open.invitation.invited_by,
        has_account,
    })
}

/// Makes the invited person a member. Who has no account yet gets one, with `name` and `password`; who has one is signed in
/// with it (`signed_in`) or gives its password.
///
/// # Errors
/// Those of [`preview_invitation`]; `Unauthenticated` for a wrong password; `Invalid` for a name or password that will not
/// do.
pub async fn accept_invitation(
    platform: &Platform,
    token: &str,
    signed_in: Option<UserId>,
    name: &str,
    password: Option<&SecretString>,
) -> Result<User> {
    let now = platform.clock.now();
    let (email, account) = {
        let mut tx = platform.store.begin().await?;
        let open = find_invitation(&mut tx, token, now).await?;
        let account = store::users::by_email(&mut tx, &open.invitation.email).await?;
        (open.invitation.email, account)
    };
    // Hashing takes long: it holds neither a connection nor the invitation.
    let no_password =
        || Error::Invalid(vec![FieldError::new("/password", "missing", "a password")]);
    let (user, new_hash) = match account {
        Some(account) if signed_in == Some(account.user.id) && account.disabled_at.is_none() => {
            (account.user, None)
        }
        Some(account) => (
            users::sign_in(
                platform,
                &account.user.email,
                password.ok_or_else(no_password)?,
            )
            .await?,
            None,
        ),
        None => {
            let (user, hash) =
                users::checked(platform, &email, name, password.ok_or_else(no_password)?).await?;
            (user, Some(hash))
        }
    };

    let mut tx = platform.store.begin().await?;
    let open = find_invitation(&mut tx, token, now).await?;
    if let Some(hash) = new_hash {
        store::users::insert(&mut tx, &user, &hash).await?;
    }
    invitations::accept(&mut tx, open.invitation.id, now).await?;
    let reason = format!(
        "{} accepted the invitation of {}",
        user.email, open.invitation.invited_by
    );
    join(
        &mut tx,
        open.project_id,
        &users::actor(&user),
        &user,
        open.invitation.role,
        &reason,
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(user)
}

async fn find_invitation(conn: &mut Conn, token: &str, now: Timestamp) -> Result<OpenInvitation> {
    let open = invitations::by_token(conn, &secrets::sha256(token)).await?;
    let open = open.ok_or_else(|| Error::not_found("this invitation"))?;
    if open.invitation.expires_at <= now {
        return Err(Error::conflict(
            "invitation_expired",
            "this invitation has expired: ask for a new one",
        ));
    }
    Ok(open)
}

/// Makes one who has an account a member, without an invitation: for the command line.
pub async fn add(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    email: &str,
    role: Role,
) -> Result<Member> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    let email = check_email("/email", email)?;
    let account = store::users::by_email(&mut tx, &email).await?;
    let user = account
        .ok_or_else(|| Error::not_found(format!("user {email}")))?
        .user;
    let reason = format!("{} added {email} as {role}", actor.label());
    join(&mut tx, project, actor, &user, role, &reason, now).await?;
    tx.commit().await?;
    Ok(Member {
        user_id: user.id,
        email: user.email,
        name: user.name,
        role,
        joined_at: now,
    })
}

async fn join(
    conn: &mut Conn,
    project: ProjectId,
    actor: &Actor,
    user: &User,
    role: Role,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    members::insert(conn, project, user.id, role, now).await?;
    let entry = Entry {
        action: "member.joined",
        subject: &format!("member/{}", user.email),
        reason,
        before: None,
        after: Some(json!({ "role": role })),
    };
    ledger::append(conn, now, project, actor, entry).await
}

/// # Errors
/// `last_admin` when the project would have no admin left.
pub async fn set_role(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    user: UserId,
    role: Role,
) -> Result<Member> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    let member = lock_member(&mut tx, project, user).await?;
    if member.role == role {
        return Ok(member);
    }
    if member.role == Role::Admin {
        keep_an_admin(&mut tx, project).await?;
    }
    members::set_role(&mut tx, project, user, role).await?;
    let entry = Entry {
        action: "member.role_changed",
        subject: &format!("member/{}", member.email),
        reason: &format!(
            "{} made {} {role}, who was {}",
            actor.label(),
            member.email,
            member.role
        ),
        before: Some(json!({ "role": member.role })),
        after: Some(json!({ "role": role })),
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    tx.commit().await?;
    Ok(Member { role, ..member })
}

/// Everybody may remove himself; others, an admin.
///
/// # Errors
/// `last_admin` when the project would have no admin left.
pub async fn remove(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    user: UserId,
) -> Result<()> {
    let now = platform.clock.now();
    let leaves = matches!(actor, Actor::User { id, .. } if *id == user);
    let permission = if leaves {
        Permission::Read
    } else {
        Permission::Administer
    };
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, permission).await?;
    let member = lock_member(&mut tx, project, user).await?;
    if member.role == Role::Admin {
        keep_an_admin(&mut tx, project).await?;
    }
    members::delete(&mut tx, project, user).await?;
    let entry = Entry {
        action: "member.removed",
        subject: &format!("member/{}", member.email),
        reason: &format!("{} removed {}", actor.label(), member.email),
        before: Some(json!({ "role": member.role })),
        after: None,
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    tx.commit().await?;
    Ok(())
}

/// The member, with the project locked: two admins who remove each other at the same moment wait for one another.
async fn lock_member(conn: &mut Conn, project: ProjectId, user: UserId) -> Result<Member> {
    projects::lock(conn, project).await?;
    members::find(conn, project, user)
        .await?
        .ok_or_else(|| Error::not_found("member"))
}

async fn keep_an_admin(conn: &mut Conn, project: ProjectId) -> Result<()> {
    if members::admins(conn, project).await? > 1 {
        return Ok(());
    }
    Err(Error::conflict(
        "last_admin",
        "this is the project's last admin: make another member admin first",
    ))
}
