//! What keys have sent: counted here, added up by the database over all processes, and held against their budgets.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::Timestamp;
use domain::budgets::{Budget, Usage};
use domain::ids::ApiKeyId;

/// Of a key and those that it was rotated from and to. Every snapshot shares it.
#[derive(Debug)]
pub struct KeyUsage {
    /// The first key of the line.
    pub line: ApiKeyId,
    /// Counted here and not yet added to the database.
    pending: AtomicU64,
    /// In the budget's period, when the database was last asked.
    stored: AtomicU64,
    /// Unix seconds: when the period of `stored` ends.
    ends: AtomicI64,
}

/// What a budget says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLeft {
    pub budget: Budget,
    /// Requests left now.
    pub remaining: u64,
    /// Seconds until the next period, at least 1.
    pub reset_seconds: u64,
    /// This request is one too many.
    pub is_refused: bool,
}

impl KeyUsage {
    pub(crate) fn new(line: ApiKeyId) -> Self {
        Self {
            line,
            pending: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            ends: AtomicI64::new(i64::MIN),
        }
    }

    pub(crate) fn count(&self) {
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that the budget has room for, or that it may not refuse.
    pub(crate) fn take(&self, budget: Budget, now: Timestamp) -> BudgetLeft {
        let ends = budget.per.end(now).unix_seconds();
        let seconds = now.unix_seconds();
        // The first request of a period may come before the database has been asked again.
        let stored = if seconds < self.ends.load(Ordering::Acquire) {
            self.stored.load(Ordering::Relaxed)
        } else {
            0
        };
        let before = self.pending.fetch_add(1, Ordering::Relaxed);
        let used = stored.saturating_add(before).saturating_add(1);
        let is_refused = budget.hard && used > budget.requests;
        if is_refused {
            self.pending.fetch_sub(1, Ordering::Relaxed);
        }
        BudgetLeft {
            budget,
            remaining: budget.requests.saturating_sub(used),
            reset_seconds: u64::try_from(ends - seconds).unwrap_or(0).max(1),
            is_refused,
        }
    }

    /// What is to be added to the database.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// `added` of what was pending are in the database, which says that all processes together have sent `usage`.
    pub fn settle(&self, added: u64, usage: Usage, budget: Option<Budget>, now: Timestamp) {
        if let Some(budget) = budget {
            self.stored.store(usage.of(budget.per), Ordering::Relaxed);
            self.ends
                .store(budget.per.end(now).unix_seconds(), Ordering::Release);
        }
        // After the other: for a moment these requests count twice, never not at all.
        self.pending.fetch_sub(added, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use domain::budgets::BudgetPeriod;

    use super::*;

    fn budget(requests: u64, hard: bool) -> Budget {
        Budget {
            requests,
            per: BudgetPeriod::Day,
            hard,
        }
    }

    fn usage() -> KeyUsage {
        KeyUsage::new(ApiKeyId::at(Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn a_budget_is_used_up_over_all_processes_and_begins_anew() {
        let (usage, budget) = (usage(), budget(10, true));
        let now = Timestamp::UNIX_EPOCH.plus_seconds(3600);
        let take = |now| usage.take(budget, now);
        assert_eq!((take(now).remaining, take(now).remaining), (9, 8));
        assert_eq!(take(now).reset_seconds, 23 * 3600);
        // Another process sent 5.
        let all = Usage {
            today: 8,
            this_month: 80,
        };
        usage.settle(3, all, Some(budget), now);
        assert_eq!(usage.pending(), 0);
        assert_eq!((take(now).remaining, take(now).remaining), (1, 0));
        let refused = take(now);
        assert!(refused.is_refused && refused.remaining == 0);
        assert_eq!(usage.pending(), 2, "what is refused is not counted");
        let tomorrow = now.plus_seconds(86_400);
        usage.settle(2, Usage::default(), Some(budget), tomorrow);
        assert_eq!(take(tomorrow).remaining, 9);
    }

    #[test]
    fn a_soft_budget_counts_and_refuses_nothing() {
        let (usage, budget) = (usage(), budget(1, false));
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..3 {
            assert!(!usage.take(budget, now).is_refused);
        }
        assert_eq!((usage.pending(), usage.take(budget, now).remaining), (3, 0));
    }
}
