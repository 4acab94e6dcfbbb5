//! What callbacks are signed with: one secret a project, and for a while after a change the one before it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::ids::ProjectId;
use domain::webhook_secrets::{MAX_OVERLAP, PreviousSecret, WebhookSecret};
use domain::{Actor, Error, FieldError, Name, Permission, Result, Timestamp};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use store::Conn;
use store::webhook_secrets::{self, StoredSecret};

use crate::ledger::{self, Entry};
use crate::{Platform, access, secrets};

/// The project's secret; the first call makes it.
pub async fn get(platform: &Platform, actor: &Actor, project: &Name) -> Result<WebhookSecret> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Administer).await?;
    ensure(&mut tx, project, now).await?;
    let found = shown(&mut tx, project, now).await?;
    tx.commit().await?;
    Ok(found)
}

/// Makes another one. The one before it signs beside it for `overlap_seconds`, so that receivers can change over.
pub async fn rotate(
    platform: &Platform,
    actor: &Actor,
    project_name: &Name,
    overlap_seconds: u32,
) -> Result<WebhookSecret> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project_name, Permission::Administer).await?;
    if overlap_seconds > MAX_OVERLAP {
        let expected = format!("0 to {MAX_OVERLAP} seconds (30 days)");
        let wrong = FieldError::new("/overlap_seconds", "out_of_range", expected);
        return Err(Error::Invalid(vec![wrong.got(overlap_seconds.to_string())]));
    }
    // Rotations of a project come one after the other.
    store::projects::lock(&mut tx, project).await?;
    let end = now.plus_seconds(i64::from(overlap_seconds));
    webhook_secrets::retire(&mut tx, project, end).await?;
    ensure(&mut tx, project, now).await?;
    let reason = format!(
        "{} rotated the webhook secret; the old one signs {overlap_seconds} s more",
        actor.label()
    );
    let entry = Entry {
        action: "webhook_secret.rotated",
        subject: "webhook-secret",
        reason: &reason,
        before: None,
        after: None,
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    let found = shown(&mut tx, project, now).await?;
    tx.commit().await?;
    Ok(found)
}

/// Makes the secret of a project that has none.
pub(crate) async fn ensure(conn: &mut Conn, project: ProjectId, now: Timestamp) -> Result<()> {
    let has_one = webhook_secrets::signing(conn, project, now)
        .await?
        .iter()
        .any(|secret| secret.signs_until.is_none());
    if !has_one {
        webhook_secrets::insert(conn, project, &secrets::random::<32>()?, now).await?;
    }
    Ok(())
}

/// The header `webhook-signature` of a message: one signature for each secret that signs now.
pub(crate) async fn signature(
    conn: &mut Conn,
    project: ProjectId,
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> Result<String> {
    let signing = webhook_secrets::signing(conn, project, now).await?;
    let signatures: Vec<String> = signing
        .iter()
        .map(|stored| sign(&stored.secret, id, now.unix_seconds(), body))
        .collect::<Result<_>>()?;
    Ok(signatures.join(" "))
}

/// As Standard Webhooks has it, version 1.
fn sign(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|error| Error::internal(error.to_string()))?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!(
        "v1,{}",
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    ))
}

async fn shown(conn: &mut Conn, project: ProjectId, now: Timestamp) -> Result<WebhookSecret> {
    let (mut present, mut previous) = (None, None);
    for stored in webhook_secrets::signing(conn, project, now).await? {
        let secret = written(&stored);
        match stored.signs_until {
            None => present = Some((secret, stored.created_at)),
            Some(signs_until) => {
                previous = Some(PreviousSecret {
                    secret,
                    signs_until,
                });
            }
        }
    }
    let (secret, created_at) =
        present.ok_or_else(|| Error::internal("a project has no webhook secret"))?;
    Ok(WebhookSecret {
        secret,
        created_at,
        previous,
    })
}

fn written(stored: &StoredSecret) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(stored.secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the libraries of Standard Webhooks are tested with.
    #[test]
    fn a_signature_is_as_the_standard_has_it() {
        let secret = BASE64_STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap();
        let signature = sign(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signature.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
