use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The longest time that a rotated secret may go on signing, in seconds.
pub const MAX_OVERLAP: u32 = 30 * 24 * 3600;

/// What a project's callbacks are signed with, for those who verify them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookSecret {
    /// `whsec_` and 32 bytes in base64, as the libraries of Standard Webhooks take it.
    pub secret: String,
    pub created_at: Timestamp,
    /// The one before it, while it still signs beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousSecret>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviousSecret {
    pub secret: String,
    pub signs_until: Timestamp,
}
