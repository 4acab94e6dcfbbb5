//! The keys that tokens are signed with. Postgres has the public half of each, for every process to publish and to verify
//! with; a private half never leaves the machine that made it, so each signs with its own.

use domain::Result;
use domain::signing_keys::PUBLISHED_BEFORE;
use store::signing_keys;

use crate::Platform;

/// Learns which keys there are, and makes the next one of this process in time: it is published for a while before it
/// signs, so that by then everybody knows it. May be repeated, by any number of processes.
pub async fn keep(platform: &Platform) -> Result<()> {
    let (auth, now) = (&platform.auth, platform.clock.now());
    let mut conn = platform.store.read().await?;
    let mut known = signing_keys::list(&mut conn).await?;
    for ended in known.iter().filter(|key| !key.verifies_at(now)) {
        signing_keys::delete(&mut conn, &ended.public).await?;
    }
    drop(conn);
    known.retain(|key| key.verifies_at(now));
    auth.learn_keys(known).await?;
    if auth.next_key_start(now).is_none() {
        return Ok(());
    }

    let mut tx = platform.store.begin().await?;
    signing_keys::lock(&mut tx).await?;
    // Another process with the same files may have made it meanwhile.
    auth.learn_keys(signing_keys::list(&mut tx).await?).await?;
    if let Some(signs_from) = auth.next_key_start(now) {
        let key = auth.make_key(signs_from).await?;
        signing_keys::put(&mut tx, &key).await?;
        let known = signing_keys::list(&mut tx).await?;
        tx.commit().await?;
        auth.learn_keys(known).await?;
        tracing::info!(signs_from = %key.signs_from, signs_until = %key.signs_until, "a signing key is published");
    }
    Ok(())
}

/// Lets every process follow its key up with a new one. Tokens that the old ones signed are good until they expire.
pub async fn retire(platform: &Platform) -> Result<()> {
    let now = platform.clock.now();
    let mut conn = platform.store.read().await?;
    Ok(signing_keys::end(&mut conn, now, now.plus_seconds(PUBLISHED_BEFORE)).await?)
}

/// Ends every key at once, and with them every token, because a private half is in wrong hands.
pub async fn revoke(platform: &Platform) -> Result<()> {
    let mut conn = platform.store.read().await?;
    Ok(signing_keys::delete_all(&mut conn).await?)
}
