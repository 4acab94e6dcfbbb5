//! How many requests a key and an address may send.
//!
//! Unused requests come back evenly over the window of a quota, up to the whole of it: the generic cell rate algorithm, whose state
//! is one number. Time is what the caller read when the request arrived, so that no request reads the clock for each limit.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use domain::api_keys::RateLimit;

use crate::usage::BudgetLeft;

const NANOS: u64 = 1_000_000_000;

/// When the whole quota is there again, in nanoseconds.
#[derive(Debug, Default)]
struct Bucket(AtomicU64);

/// A quota in nanoseconds: what one request takes, and what there is at most.
#[derive(Clone, Copy, Debug)]
struct Quota {
    request: u64,
    whole: u64,
}

impl Quota {
    fn of(rate: RateLimit) -> Self {
        let requests = u64::from(rate.requests.max(1));
        // Never zero: a quota of a second holds fewer than 2^32 requests.
        let request = u64::from(rate.per_seconds.max(1)) * NANOS / requests;
        Self {
            request: request.max(1),
            whole: request.max(1) * requests,
        }
    }
}

impl Bucket {
    /// Takes one request, and says how much of the quota is missing then.
    ///
    /// # Errors
    /// How long to wait, when it is one too many.
    fn take(&self, quota: Quota, now: u64) -> Result<u64, u64> {
        let mut full = self.0.load(Ordering::Relaxed);
        loop {
            let next = full.max(now) + quota.request;
            let missing = next - now;
            if missing > quota.whole {
                return Err(missing - quota.whole);
            }
            let taken =
                self.0
                    .compare_exchange_weak(full, next, Ordering::Relaxed, Ordering::Relaxed);
            match taken {
                Ok(_) => return Ok(missing),
                Err(other) => full = other,
            }
        }
    }
}

/// The limit of one key.
#[derive(Debug)]
pub struct KeyLimit {
    rate: RateLimit,
    quota: Quota,
    bucket: Bucket,
    began: Instant,
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
        Self {
            rate,
            quota: Quota::of(rate),
            bucket: Bucket::default(),
            began: Instant::now(),
        }
    }

    pub fn rate(&self) -> RateLimit {
        self.rate
    }

    /// Takes one request from the quota.
    pub fn take(&self, now: Instant) -> Allowance {
        let (missing, retry_after) = match self.bucket.take(self.quota, nanos(self.began, now)) {
            Ok(missing) => (missing, None),
            Err(wait) => (self.quota.whole, Some(whole_seconds(wait))),
        };
        let left = (self.quota.whole - missing) / self.quota.request;
        let remaining = u32::try_from(left).unwrap_or(u32::MAX);
        let used = u64::from(self.rate.requests.saturating_sub(remaining));
        Allowance {
            rate: self.rate,
            remaining,
            reset_seconds: (used * u64::from(self.rate.per_seconds))
                .div_ceil(u64::from(self.rate.requests.max(1))),
            budget: None,
            retry_after,
        }
    }
}

/// The limit of each client address, before anything else is known of it. An IPv6 network of 64 bits counts as one.
#[derive(Debug)]
pub struct AddressLimit {
    quota: Quota,
    began: Instant,
    shards: [RwLock<HashMap<IpAddr, AddressQuota>>; SHARDS],
}

/// So that requests from different addresses seldom wait for each other.
const SHARDS: usize = 16;

/// What an address has left. Whoever keeps it finds it again without a look at all the others.
#[derive(Clone, Debug, Default)]
pub struct AddressQuota(Arc<Bucket>);

impl AddressLimit {
    pub fn new(rate: RateLimit) -> Self {
        Self {
            quota: Quota::of(rate),
            began: Instant::now(),
            shards: Default::default(),
        }
    }

    /// Takes one request from the address's quota.
    ///
    /// # Errors
    /// The seconds to wait, at least 1, when it is one too many.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        self.take_from(&self.quota_of(address), now)
    }

    /// # Errors
    /// As [`Self::take`].
    #[inline]
    pub fn take_from(&self, quota: &AddressQuota, now: Instant) -> Result<(), u64> {
        let taken = quota.0.take(self.quota, nanos(self.began, now));
        taken.map(drop).map_err(whole_seconds)
    }

    pub fn quota_of(&self, address: IpAddr) -> AddressQuota {
        let network = network(address);
        let shard = &self.shards[shard(network)];
        let known = shard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(quota) = known.get(&network) {
            return quota.clone();
        }
        drop(known);
        let mut known = shard.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(network).or_default().clone()
    }

    /// Forgets addresses whose quota is whole again, but for those that somebody keeps.
    pub fn forget_idle(&self) {
        let now = nanos(self.began, Instant::now());
        for shard in &self.shards {
            let mut known = shard.write().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, AddressQuota(bucket)| {
                Arc::strong_count(bucket) > 1 || bucket.0.load(Ordering::Relaxed) > now
            });
            known.shrink_to_fit();
        }
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

