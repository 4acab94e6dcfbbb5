//! How many requests a key and an address may send.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use domain::api_keys::RateLimit;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::usage::BudgetLeft;

/// The limit of one key. Unused requests come back evenly over the window, up to the whole quota.
#[derive(Debug)]
pub struct KeyLimit {
    rate: RateLimit,
    limiter: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
}

/// What a key's limit says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The key's limit.
    pub rate: RateLimit,
    /// Requests left now.
    pub remaining: u32,
    /// Seconds until the whole quota is back.
    pub reset_seconds: u64,
    /// What is left of its budget, if it has one.
    pub budget: Option<BudgetLeft>,
    /// Seconds to wait, at least 1, when this request is one too many.
    pub retry_after: Option<u64>,
}

impl KeyLimit {
    pub fn new(rate: RateLimit) -> Self {
        let limiter = RateLimiter::direct(quota(rate)).with_middleware();
        Self {
            rate,
            limiter,
            clock: DefaultClock::default(),
        }
    }

    pub fn rate(&self) -> RateLimit {
        self.rate
    }

    /// Takes one request from the quota.
    pub fn take(&self) -> Allowance {
        let (remaining, retry_after) = match self.limiter.check() {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                (0, Some(whole_seconds(wait).max(1)))
            }
        };
        let missing = u64::from(self.rate.requests.saturating_sub(remaining));
        let reset_seconds = (missing * u64::from(self.rate.per_seconds))
            .div_ceil(u64::from(self.rate.requests.max(1)));
        Allowance {
            rate: self.rate,
            remaining,
            reset_seconds,
            budget: None,
            retry_after,
        }
    }
}

/// The limit of each client address, before anything else is known of it. An IPv6 network of 64 bits counts as one.
#[derive(Debug)]
pub struct AddressLimit {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl AddressLimit {
    pub fn new(rate: RateLimit) -> Self {
        Self {
            limiter: RateLimiter::keyed(quota(rate)),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one request from the address's quota.
    ///
    /// # Errors
    /// The seconds to wait, at least 1, when it is one too many.
    pub fn take(&self, address: IpAddr) -> Result<(), u64> {
        self.limiter
            .check_key(&network(address))
            .map_err(|until| whole_seconds(until.wait_time_from(self.clock.now())).max(1))
    }

    /// Forgets addresses whose quota is whole again.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.limiter.len()
    }

    pub fn is_empty(&self) -> bool {
        self.limiter.is_empty()
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

fn quota(rate: RateLimit) -> Quota {
    let burst = NonZeroU32::new(rate.requests).unwrap_or(NonZeroU32::MIN);
    let nanos = u64::from(rate.per_seconds.max(1)) * 1_000_000_000 / u64::from(burst.get());
    // A period is never zero here: a quota of a second holds fewer than 2^32 requests.
    Quota::with_period(Duration::from_nanos(nanos.max(1)))
        .unwrap_or_else(|| Quota::per_second(burst))
        .allow_burst(burst)
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gets_its_quota_and_no_more() {
        let limit = KeyLimit::new(RateLimit {
            requests: 100,
            per_seconds: 60,
        });
        let allowances: Vec<_> = (0..150).map(|_| limit.take()).collect();
        let granted = allowances
            .iter()
            .filter(|allowance| allowance.retry_after.is_none())
            .count();
        assert!((100..=101).contains(&granted), "{granted}");
        assert_eq!(
            (allowances[0].remaining, allowances[0].reset_seconds),
            (99, 1)
        );
        let last = allowances[149];
        assert_eq!(
            (last.remaining, last.retry_after, last.reset_seconds),
            (0, Some(1), 60)
        );
    }

    #[test]
    fn addresses_are_counted_apart_and_ipv6_by_network() {
        let limit = AddressLimit::new(RateLimit {
            requests: 2,
            per_seconds: 3600,
        });
        let take = |address: &str| limit.take(address.parse().unwrap()).is_ok();
        assert!(take("192.0.2.1") && take("192.0.2.1") && !take("192.0.2.1"));
        assert!(take("192.0.2.2"));
        assert!(take("2001:db8::1") && take("2001:db8::2") && !take("2001:db8::3"));
        assert!(
            !take("::ffff:192.0.2.1"),
            "the same address written otherwise"
        );
        assert_eq!(limit.len(), 3);
    }

    #[test]
    fn an_address_is_remembered_until_it_has_all_again() {
        let limit = AddressLimit::new(RateLimit {
            requests: 1,
            per_seconds: 3600,
        });
        limit.take([192, 0, 2, 1].into()).unwrap();
        limit.forget_idle();
        assert_eq!(limit.take([192, 0, 2, 1].into()), Err(3600));

        let limit = AddressLimit::new(RateLimit {
            requests: u32::MAX,
            per_seconds: 1,
        });
        limit.take([192, 0, 2, 1].into()).unwrap();
        while !limit.is_empty() {
            std::thread::yield_now();
            limit.forget_idle();
        }
    }
}
