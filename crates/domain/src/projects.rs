use serde::{Deserialize, Serialize};

use crate::ids::ProjectId;
use crate::{Name, Role, Timestamp};

/// A project the asker is a member of, with his role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Project {
    pub id: ProjectId,
    pub name: Name,
    pub role: Role,
    pub created_at: Timestamp,
}
