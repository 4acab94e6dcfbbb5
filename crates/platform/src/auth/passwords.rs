use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{Ident, ParamsString, PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use domain::{Error, Result};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::gate;
use crate::secrets;

/// How much work one hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// KiB.
    pub memory: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            memory: 19456,
            passes: 2,
            lanes: 1,
        }
    }
}

/// How long a sign-in waits for its turn before it is told to come back.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    gate: Arc<Semaphore>,
    /// A hash of no password, verified for unknown users so that the answer takes the same time.
    nobody: String,
}

impl Passwords {
    pub(super) fn new(cost: Cost) -> Result<Self> {
        let params =
            Params::new(cost.memory, cost.passes, cost.lanes, None).map_err(Error::internal)?;
        let nobody = format!(
            "$argon2id$v=19${}${}${}",
            ParamsString::try_from(&params).map_err(Error::internal)?,
            BASE64_STANDARD_NO_PAD.encode(secrets::random::<16>()?),
            BASE64_STANDARD_NO_PAD.encode(secrets::random::<32>()?),
        );
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            gate: gate(),
            nobody,
        })
    }

    pub(super) async fn hash(&self, password: &SecretString) -> Result<String> {
        let salt = SaltString::encode_b64(&secrets::random::<16>()?).map_err(Error::internal)?;
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.work(move || {
            let hash = argon2
                .hash_password(password.expose_secret().as_bytes(), &salt)
                .map_err(Error::internal)?;
            Ok(hash.to_string())
        })
        .await
    }

    pub(super) async fn verify(&self, password: &SecretString, hash: Option<&str>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.work(move || {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            match argon2.verify_password(password.expose_secret().as_bytes(), &hash) {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(Error::internal(error)),
            }
        })
        .await
    }

    pub(super) fn is_outdated(&self, hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else {
            return true;
        };
        let today = self.argon2.params();
        hash.algorithm != Ident::new_unwrap("argon2id")
            || Params::try_from(&hash).map_or(true, |then| {
                then.m_cost() < today.m_cost()
                    || then.t_cost() < today.t_cost()
                    || then.p_cost() < today.p_cost()
            })
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(WAIT, Arc::clone(&self.gate).acquire_owned())
            .await
            .map_err(|late| {
                Error::unavailable("too many sign-ins at once: try again in a moment", late)
            })?
            .map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by the request: one that gives up does not free its core.
            let _turn = turn;
            work()
        })
        .await
        .map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(memory: u32) -> Passwords {
        Passwords::new(Cost {
            memory,
            passes: 1,
            lanes: 1,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_hash_alone() {
        let passwords = cheap(64);
        let secret = SecretString::from("correct horse battery");
        let hash = passwords.hash(&secret).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(passwords.verify(&secret, Some(&hash)).await.unwrap());
        assert!(
            !passwords
                .verify(&SecretString::from("another one"), Some(&hash))
                .await
                .unwrap()
        );
        assert!(!passwords.verify(&secret, None).await.unwrap());
        assert_ne!(passwords.hash(&secret).await.unwrap(), hash);
    }

    #[tokio::test]
    async fn a_hash_is_outdated_when_the_cost_rises() {
        let hash = cheap(64)
            .hash(&SecretString::from("correct horse battery"))
            .await
            .unwrap();
        assert!(!cheap(64).is_outdated(&hash));
        assert!(cheap(128).is_outdated(&hash));
        assert!(!cheap(32).is_outdated(&hash));
        assert!(cheap(64).is_outdated("not a hash"));
    }

    #[test]
    fn the_default_cost_is_the_recommended_one() {
        let nobody = Passwords::new(Cost::default()).unwrap().nobody;
        assert!(
            nobody.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{nobody}"
        );
    }
}