fn shard(network: IpAddr) -> usize {
    let byte = match network {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(address) => address.octets()[7],
    };
    usize::from(byte) % SHARDS
}

fn nanos(began: Instant, now: Instant) -> u64 {
    let since: Duration = now.saturating_duration_since(began);
    since.as_secs() * NANOS + u64::from(since.subsec_nanos())
}

/// At least 1.
fn whole_seconds(nanos: u64) -> u64 {
    nanos.div_ceil(NANOS).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(requests: u32, per_seconds: u32) -> RateLimit {
        RateLimit {
            requests,
            per_seconds,
        }
    }

    #[test]
    fn a_key_gets_its_quota_and_no_more() {
        let limit = KeyLimit::new(rate(100, 60));
        let now = Instant::now();
        let allowances: Vec<_> = (0..150).map(|_| limit.take(now)).collect();
        let granted = allowances
            .iter()
            .filter(|allowance| allowance.retry_after.is_none())
            .count();
        assert_eq!(granted, 100);
        assert_eq!(
            (allowances[0].remaining, allowances[0].reset_seconds),
            (99, 1)
        );
        let last = allowances[149];
        assert_eq!(
            (last.remaining, last.retry_after, last.reset_seconds),
            (0, Some(1), 60)
        );
        // One comes back every 0.6 seconds.
        let later = now + Duration::from_secs(6);
        let granted = (0..20).filter(|_| limit.take(later).retry_after.is_none());
        assert_eq!(granted.count(), 10);
    }

    #[test]
    fn addresses_are_counted_apart_and_ipv6_by_network() {
        let limit = AddressLimit::new(rate(2, 3600));
        let now = Instant::now();
        let take = |address: &str| limit.take(address.parse().unwrap(), now).is_ok();
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
    fn an_address_is_forgotten_when_it_has_all_again_and_nobody_keeps_it() {
        let limit = AddressLimit::new(rate(1, 1));
        let address = |last| IpAddr::from([192, 0, 2, last]);
        let long_ago = limit.began;
        let kept = limit.quota_of(address(1));
        limit.take_from(&kept, long_ago).unwrap();
        limit.take(address(2), long_ago).unwrap();
        limit
            .take(address(3), long_ago + Duration::from_hours(1))
            .unwrap();
        limit.forget_idle();
        let is_known = |last| {
            let network = address(last);
            let shard = limit.shards[shard(network)].read().unwrap();
            shard.contains_key(&network)
        };
        assert!(is_known(3), "its quota is not whole");
        assert!(is_known(1), "somebody keeps it");
        assert!(Arc::ptr_eq(&kept.0, &limit.quota_of(address(1)).0));
    }

    proptest! {
        /// Over any time, no more than the quota and what comes back meanwhile; and never none at all.
        #[test]
        fn nobody_gets_more_than_his_rate(
            requests in 1_u32..50,
            per_seconds in 1_u32..100,
            pauses in proptest::collection::vec(0_u64..3_000_000_000, 1..200),
        ) {
            let limit = KeyLimit::new(rate(requests, per_seconds));
            let mut now = limit.began;
            let mut granted = 0_u64;
            for pause in &pauses {
                now += Duration::from_nanos(*pause);
                let allowance = limit.take(now);
                prop_assert!(allowance.remaining < requests);
                prop_assert!(allowance.reset_seconds <= u64::from(per_seconds));
                match allowance.retry_after {
                    None => granted += 1,
                    Some(seconds) => {
                        prop_assert_eq!(allowance.remaining, 0);
                        let patient = now + Duration::from_secs(seconds);
                        prop_assert!(limit.bucket.0.load(Ordering::Relaxed) <= nanos(limit.began, patient) + limit.quota.whole - limit.quota.request);
                    }
                }
            }
            let passed = nanos(limit.began, now);
            prop_assert!(granted <= u64::from(requests) + passed / limit.quota.request);
            prop_assert!(granted >= 1);
        }
    }
}
