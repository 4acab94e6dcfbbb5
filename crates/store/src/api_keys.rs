use domain::api_keys::{ApiKey, ApiKeyStatus, RateLimit};
use domain::budgets::Budget;
use domain::ids::{ApiKeyId, ProjectId};
use domain::{Scope, Timestamp};

use crate::{Conn, Error, Result};

/// A key with the project it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectKey {
    pub project: ProjectId,
    pub key: ApiKey,
}

pub async fn insert(
    conn: &mut Conn,
    project: ProjectId,
    key: &ApiKey,
    key_hash: &[u8],
) -> Result<()> {
    let scopes: Vec<String> = key.scopes.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "INSERT INTO api_keys (id, project_id, name, prefix, key_hash, scopes, rate_requests, rate_seconds, expires_at,
                               rotated_from, created_by, created_at, budget_requests, budget_period, budget_hard, line_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                 coalesce((SELECT line_id FROM api_keys WHERE id = $10), $1))",
        key.id.0,
        project.0,
        key.name,
        key.prefix,
        key_hash,
        &scopes,
        i32::try_from(key.rate_limit.requests).unwrap_or(i32::MAX),
        i32::try_from(key.rate_limit.per_seconds).unwrap_or(i32::MAX),
        key.expires_at.map(Timestamp::into_inner),
        key.rotated_from.map(|id| id.0),
        key.created_by,
        key.created_at.into_inner(),
        key.budget
            .map(|budget| i64::try_from(budget.requests).unwrap_or(i64::MAX)),
        key.budget.map(|budget| budget.per.as_str()),
        key.budget.map(|budget| budget.hard),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Newest first; `now` decides the status.
pub async fn list(conn: &mut Conn, project: ProjectId, now: Timestamp) -> Result<Vec<ApiKey>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, project_id, name, prefix, scopes, rate_requests, rate_seconds, expires_at, revoked_at, rotated_from,
                  last_used_at, last_used_ip, created_by, created_at, budget_requests, budget_period, budget_hard,
                  EXISTS (SELECT FROM api_keys AS next WHERE next.rotated_from = api_keys.id) AS "rotated!"
           FROM api_keys WHERE project_id = $1 ORDER BY created_at DESC, id DESC"#,
        project.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok(row.at(now)?.key)).collect()
}

/// Locked until the transaction ends.
pub async fn lock(
    conn: &mut Conn,
    project: ProjectId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<Option<ApiKey>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, project_id, name, prefix, scopes, rate_requests, rate_seconds, expires_at, revoked_at, rotated_from,
                  last_used_at, last_used_ip, created_by, created_at, budget_requests, budget_period, budget_hard,
                  EXISTS (SELECT FROM api_keys AS next WHERE next.rotated_from = api_keys.id) AS "rotated!"
           FROM api_keys WHERE project_id = $1 AND id = $2 FOR UPDATE"#,
        project.0,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(row.at(now)?.key)).transpose()
}

pub async fn by_hash(
    conn: &mut Conn,
    key_hash: &[u8],
    now: Timestamp,
) -> Result<Option<ProjectKey>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, project_id, name, prefix, scopes, rate_requests, rate_seconds, expires_at, revoked_at, rotated_from,
                  last_used_at, last_used_ip, created_by, created_at, budget_requests, budget_period, budget_hard,
                  EXISTS (SELECT FROM api_keys AS next WHERE next.rotated_from = api_keys.id) AS "rotated!"
           FROM api_keys WHERE key_hash = $1"#,
        key_hash,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.at(now)).transpose()
}

pub async fn by_id(conn: &mut Conn, id: ApiKeyId, now: Timestamp) -> Result<Option<ProjectKey>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, project_id, name, prefix, scopes, rate_requests, rate_seconds, expires_at, revoked_at, rotated_from,
                  last_used_at, last_used_ip, created_by, created_at, budget_requests, budget_period, budget_hard,
                  EXISTS (SELECT FROM api_keys AS next WHERE next.rotated_from = api_keys.id) AS "rotated!"
           FROM api_keys WHERE id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.at(now)).transpose()
}

