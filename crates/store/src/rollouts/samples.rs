use domain::Timestamp;
use domain::ids::RolloutId;
use domain::rollouts::{Arm, ArmStats, RolloutSample};
use time::OffsetDateTime;

use crate::{Conn, Error, Result};

/// Adds to what is there. Samples of rollouts that are gone are dropped.
pub async fn add_samples(conn: &mut Conn, samples: &[RolloutSample]) -> Result<()> {
    let rollouts: Vec<_> = samples.iter().map(|sample| sample.rollout.0).collect();
    let arms: Vec<_> = samples
        .iter()
        .map(|sample| sample.arm.as_str().to_owned())
        .collect();
    let slices: Vec<_> = samples.iter().map(|sample| sample.slice as f64).collect();
    let requests: Vec<_> = samples
        .iter()
        .map(|sample| count(sample.stats.requests))
        .collect();
    let errors: Vec<_> = samples
        .iter()
        .map(|sample| count(sample.stats.errors))
        .collect();
    sqlx::query!(
        "INSERT INTO rollout_samples (rollout_id, arm, slice, requests, errors)
         SELECT s.rollout, s.arm, to_timestamp(s.slice), sum(s.requests)::bigint, sum(s.errors)::bigint
         FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::bigint[], $5::bigint[]) AS s (rollout, arm, slice, requests, errors)
         JOIN rollouts r ON r.id = s.rollout
         GROUP BY s.rollout, s.arm, s.slice
         ON CONFLICT (rollout_id, arm, slice) DO UPDATE
         SET requests = rollout_samples.requests + excluded.requests, errors = rollout_samples.errors + excluded.errors",
        &rollouts,
        &arms,
        &slices,
        &requests,
        &errors,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What both arms did since a moment, stable first. Both are counted over the same slices.
pub async fn stats(
    conn: &mut Conn,
    rollout: RolloutId,
    since: Timestamp,
) -> Result<(ArmStats, ArmStats)> {
    let rows = sqlx::query!(
        r#"SELECT arm, sum(requests)::bigint AS "requests!", sum(errors)::bigint AS "errors!"
           FROM rollout_samples WHERE rollout_id = $1 AND slice > $2 GROUP BY arm"#,
        rollout.0,
        OffsetDateTime::from(since),
    )
    .fetch_all(conn)
    .await?;
    let (mut stable, mut canary) = (ArmStats::default(), ArmStats::default());
    for row in rows {
        let stats = ArmStats {
            requests: row
                .requests
                .try_into()
                .map_err(|error| Error::stored("rollout_samples.requests", error))?,
            errors: row
                .errors
                .try_into()
                .map_err(|error| Error::stored("rollout_samples.errors", error))?,
        };
        if row.arm == Arm::Canary.as_str() {
            canary = stats;
        } else {
            stable = stats;
        }
    }
    Ok((stable, canary))
}

/// Removes what no judge looks back to. Says how many rows went.
pub async fn trim_samples(conn: &mut Conn, before: Timestamp) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM rollout_samples WHERE slice < $1",
        OffsetDateTime::from(before)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
