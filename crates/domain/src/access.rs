//! Who may do what. Every use case names the [`Permission`] it needs; nothing is allowed by silence.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::ids::{ApiKeyId, ProjectId, UserId};

/// A member's role in one project. Each role may do all that the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Editor,
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// What the role may do, in one sentence for people.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Viewer => "sees everything in the project and may try predictions",
            Self::Editor => "also uploads datasets, trains models and changes deployments",
            Self::Admin => "also manages API keys and members",
        }
    }

    #[must_use]
    pub fn allows(self, permission: Permission) -> bool {
        self >= permission.role()
    }

    /// Why the role may not do `what`, which begins the sentence; `None` when it may.
    #[must_use]
    pub fn refusal(self, permission: Permission, what: &str) -> Option<String> {
        let needed = permission.role();
        (!self.allows(permission)).then(|| {
            format!(
                "{what} needs the role {needed}, and yours is {self}: ask an admin of the project"
            )
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a role: use viewer, editor or admin"))
    }
}

/// What a use case needs in the project it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See datasets, runs, models, deployments, metrics, the ledger; try a prediction.
    Read,
    /// Upload, train, deploy, roll out and back.
    Write,
    /// API keys, members, project settings.
    Administer,
}

impl Permission {
    /// The lowest role that has it.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Write => Role::Editor,
            Self::Administer => Role::Admin,
        }
    }
}

/// What an API key may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// `predict:<deployment>`; `None` is `predict:*`, which also opens models by version or alias.
    Predict(Option<Name>),
    Feedback,
    Read,
    Write,
    Admin,
}

impl Scope {
    /// The management permission this scope gives, if any.
    #[must_use]
    pub fn allows(&self, permission: Permission) -> bool {
        match self {
            Self::Predict(_) | Self::Feedback => false,
            Self::Read => permission == Permission::Read,
            Self::Write => permission != Permission::Administer,
            Self::Admin => true,
        }
    }

    /// Whether this scope gives all that `narrower` gives.
    #[must_use]
    pub fn covers(&self, narrower: &Self) -> bool {
        match narrower {
            Self::Predict(Some(deployment)) => self.may_predict(deployment.as_str()),
            Self::Read => self.allows(Permission::Read),
            Self::Write => self.allows(Permission::Write),
            Self::Predict(None) | Self::Feedback | Self::Admin => self == narrower,
        }
    }

    #[must_use]
    pub fn may_predict(&self, deployment: &str) -> bool {
        match self {
            Self::Predict(None) => true,
            Self::Predict(Some(name)) => name.as_str() == deployment,
            _ => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Predict(None) => f.write_str("predict:*"),
            Self::Predict(Some(name)) => write!(f, "predict:{name}"),
            Self::Feedback => f.write_str("feedback"),
            Self::Read => f.write_str("read"),
            Self::Write => f.write_str("write"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "predict:*" => Ok(Self::Predict(None)),
            "feedback" => Ok(Self::Feedback),
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => match text.strip_prefix("predict:") {
                Some(name) => Name::new(name).map(|name| Self::Predict(Some(name))),
                None => Err(format!(
                    "{text:?} is not a scope: use predict:<deployment>, predict:*, feedback, read, write or admin"
                )),
            },
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

/// Who asks. Built at the edge from a session, a key or a token; use cases decide what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    User {
        id: UserId,
        email: String,
    },
    Key {
        id: ApiKeyId,
        name: String,
        project: ProjectId,
        scopes: Vec<Scope>,
    },
    /// The platform itself: the judge, the trainer, the set-up.
    System {
        name: &'static str,
    },
}

impl Actor {
    /// How the ledger names it: an e-mail address, `key:<name>` or `system:<name>`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::User { email, .. } => email.clone(),
            Self::Key { name, .. } => format!("key:{name}"),
            Self::System { name } => format!("system:{name}"),
        }
    }
}