pub async fn revoke(conn: &mut Conn, id: ApiKeyId, now: Timestamp) -> Result<()> {
    sqlx::query!(
        "UPDATE api_keys SET revoked_at = $2 WHERE id = $1",
        id.0,
        now.into_inner()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn set_expiry(conn: &mut Conn, id: ApiKeyId, expires: Timestamp) -> Result<()> {
    sqlx::query!(
        "UPDATE api_keys SET expires_at = $2 WHERE id = $1",
        id.0,
        expires.into_inner()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One use of a key, to be shown on its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    pub key: ApiKeyId,
    pub at: Timestamp,
    pub ip: String,
}

/// Keeps the latest use of each key; each key at most once in `uses`.
pub async fn touch(conn: &mut Conn, uses: &[KeyUse]) -> Result<()> {
    let ids: Vec<_> = uses.iter().map(|used| used.key.0).collect();
    let times: Vec<_> = uses.iter().map(|used| used.at.into_inner()).collect();
    let ips: Vec<_> = uses.iter().map(|used| used.ip.clone()).collect();
    sqlx::query!(
        "UPDATE api_keys SET last_used_at = used.at, last_used_ip = used.ip
         FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS used (id, at, ip)
         WHERE api_keys.id = used.id AND (last_used_at IS NULL OR last_used_at < used.at)",
        &ids,
        &times,
        &ips,
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct Row {
    id: uuid::Uuid,
    project_id: uuid::Uuid,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    rate_requests: i32,
    rate_seconds: i32,
    expires_at: Option<time::OffsetDateTime>,
    revoked_at: Option<time::OffsetDateTime>,
    rotated_from: Option<uuid::Uuid>,
    last_used_at: Option<time::OffsetDateTime>,
    last_used_ip: Option<String>,
    created_by: String,
    created_at: time::OffsetDateTime,
    budget_requests: Option<i64>,
    budget_period: Option<String>,
    budget_hard: Option<bool>,
    rotated: bool,
}

impl Row {
    fn at(self, now: Timestamp) -> Result<ProjectKey> {
        let expires_at = self.expires_at.map(Timestamp::from);
        let status = if self.revoked_at.is_some() {
            ApiKeyStatus::Revoked
        } else if expires_at.is_some_and(|expires| expires <= now) {
            ApiKeyStatus::Expired
        } else if self.rotated {
            ApiKeyStatus::Rotating
        } else {
            ApiKeyStatus::Active
        };
        let scopes = self
            .scopes
            .iter()
            .map(|scope| scope.parse::<Scope>())
            .collect::<Result<_, _>>();
        let budget = budget(self.budget_requests, self.budget_period, self.budget_hard)?;
        let key = ApiKey {
            id: ApiKeyId(self.id),
            name: self.name,
            prefix: self.prefix,
            scopes: scopes.map_err(|reason| Error::stored("api_keys.scopes", reason))?,
            status,
            rate_limit: RateLimit {
                requests: self.rate_requests.unsigned_abs(),
                per_seconds: self.rate_seconds.unsigned_abs(),
            },
            budget,
            requests_today: 0,
            requests_this_month: 0,
            expires_at,
            last_used_at: self.last_used_at.map(Timestamp::from),
            last_used_ip: self.last_used_ip,
            created_by: self.created_by,
            created_at: self.created_at.into(),
            revoked_at: self.revoked_at.map(Timestamp::from),
            rotated_from: self.rotated_from.map(ApiKeyId),
        };
        Ok(ProjectKey {
            project: ProjectId(self.project_id),
            key,
        })
    }
}

/// A budget as its columns have it.
pub(crate) fn budget(
    requests: Option<i64>,
    period: Option<String>,
    hard: Option<bool>,
) -> Result<Option<Budget>> {
    let (Some(requests), Some(period), Some(hard)) = (requests, period, hard) else {
        return Ok(None);
    };
    Ok(Some(Budget {
        requests: requests
            .try_into()
            .map_err(|error| Error::stored("api_keys.budget_requests", error))?,
        per: period
            .parse()
            .map_err(|reason: String| Error::stored("api_keys.budget_period", reason))?,
        hard,
    }))
}
