use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::events::Topic;
use domain::ids::DeploymentId;
use domain::metrics::{
    DeploymentMetrics, LatencyHistogram, Marker, MetricPoint, Rollup, VersionSeries,
};
use domain::predictions::PredictionRecord;
use domain::rollouts::RolloutSample;
use domain::{Actor, Error, FieldError, Name, Permission, Result, Timestamp};
use serde_json::{Value, json};
use store::Conn;
use store::metrics::{Change, Minute};

use crate::{Platform, access, deployments, events};

/// Most points of a series.
pub const MAX_POINTS: i64 = 500;
/// Roll-ups are of whole minutes.
const MINUTE: i64 = 60;
/// Steps to choose from when none is asked for.
const STEPS: [i64; 8] = [60, 300, 900, 1800, 3600, 10_800, 21_600, 86_400];
/// Open pages are told of new figures at most this often, in seconds.
const TELL_SECONDS: i64 = 5;
/// Marks on one chart.
const MARKERS: i64 = 200;

/// Adds what a process has counted since it last did, in one transaction.
pub async fn add(
    platform: &Platform,
    rollups: &[Rollup],
    samples: &[RolloutSample],
    predictions: Vec<PredictionRecord>,
) -> Result<()> {
    if rollups.is_empty() && samples.is_empty() && predictions.is_empty() {
        return Ok(());
    }
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    if !rollups.is_empty() {
        store::metrics::add(&mut tx, rollups).await?;
    }
    if !samples.is_empty() {
        store::rollouts::add_samples(&mut tx, samples).await?;
    }
    if !predictions.is_empty() {
        store::predictions::add(&mut tx, predictions).await?;
    }
    let busy: BTreeSet<DeploymentId> = rollups.iter().map(|rollup| rollup.deployment).collect();
    let busy: Vec<_> = busy.into_iter().collect();
    let since = now.plus_seconds(-TELL_SECONDS);
    for untold in store::metrics::untold(&mut tx, &busy, since).await? {
        let data = json!({ "deployment": untold.deployment });
        let topic = Topic::Deployment(untold.deployment);
        events::publish(&mut tx, now, untold.project, &topic, "metrics", data).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A range of time in equal steps, as asked for; what is left out is the last hour in steps of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Seconds.
    pub step: Option<u32>,
}

/// A deployment's traffic by version, with marks where something that is live changed.
///
/// # Errors
/// `Invalid` for a range that ends before it begins, and for steps that are no whole minutes or too many.
pub async fn deployment(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    range: Range,
) -> Result<DeploymentMetrics> {
    let (from, to, step) = check(range, platform.clock.now())?;
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let row = deployments::find(&mut conn, project, name).await?;
    let mut versions: BTreeMap<i32, Series> = BTreeMap::new();
    store::metrics::each_minute(&mut conn, &[row.id], from, to, |minute| {
        versions
            .entry(minute.version)
            .or_default()
            .add(&minute, step);
    })
    .await?;
    let changes = store::metrics::changes(
        &mut conn,
        project,
        &format!("deployment/{name}"),
        from,
        to,
        MARKERS,
    )
    .await?;
    Ok(DeploymentMetrics {
        deployment: row.name,
        from,
        to,
        step: u32::try_from(step).unwrap_or(u32::MAX),
        versions: versions
            .into_iter()
            .map(|(version, series)| series.finish(version))
            .collect(),
        markers: changes
            .iter()
            .map(|change| Marker {
                at: change.at,
                label: label(change),
            })
            .collect(),
    })
}

/// The last sixty minutes of a deployment, the present one included.
#[derive(Clone, Debug, PartialEq)]
pub struct LastHour {
    pub requests: u64,
    pub errors: u64,
    /// Milliseconds.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    /// Oldest first.
    pub requests_by_minute: Vec<u64>,
    pub errors_by_minute: Vec<u64>,
}

/// For a caller that has authorised already. Deployments without traffic are in the answer too.
pub async fn last_hour(
    conn: &mut Conn,
    now: Timestamp,
    deployments: &[DeploymentId],
) -> Result<HashMap<DeploymentId, LastHour>> {
    const MINUTES: usize = 60;
    let present = now.unix_seconds().div_euclid(MINUTE);
    let first = present - (MINUTES as i64 - 1);
    let mut hours: HashMap<_, _> = deployments
        .iter()
        .map(|id| {
            (
                *id,
                (
                    LatencyHistogram::default(),
                    vec![0; MINUTES],
                    vec![0; MINUTES],
                ),
            )
        })
        .collect();
    let (from, to) = (
        at_seconds(first * MINUTE),
        at_seconds((present + 1) * MINUTE),
    );
    store::metrics::each_minute(conn, deployments, from, to, |minute| {
        let index =
            usize::try_from(minute.minute.unix_seconds().div_euclid(MINUTE) - first).unwrap_or(0);
        if let Some((latency, requests, errors)) = hours.get_mut(&minute.deployment)
            && let (Some(requests), Some(errors)) = (requests.get_mut(index), errors.get_mut(index))
        {
            latency.merge(&minute.latency);
            *requests += minute.requests;
            *errors += minute.errors;
        }
    })
    .await?;
    let hours = hours.into_iter().map(|(id, (latency, requests, errors))| {
        let hour = LastHour {
            requests: requests.iter().sum(),
            errors: errors.iter().sum(),
            p50: latency.quantile_ms(0.5),
            p99: latency.quantile_ms(0.99),
            requests_by_minute: requests,
            errors_by_minute: errors,
        };
        (id, hour)
    });
    Ok(hours.collect())
}

/// Removes what is older than its keeping time: roll-ups after 90 days, judged samples after two days. Says how many rows
/// went.
pub async fn trim(platform: &Platform) -> Result<u64> {
    const DAY: i64 = 86_400;
    let now = platform.clock.now();
    let mut conn = platform.store.read().await?;
    let rollups = store::metrics::trim(&mut conn, now.plus_seconds(-90 * DAY)).await?;
    let samples = store::rollouts::trim_samples(&mut conn, now.plus_seconds(-2 * DAY)).await?;
    Ok(rollups + samples)
}

/// Drops the days of the prediction log that are older than `kept_days`. Says how many.
pub async fn drop_logged(platform: &Platform, kept_days: u16) -> Result<u64> {
    let oldest = platform
        .clock
        .now()
        .plus_seconds(i64::from(kept_days) * -86_400);
    let mut conn = platform.store.read().await?;
    Ok(store::predictions::drop_days(&mut conn, oldest.into_inner().date()).await?)
}

#[derive(Default)]
struct Traffic {
    requests: u64,
    errors: u64,
    latency: LatencyHistogram,
}

impl Traffic {
    fn add(&mut self, minute: &Minute) {
        self.requests += minute.requests;
        self.errors += minute.errors;
        self.latency.merge(&minute.latency);
    }
}

#[derive(Default)]
struct Series {
    whole: Traffic,
    points: BTreeMap<i64, Traffic>,
}

impl Series {
    fn add(&mut self, minute: &Minute, step: i64) {
        let start = minute.minute.unix_seconds().div_euclid(step) * step;
        self.whole.add(minute);
        self.points.entry(start).or_default().add(minute);
    }

    fn finish(self, version: i32) -> VersionSeries {
        let points = self.points.into_iter().map(|(start, traffic)| MetricPoint {
            at: at_seconds(start),
            requests: traffic.requests,
            errors: traffic.errors,
            p50: traffic.latency.quantile_ms(0.5),
            p90: traffic.latency.quantile_ms(0.9),
            p99: traffic.latency.quantile_ms(0.99),
        });
        VersionSeries {
            version,
            requests: self.whole.requests,
            errors: self.whole.errors,
            p50: self.whole.latency.quantile_ms(0.5),
            p90: self.whole.latency.quantile_ms(0.9),
            p99: self.whole.latency.quantile_ms(0.99),
            drift: None,
            points: points.collect(),
        }
    }
}

/// The range as moments on whole steps: the first step that `from` is in, and all that begin before `to`.
fn check(range: Range, now: Timestamp) -> Result<(Timestamp, Timestamp, i64)> {
    let to = range.to.unwrap_or(now);
    let from = range.from.unwrap_or_else(|| to.plus_seconds(-3600));
    let length = to.unix_seconds() - from.unix_seconds();
    if length <= 0 {
        let error = FieldError::new("/from", "out_of_range", format!("a time before {to}"))
            .got(from.to_string());
        return Err(Error::Invalid(vec![error]));
    }
    // One step fewer, because the first one may begin before `from`.
    let least = ceil(ceil(length, MAX_POINTS - 1), MINUTE) * MINUTE;
    let step = match range.step {
        None => STEPS
            .into_iter()
            .find(|step| *step >= least)
            .unwrap_or(least),
        Some(step) => {
            let step = i64::from(step);
            if step < least || step % MINUTE != 0 {
                let expected = format!(
                    "whole minutes in seconds, at least {least} for this range (at most {MAX_POINTS} points)"
                );
                return Err(Error::Invalid(vec![
                    FieldError::new("/step", "out_of_range", expected).got(step.to_string()),
                ]));
            }
            step
        }
    };
    let from = at_seconds(from.unix_seconds().div_euclid(step) * step);
    Ok((from, to, step))
}

/// `a / b`, rounded up; both are positive.
fn ceil(a: i64, b: i64) -> i64 {
    (a + b - 1) / b
}

fn at_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn label(change: &Change) -> String {
    let number = |state: &Option<Value>, field: &str| {
        state
            .as_ref()
            .and_then(|state| state.get(field))
            .and_then(Value::as_f64)
    };
    let stable = number(&change.after, "stable_version").unwrap_or_default();
    let canary = number(&change.after, "canary_version")
        .or_else(|| number(&change.before, "canary_version"))
        .unwrap_or_default();
    let weight = number(&change.after, "canary_weight").unwrap_or_default();
    match change.action.as_str() {
        "deployment.created" => format!("version {stable} live"),
        "rollout.started" | "rollout.weight_set" | "rollout.step_started" => {
            format!("canary {canary} at {weight} %")
        }
        "rollout.promoted" => format!("version {stable} promoted"),
        "rollout.rolled_back" => format!("canary {canary} rolled back"),
        "rollout.paused" => format!("canary {canary} paused"),
        "rollout.resumed" => format!("canary {canary} resumed"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        at_seconds(seconds)
    }

    #[test]
    fn the_last_hour_in_minutes_unless_told() {
        assert_eq!(
            check(Range::default(), at(7230)).unwrap(),
            (at(3600), at(7230), 60)
        );
    }

    #[test]
    fn a_long_range_takes_the_smallest_step_that_fits() {
        let month = Range {
            from: Some(at(0)),
            to: Some(at(30 * 86_400)),
            step: None,
        };
        let (_, _, step) = check(month, at(0)).unwrap();
        assert_eq!(step, 10_800);
        assert!(30 * 86_400 / step <= MAX_POINTS);
    }

    #[test]
    fn steps_that_are_too_many_or_not_whole_minutes_are_refused() {
        let range = |step| Range {
            from: Some(at(0)),
            to: Some(at(86_400)),
            step: Some(step),
        };
        assert!(check(range(90), at(0)).is_err());
        assert!(
            check(range(60), at(0))
                .unwrap_err()
                .to_string()
                .contains("at least 180")
        );
        assert_eq!(check(range(180), at(0)).unwrap().2, 180);
        let backwards = Range {
            from: Some(at(10)),
            to: Some(at(5)),
            step: None,
        };
        assert!(check(backwards, at(0)).is_err());
    }
}
