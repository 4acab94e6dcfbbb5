//! How often one client may ask before anything is known of who it is: by address for programs, by address and account
//! for passwords.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse as _;
use domain::Error;
use governor::middleware::NoOpMiddleware;
use http::Request;
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;

use crate::error::ApiError;
use crate::extract::ClientIp;
use crate::middleware::login_limit::ByAttempt;
use crate::state::AppState;

/// Password tries of one account from one address: five at once, then one every 12 seconds.
const ACCOUNT: (Duration, NonZeroU32) = (Duration::from_secs(12), NonZeroU32::new(5).unwrap());
/// Password tries of one address over all accounts: sixty at once, then one a second.
const ADDRESS: (Duration, NonZeroU32) = (Duration::from_secs(1), NonZeroU32::new(60).unwrap());
/// How often clients that have been quiet are forgotten.
const FORGET: Duration = Duration::from_mins(1);

type Config<K> = Arc<GovernorConfig<K, NoOpMiddleware>>;
pub type Layer<K> = GovernorLayer<K, NoOpMiddleware, Body>;

/// The client's address as `edge` found it.
#[derive(Clone, Copy, Debug)]
pub struct ByClientIp;

impl KeyExtractor for ByClientIp {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        request
            .extensions()
            .get::<ClientIp>()
            .map(|client| client.0)
            .ok_or(GovernorError::UnableToExtractKey)
    }
}

/// The limits of one router; their memory is kept small by a task of the state's.
pub struct Limits {
    programs: Config<ByClientIp>,
    accounts: Config<ByAttempt>,
    addresses: Config<ByClientIp>,
}

impl Limits {
    pub fn new(state: &AppState) -> Self {
        let requests = NonZeroU32::new(state.config.http.ip_rate_limit).unwrap_or(NonZeroU32::MIN);
        let pause = Duration::from_secs(10) / requests.get();
        let limits = Self {
            programs: config(ByClientIp, pause.max(Duration::from_nanos(1)), requests),
            accounts: config(ByAttempt, ACCOUNT.0, ACCOUNT.1),
            addresses: config(ByClientIp, ADDRESS.0, ADDRESS.1),
        };
        limits.forget_the_quiet(state);
        limits
    }

    /// Requests of programs, by client address.
    pub fn by_ip(&self) -> Layer<ByClientIp> {
        layer(&self.programs)
    }

    /// Password tries, by account and client address; goes inside of `login_limit::name_attempt`.
    pub fn by_account(&self) -> Layer<ByAttempt> {
        layer(&self.accounts)
    }

    /// Password tries, by client address.
    pub fn by_address(&self) -> Layer<ByClientIp> {
        layer(&self.addresses)
    }

    fn forget_the_quiet(&self, state: &AppState) {
        let (programs, accounts, addresses) = (
            self.programs.clone(),
            self.accounts.clone(),
            self.addresses.clone(),
        );
        let shutdown = state.shutdown.clone();
        state.tasks.spawn(async move {
            while tokio::time::timeout(FORGET, shutdown.cancelled())
                .await
                .is_err()
            {
                forget(&programs);
                forget(&accounts);
                forget(&addresses);
            }
        });
    }
}

fn forget<K>(config: &Config<K>)
where
    K: KeyExtractor,
    K::Key: Hash + Eq + Clone,
{
    config.limiter().retain_recent();
    config.limiter().shrink_to_fit();
}

#[expect(
    clippy::expect_used,
    reason = "the builder refuses zeros alone, and neither can be one here"
)]
fn config<K: KeyExtractor>(key: K, pause: Duration, burst: NonZeroU32) -> Config<K> {
    let mut builder = GovernorConfigBuilder::default().key_extractor(key);
    Arc::new(
        builder
            .period(pause)
            .burst_size(burst.get())
            .finish()
            .expect("neither is zero"),
    )
}

fn layer<K: KeyExtractor>(config: &Config<K>) -> Layer<K> {
    GovernorLayer::new(Arc::clone(config)).error_handler(refuse)
}

/// The refusal, as any other error; its body is written at the edge.
fn refuse(error: GovernorError) -> http::Response<Body> {
    let error = match error {
        GovernorError::TooManyRequests { wait_time, .. } => Error::RateLimited {
            retry_after: wait_time.max(1),
        },
        other => Error::internal(other.to_string()),
    };
    ApiError::from(error).into_response()
}
