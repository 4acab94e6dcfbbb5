//! Identifiers. One type each, so that a run's id never stands where a rollout's should.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Time-ordered (UUID version 7), from the moment the caller's clock gives.
            #[must_use]
            pub fn at(now: crate::Timestamp) -> Self {
                let moment = now.into_inner();
                let seconds = u64::try_from(moment.unix_timestamp()).unwrap_or(0);
                let stamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, moment.nanosecond());
                Self(Uuid::new_v7(stamp))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

id! {
    UserId,
    ProjectId,
    DatasetId,
    DatasetVersionId,
    TrainingRunId,
    ModelId,
    ModelVersionId,
    DeploymentId,
    RolloutId,
    ScoringRunId,
    ApiKeyId,
    AsyncPredictionId,
    InvitationId,
    JobId,
    RetrainingPolicyId,
    RetrainingAttemptId,
}
