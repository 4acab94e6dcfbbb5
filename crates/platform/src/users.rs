//! People who sign in, and the first admin.

use domain::ids::UserId;
use domain::users::{User, check_email, check_password};
use domain::{Actor, Error, FieldError, Name, Result, Role};
use secrecy::{ExposeSecret, SecretString};
use store::{Conn, members, projects, sessions, setup_tokens, users};

use crate::{Platform, secrets};

/// The project that every platform starts with.
pub const FIRST_PROJECT: &str = "default";

/// Whether there is no user yet.
pub async fn needs_setup(platform: &Platform) -> Result<bool> {
    let mut conn = platform.store.read().await?;
    Ok(!users::any(&mut conn).await?)
}

/// The secret of a new one-time link `/setup?token=...`, the only one that is good from now on; `None` once there is a
/// user.
pub async fn create_setup_token(platform: &Platform) -> Result<Option<String>> {
    let token = secrets::token()?;
    let mut tx = platform.store.begin().await?;
    users::lock_first(&mut tx).await?;
    if users::any(&mut tx).await? {
        return Ok(None);
    }
    setup_tokens::replace(&mut tx, &secrets::sha256(&token), platform.clock.now()).await?;
    tx.commit().await?;
    Ok(Some(token))
}

/// Makes the first admin and the first project.
///
/// # Errors
/// `already_set_up` when there is a user, `NotFound` for a link that is not the last one made, `Invalid` for the rest.
pub async fn set_up(
    platform: &Platform,
    token: &str,
    email: &str,
    name: &str,
    password: &SecretString,
) -> Result<User> {
    let token_hash = secrets::sha256(token);
    {
        let mut conn = platform.store.read().await?;
        check_setup_token(&mut conn, &token_hash).await?;
    }
    let (user, hash) = checked(platform, email, name, password).await?;
    let mut tx = platform.store.begin().await?;
    users::lock_first(&mut tx).await?;
    check_setup_token(&mut tx, &token_hash).await?;
    insert_first(&mut tx, &user, &hash).await?;
    tx.commit().await?;
    Ok(user)
}

/// The link is looked for first: it goes when the first user comes, in one transaction.
async fn check_setup_token(conn: &mut Conn, token_hash: &[u8]) -> Result<()> {
    if setup_tokens::exists(conn, token_hash).await? {
        return Ok(());
    }
    if users::any(conn).await? {
        return Err(Error::conflict(
            "already_set_up",
            "this platform is set up already: sign in instead",
        ));
    }
    Err(Error::not_found("this set-up link"))
}

/// Makes the first admin from the process's settings; does nothing when there is a user.
pub async fn bootstrap(
    platform: &Platform,
    email: &str,
    password: &SecretString,
) -> Result<Option<User>> {
    if !needs_setup(platform).await? {
        return Ok(None);
    }
    let name = email.split('@').next().unwrap_or(email);
    let (user, hash) = checked(platform, email, name, password).await?;
    let mut tx = platform.store.begin().await?;
    users::lock_first(&mut tx).await?;
    if users::any(&mut tx).await? {
        return Ok(None);
    }
    insert_first(&mut tx, &user, &hash).await?;
    tx.commit().await?;
    Ok(Some(user))
}

/// Makes an account from the command line. The first one is the first admin; later ones are members of nothing until they
/// are added.
pub async fn create(
    platform: &Platform,
    email: &str,
    name: &str,
    password: &SecretString,
) -> Result<User> {
    let (user, hash) = checked(platform, email, name, password).await?;
    let mut tx = platform.store.begin().await?;
    users::lock_first(&mut tx).await?;
    if users::any(&mut tx).await? {
        users::insert(&mut tx, &user, &hash).await?;
    } else {
        insert_first(&mut tx, &user, &hash).await?;
    }
    tx.commit().await?;
    Ok(user)
}

