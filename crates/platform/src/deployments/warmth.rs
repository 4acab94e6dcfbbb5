//! Which deployments are to be loaded ahead of their requests.

use domain::ids::ProjectId;
use domain::warmth::{PastHour, is_expected, weeks_before};
use domain::{Name, Result, Timestamp};

use crate::Platform;

/// The deployments that do not stay loaded and are likely to be asked in the hour that begins then, as the last weeks have
/// it.
pub async fn expected(platform: &Platform, hour: Timestamp) -> Result<Vec<(ProjectId, Name)>> {
    let mut conn = platform.store.read().await?;
    let hours = store::metrics::cold_hours(&mut conn, &weeks_before(hour)).await?;
    let same = |one: &store::metrics::ColdHour, other: &store::metrics::ColdHour| {
        (one.project, &one.deployment) == (other.project, &other.deployment)
    };
    let of_each = hours.chunk_by(same).filter_map(|hours| {
        let deployment = hours.first()?;
        let weeks: Vec<_> = hours
            .iter()
            .map(|hour| PastHour {
                began: hour.began,
                had_requests: hour.had_requests,
            })
            .collect();
        let name = || (deployment.project, deployment.deployment.clone());
        is_expected(deployment.created_at, &weeks).then(name)
    });
    Ok(of_each.collect())
}
