use domain::overview::{DeploymentCard, Overview};
use domain::page::PageRequest;
use domain::{Actor, Name, Permission, Result};
use store::training_runs::Filter;

use crate::metrics::LastHour;
use crate::{Platform, access, deployments, ledger, metrics};

/// Runs on the page; more than this at a time is a list's matter.
const ACTIVE_RUNS: i64 = 20;
const ACTIVITY: u16 = 10;

/// All that the first page of a project shows.
pub async fn get(platform: &Platform, actor: &Actor, project: &Name) -> Result<Overview> {
    let mut conn = platform.store.read().await?;
    let id = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let active = Filter {
        active_only: true,
        before: None,
    };
    let active_runs = store::training_runs::list(&mut conn, id, active, ACTIVE_RUNS).await?;
    let checklist = store::overview::checklist(&mut conn, id).await?;
    drop(conn);

    let deployments = deployments::list(platform, actor, project).await?;
    let ids: Vec<_> = deployments.iter().map(|deployment| deployment.id).collect();
    let mut conn = platform.store.read().await?;
    let mut hours = metrics::last_hour(&mut conn, platform.clock.now(), &ids).await?;
    drop(conn);
    let cards: Vec<_> = deployments
        .into_iter()
        .filter_map(|deployment| {
            let LastHour {
                requests,
                errors,
                p50,
                p99,
                requests_by_minute,
                errors_by_minute,
            } = hours.remove(&deployment.id)?;
            Some(DeploymentCard {
                deployment,
                requests,
                errors,
                p50,
                p99,
                requests_by_minute,
                errors_by_minute,
            })
        })
        .collect();

    let page = PageRequest {
        cursor: None,
        limit: ACTIVITY,
    };
    let activity = ledger::list(platform, actor, project, None, None, &page)
        .await?
        .items;
    Ok(Overview {
        checklist,
        deployments: cards,
        active_runs,
        activity,
    })
}