/// # Errors
/// `Unauthenticated`, in the same words and after the same work, for an unknown address and a wrong password.
pub async fn sign_in(platform: &Platform, email: &str, password: &SecretString) -> Result<User> {
    let account = match check_email("/email", email) {
        Ok(email) => {
            let mut conn = platform.store.read().await?;
            users::by_email(&mut conn, &email).await?
        }
        Err(_) => None,
    };
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.as_str());
    let right = platform.auth.verify_password(password, hash).await?;
    let Some(account) = account.filter(|account| right && account.disabled_at.is_none()) else {
        return Err(Error::Unauthenticated(
            "the e-mail address or the password is wrong".to_owned(),
        ));
    };
    if platform.auth.is_outdated(&account.password_hash) {
        let hash = platform.auth.hash_password(password).await?;
        let mut conn = platform.store.read().await?;
        users::set_password(&mut conn, account.user.id, &hash).await?;
    }
    Ok(account.user)
}

/// Ends all sessions of the user, the one that asks too: it signs in anew.
pub async fn change_password(
    platform: &Platform,
    id: UserId,
    current: &SecretString,
    new: &SecretString,
) -> Result<()> {
    let account = {
        let mut conn = platform.store.read().await?;
        users::by_id(&mut conn, id)
            .await?
            .ok_or_else(|| Error::not_found("user"))?
    };
    if !platform
        .auth
        .verify_password(current, Some(&account.password_hash))
        .await?
    {
        return Err(Error::invalid("/current_password", "your present password"));
    }
    check_password("/new_password", new.expose_secret(), &account.user.email)?;
    set_password(platform, id, new).await
}

/// Sets a forgotten password from the command line; ends all sessions of the user.
pub async fn reset_password(platform: &Platform, email: &str, new: &SecretString) -> Result<()> {
    let email = check_email("/email", email)?;
    let account = {
        let mut conn = platform.store.read().await?;
        users::by_email(&mut conn, &email)
            .await?
            .ok_or_else(|| Error::not_found(format!("user {email}")))?
    };
    check_password("/password", new.expose_secret(), &email)?;
    set_password(platform, account.user.id, new).await
}

async fn set_password(platform: &Platform, id: UserId, new: &SecretString) -> Result<()> {
    let hash = platform.auth.hash_password(new).await?;
    let mut tx = platform.store.begin().await?;
    users::set_password(&mut tx, id, &hash).await?;
    sessions::delete_of_user(&mut tx, id).await?;
    tx.commit().await?;
    Ok(())
}

/// # Errors
/// `NotFound` for one who was disabled, too.
pub async fn get(platform: &Platform, id: UserId) -> Result<User> {
    let mut conn = platform.store.read().await?;
    let account = users::by_id(&mut conn, id)
        .await?
        .filter(|account| account.disabled_at.is_none());
    Ok(account.ok_or_else(|| Error::not_found("user"))?.user)
}

/// A checked user, not stored yet, with the hash of the password.
pub(crate) async fn checked(
    platform: &Platform,
    email: &str,
    name: &str,
    password: &SecretString,
) -> Result<(User, String)> {
    let email = check_email("/email", email)?;
    let name = check_person_name(name)?;
    check_password("/password", password.expose_secret(), &email)?;
    let now = platform.clock.now();
    let hash = platform.auth.hash_password(password).await?;
    Ok((
        User {
            id: UserId::at(now),
            email,
            name,
            created_at: now,
        },
        hash,
    ))
}

fn check_person_name(name: &str) -> Result<String> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Error::Invalid(vec![
        FieldError::new("/name", "invalid", "a name of 1 to 100 characters").got(name),
    ]))
}

async fn insert_first(conn: &mut Conn, user: &User, hash: &str) -> Result<()> {
    users::insert(conn, user, hash).await?;
    setup_tokens::delete_all(conn).await?;
    let name = Name::new(FIRST_PROJECT).map_err(Error::internal)?;
    let project = match projects::id(conn, &name).await? {
        Some(project) => project,
        None => crate::projects::insert(conn, &actor(user), &name, user.created_at).await?,
    };
    members::insert(conn, project, user.id, Role::Admin, user.created_at).await?;
    Ok(())
}

pub(crate) fn actor(user: &User) -> Actor {
    Actor::User {
        id: user.id,
        email: user.email.clone(),
    }
}
