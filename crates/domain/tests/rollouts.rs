//! The judge's rule, held to what must be true of it whatever the figures are.

#![allow(clippy::unwrap_used, reason = "what a test stands on has to be there")]

use domain::Timestamp;
use domain::rollouts::{ArmStats, RolloutPolicy, RolloutStats, VerdictKind, decide, is_step_over};
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH.plus_seconds(seconds)
}

prop_compose! {
    fn arms()(requests in 0_u64..10_000, share in 0.0..=1.0_f64) -> ArmStats {
        ArmStats { requests, errors: ((requests as f64) * share) as u64 }
    }
}

prop_compose! {
    fn policies()(max_error_rate in 0.0..=1.0_f64, min_samples in 1_u32..2000, window_seconds in 10_u32..86_400) -> RolloutPolicy {
        RolloutPolicy { max_error_rate, min_samples, window_seconds }
    }
}

prop_compose! {
    fn facts()(stable in arms(), canary in arms(), started in 0_i64..10_000, steps in 1_usize..20, at_step in 0_usize..20, step_seconds in 0_u32..10_000) -> RolloutStats {
        RolloutStats { stable, canary, step_started_at: at(started), step: at_step.min(steps - 1), steps, step_seconds }
    }
}

proptest! {
    #[test]
    fn the_same_facts_give_the_same_verdict(policy in policies(), stats in facts(), now in 10_000_i64..30_000) {
        prop_assert_eq!(decide(&policy, &stats, at(now)), decide(&policy, &stats, at(now)));
    }

    #[test]
    fn enough_samples_over_the_limit_are_rolled_back_and_within_it_never(policy in policies(), stats in facts(), now in 10_000_i64..30_000) {
        let verdict = decide(&policy, &stats, at(now));
        if stats.canary.requests >= u64::from(policy.min_samples) {
            let is_over = stats.canary.error_rate() > policy.max_error_rate;
            prop_assert_eq!(verdict.kind == VerdictKind::RollBack, is_over);
            prop_assert_ne!(verdict.kind, VerdictKind::NotEnoughData);
        }
    }

    /// Before there are enough samples, only what can not be made good any more is acted on.
    #[test]
    fn an_early_rollback_is_one_that_would_come_anyway(policy in policies(), stats in facts(), now in 10_000_i64..30_000) {
        if stats.canary.requests < u64::from(policy.min_samples) {
            let verdict = decide(&policy, &stats, at(now));
            let best = ArmStats { requests: u64::from(policy.min_samples), errors: stats.canary.errors };
            let at_best = decide(&policy, &RolloutStats { canary: best, ..stats }, at(now));
            let expected = if at_best.kind == VerdictKind::RollBack { VerdictKind::RollBack } else { VerdictKind::NotEnoughData };
            prop_assert_eq!(verdict.kind, expected);
        }
    }

    #[test]
    fn without_errors_nothing_is_rolled_back(policy in policies(), mut stats in facts(), now in 10_000_i64..30_000) {
        stats.canary.errors = 0;
        prop_assert_ne!(decide(&policy, &stats, at(now)).kind, VerdictKind::RollBack);
    }

    #[test]
    fn more_errors_never_save_a_canary(policy in policies(), stats in facts(), more in 0_u64..1000, now in 10_000_i64..30_000) {
        let worse = ArmStats { errors: (stats.canary.errors + more).min(stats.canary.requests), ..stats.canary };
        if decide(&policy, &stats, at(now)).kind == VerdictKind::RollBack {
            let verdict = decide(&policy, &RolloutStats { canary: worse, ..stats }, at(now));
            prop_assert_eq!(verdict.kind, VerdictKind::RollBack);
        }
    }

    /// The figures of the verdict are those it was made from, and its reason is a sentence that names some.
    #[test]
    fn a_verdict_shows_its_figures(policy in policies(), stats in facts(), now in 10_000_i64..30_000) {
        let verdict = decide(&policy, &stats, at(now));
        prop_assert_eq!((verdict.stable, verdict.canary, verdict.at), (stats.stable, stats.canary, at(now)));
        prop_assert!(verdict.reason.contains(&stats.canary.requests.to_string()));
        prop_assert!(!verdict.reason.contains('\n') && verdict.reason.len() < 200);
    }

    #[test]
    fn nobody_but_a_person_promotes(policy in policies(), stats in facts(), now in 10_000_i64..30_000) {
        prop_assert_ne!(decide(&policy, &stats, at(now)).kind, VerdictKind::Promote);
    }

    #[test]
    fn a_step_ends_when_its_time_is_over_and_the_last_one_never(stats in facts(), now in 10_000_i64..30_000) {
        let waited = at(now).seconds_since(stats.step_started_at) >= f64::from(stats.step_seconds);
        prop_assert_eq!(is_step_over(&stats, at(now)), waited && stats.step + 1 < stats.steps);
    }
}
