use domain::Timestamp;
use domain::ids::UserId;
use domain::users::User;

use crate::{Conn, Result};

/// A user with what signing in needs.
#[derive(Clone)]
pub struct Account {
    pub user: User,
    /// PHC string.
    pub password_hash: String,
    pub disabled_at: Option<Timestamp>,
}

/// Held until the transaction ends: two that both want to make the first user wait for each other.
pub async fn lock_first(conn: &mut Conn) -> Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('the first user', 0))")
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn any(conn: &mut Conn) -> Result<bool> {
    Ok(
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users) AS "any!""#)
            .fetch_one(conn)
            .await?,
    )
}

/// A taken address breaks `users_email_key`.
pub async fn insert(conn: &mut Conn, user: &User, password_hash: &str) -> Result<()> {
    sqlx::query!(
        "INSERT INTO users (id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        user.id.0,
        user.email,
        user.name,
        password_hash,
        user.created_at.into_inner(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Disabled users too.
pub async fn by_email(conn: &mut Conn, email: &str) -> Result<Option<Account>> {
    let row = sqlx::query_as!(Row, "SELECT * FROM users WHERE email = $1", email)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(Account::from))
}

/// Disabled users too.
pub async fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<Account>> {
    let row = sqlx::query_as!(Row, "SELECT * FROM users WHERE id = $1", id.0)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(Account::from))
}

pub async fn set_password(conn: &mut Conn, id: UserId, password_hash: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET password_hash = $2 WHERE id = $1",
        id.0,
        password_hash
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct Row {
    id: uuid::Uuid,
    email: String,
    name: String,
    password_hash: String,
    created_at: time::OffsetDateTime,
    disabled_at: Option<time::OffsetDateTime>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        Self {
            user: User {
                id: UserId(row.id),
                email: row.email,
                name: row.name,
                created_at: row.created_at.into(),
            },
            password_hash: row.password_hash,
            disabled_at: row.disabled_at.map(Timestamp::from),
        }
    }
}
