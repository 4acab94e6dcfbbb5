use domain::FieldError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres is away, too busy, or ended our work: trying again later can help.
    #[error("the database is away")]
    Unavailable(#[source] sqlx::Error),
    /// A row broke the constraint of this name.
    #[error("constraint {name} does not hold")]
    Constraint { name: String, source: sqlx::Error },
    /// A fault of ours: a statement or a stored value that should not be.
    #[error("the database refused")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether the constraint of this name was broken.
    #[must_use]
    pub fn broke(&self, constraint: &str) -> bool {
        matches!(self, Self::Constraint { name, .. } if name == constraint)
    }

    /// A stored value that its type refuses.
    pub(crate) fn stored(column: &str, reason: impl std::fmt::Display) -> Self {
        Self::Database(format!("stored {column} is not valid: {reason}").into())
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(refusal) => {
                if let Some(name) = refusal.constraint() {
                    return Self::Constraint {
                        name: name.to_owned(),
                        source: error,
                    };
                }
                if refusal.code().is_some_and(|code| is_passing(&code)) {
                    return Self::Unavailable(error);
                }
                Self::Database(Box::new(error))
            }
            _ => Self::Database(Box::new(error)),
        }
    }
}

/// SQLSTATEs that may be gone on the next try: lost connection, shutdown or recovery, too many connections, a statement
/// that ran out of time, a deadlock or serialization failure, a full disk, a server in read-only recovery, a database that
/// lets nobody in.
fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "57P01" | "57P02" | "57P03" | "57014" | "40001" | "40P01" | "25006" | "25P03" | "55000"
    ) || code.starts_with("08")
        || code.starts_with("53")
}

impl From<Error> for domain::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(source) => {
                Self::unavailable("the database is away: try again in a moment", source)
            }
            Error::Constraint { name, source } => {
                constraint(&name).unwrap_or_else(|| Self::internal(source))
            }
            Error::Database(source) => Self::Internal(source),
        }
    }
}

/// What the caller is told when two requests raced for the same thing; the rest are faults of ours.
fn constraint(name: &str) -> Option<domain::Error> {
    let (pointer, expected) = match name {
        "users_email_key" => ("/email", "an address that has no account yet"),
        "invitations_open" => ("/email", "an address without an open invitation"),
        "members_pkey" => ("/email", "an address that is not a member yet"),
        "projects_name_key" | "deployments_name_key" => ("/name", "a name that is not taken"),
        "rollouts_one_active" => {
            let message =
                "a rollout of this deployment is still active: promote it or roll it back first";
            return Some(domain::Error::conflict("rollout_active", message));
        }
        _ => return None,
    };
    Some(domain::Error::Invalid(vec![FieldError::new(
        pointer, "taken", expected,
    )]))
}
