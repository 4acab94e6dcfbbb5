//! Who stands behind a key or a token that somebody presents.

use std::collections::BTreeSet;

use domain::api_keys::{ApiKey, ApiKeyStatus, is_well_formed, prefix};
use domain::ids::ProjectId;
use domain::{Actor, Error, FieldError, Result, Role, Scope};
use secrecy::{ExposeSecret, SecretString};
use store::api_keys::ProjectKey;
use store::{api_keys, projects};

use crate::auth::{IssuedToken, Verified};
use crate::{Platform, secrets};

/// Who presents this text; `None` when it is no good key. Malformed text never reaches the database.
pub async fn find(platform: &Platform, presented: &SecretString) -> Result<Option<Actor>> {
    Ok(good_key(platform, presented)
        .await?
        .map(|found| actor(found.project, &found.key, found.key.scopes.clone())))
}

async fn good_key(platform: &Platform, presented: &SecretString) -> Result<Option<ProjectKey>> {
    if !is_well_formed(presented.expose_secret()) {
        return Ok(None);
    }
    let hash = secrets::sha256(presented.expose_secret());
    let mut conn = platform.store.read().await?;
    let found = api_keys::by_hash(&mut conn, &hash, platform.clock.now()).await?;
    Ok(found.filter(|found| is_good(&found.key)))
}

/// A token for the key whose public prefix is `client_id`; with all its scopes, or those of `scope` (separated by spaces).
///
/// # Errors
/// `Unauthenticated` for a wrong pair, `Invalid` for a scope that the key does not have.
pub async fn issue_token(
    platform: &Platform,
    client_id: &str,
    client_secret: &SecretString,
    scope: Option<&str>,
) -> Result<IssuedToken> {
    let wrong = || Error::Unauthenticated("the client id or the client secret is wrong".to_owned());
    let belongs = prefix(client_secret.expose_secret()) == Some(client_id);
    let mut found = good_key(platform, client_secret)
        .await?
        .filter(|_| belongs)
        .ok_or_else(wrong)?;
    if let Some(scope) = scope.filter(|scope| !scope.is_empty()) {
        found.key.scopes = narrowed(&found.key.scopes, scope)?;
    }
    let mut conn = platform.store.read().await?;
    let project = projects::list(&mut conn, Some(found.project), Role::Viewer)
        .await?
        .into_iter()
        .next();
    let project = project.ok_or_else(|| Error::not_found("project"))?.name;
    platform
        .auth
        .issue(&found, project.as_str(), platform.clock.now())
}

/// Who presents this token; `None` when the token or its key is no longer good.
pub async fn from_token(platform: &Platform, token: &str) -> Result<Option<Actor>> {
    let now = platform.clock.now();
    let Ok(Verified { claims, .. }) = platform.auth.verify(token, now) else {
        return Ok(None);
    };
    let mut conn = platform.store.read().await?;
    let found = api_keys::by_id(&mut conn, claims.sub, now)
        .await?
        .filter(|found| is_good(&found.key) && covers(&found.key.scopes, &claims.scopes));
    Ok(found.map(|found| actor(found.project, &found.key, claims.scopes)))
}

/// Whether a key that has these scopes may stand behind a token with those. One that says more is not taken for less.
pub fn covers(has: &[Scope], wanted: &[Scope]) -> bool {
    wanted
        .iter()
        .all(|wanted| has.iter().any(|scope| scope.covers(wanted)))
}

fn is_good(key: &ApiKey) -> bool {
    matches!(key.status, ApiKeyStatus::Active | ApiKeyStatus::Rotating)
}

fn actor(project: ProjectId, key: &ApiKey, scopes: Vec<Scope>) -> Actor {
    Actor::Key {
        id: key.id,
        name: key.name.clone(),
        project,
        scopes,
    }
}

/// The scopes in `wanted`, each once. Only a space separates them (RFC 6749, 3.3).
fn narrowed(has: &[Scope], wanted: &str) -> Result<Vec<Scope>> {
    let wanted = wanted
        .split(' ')
        .filter(|scope| !scope.is_empty())
        .map(str::parse)
        .collect::<Result<BTreeSet<Scope>, _>>();
    let wanted = wanted.map(Vec::from_iter).ok();
    wanted
        .filter(|wanted| !wanted.is_empty() && covers(has, wanted))
        .ok_or_else(|| {
            Error::Invalid(vec![FieldError::new(
                "/scope",
                "invalid",
                "scopes that the key has",
            )])
        })
}
