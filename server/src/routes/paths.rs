//! The parameters in paths, by their names.

use domain::Name;
use domain::ids::{
    ApiKeyId, InvitationId, RetrainingAttemptId, RolloutId, ScoringRunId, TrainingRunId, UserId,
};
use serde::Deserialize;
use utoipa::IntoParams;

macro_rules! paths {
    ($($(#[$doc:meta])* $path:ident { $($name:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, IntoParams)]
        #[into_params(parameter_in = Path)]
        pub struct $path { $(pub $name: $type,)* }
    )*};
}

paths! {
    InProject { project: Name }
    OfDataset { project: Name, dataset: Name }
    OfDatasetVersion { project: Name, dataset: Name, version: i32 }
    OfTrainingRun { project: Name, training_run: TrainingRunId }
    OfScoringRun { project: Name, scoring_run: ScoringRunId }
    OfModel { project: Name, model: Name }
    OfModelVersion { project: Name, model: Name, version: i32 }
    OfAlias { project: Name, model: Name, alias: Name }
    OfRetrainingAttempt { project: Name, model: Name, attempt: RetrainingAttemptId }
    OfDeployment { project: Name, deployment: Name }
    OfRollout { project: Name, deployment: Name, rollout: RolloutId }
    OfApiKey { project: Name, api_key: ApiKeyId }
    OfMember { project: Name, user: UserId }
    OfInvitation { project: Name, invitation: InvitationId }
}
