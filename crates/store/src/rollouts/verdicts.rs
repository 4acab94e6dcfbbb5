use domain::ids::RolloutId;
use domain::rollouts::{Verdict, VerdictKind};
use time::OffsetDateTime;

use crate::{Conn, Result, text};

/// A verdict and its place in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVerdict {
    pub id: i64,
    pub rollout: RolloutId,
    pub verdict: Verdict,
}

struct Stored {
    id: i64,
    rollout_id: uuid::Uuid,
    kind: String,
    reason: String,
    stable: serde_json::Value,
    canary: serde_json::Value,
    at: OffsetDateTime,
}

impl TryFrom<Stored> for StoredVerdict {
    type Error = crate::Error;

    fn try_from(row: Stored) -> Result<Self> {
        let verdict = Verdict {
            kind: text::parse("rollout_verdicts.kind", row.kind)?,
            reason: row.reason,
            stable: text::from_json("rollout_verdicts.stable", row.stable)?,
            canary: text::from_json("rollout_verdicts.canary", row.canary)?,
            at: row.at.into(),
        };
        Ok(Self {
            id: row.id,
            rollout: RolloutId(row.rollout_id),
            verdict,
        })
    }
}

/// The newest `limit` verdicts of each of these rollouts, newest first.
pub async fn verdicts(
    conn: &mut Conn,
    rollouts: &[RolloutId],
    limit: i64,
) -> Result<Vec<StoredVerdict>> {
    let ids: Vec<_> = rollouts.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        Stored,
        r#"SELECT v.id, v.rollout_id, v.kind, v.reason, v.stable, v.canary, v.at
           FROM unnest($1::uuid[]) AS r (id)
           CROSS JOIN LATERAL (
               SELECT * FROM rollout_verdicts WHERE rollout_id = r.id ORDER BY id DESC LIMIT $2
           ) v
           ORDER BY v.id DESC"#,
        &ids,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn last_verdict(conn: &mut Conn, rollout: RolloutId) -> Result<Option<StoredVerdict>> {
    Ok(verdicts(conn, &[rollout], 1).await?.pop())
}

pub async fn append_verdict(conn: &mut Conn, rollout: RolloutId, verdict: &Verdict) -> Result<()> {
    sqlx::query!(
        "INSERT INTO rollout_verdicts (rollout_id, kind, reason, stable, canary, at) VALUES ($1, $2, $3, $4, $5, $6)",
        rollout.0,
        kind_word(verdict.kind),
        verdict.reason,
        text::to_json("rollout_verdicts.stable", &verdict.stable)?,
        text::to_json("rollout_verdicts.canary", &verdict.canary)?,
        OffsetDateTime::from(verdict.at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Brings a verdict up to date that says the same as before, with newer figures.
pub async fn replace_verdict(conn: &mut Conn, id: i64, verdict: &Verdict) -> Result<()> {
    sqlx::query!(
        "UPDATE rollout_verdicts SET reason = $2, stable = $3, canary = $4, at = $5 WHERE id = $1",
        id,
        verdict.reason,
        text::to_json("rollout_verdicts.stable", &verdict.stable)?,
        text::to_json("rollout_verdicts.canary", &verdict.canary)?,
        OffsetDateTime::from(verdict.at),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn kind_word(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Continue => "continue",
        VerdictKind::Promote => "promote",
        VerdictKind::RollBack => "roll_back",
        VerdictKind::NotEnoughData => "not_enough_data",
    }
}
