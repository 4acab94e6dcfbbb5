use proptest::prelude::*;

use super::*;
use crate::models::{Estimate, Metric};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn compared(challenger: f64, live: f64, low: f64, high: f64, rows: u64) -> Compared {
    Compared {
        metric: Metric::Rmse,
        challenger,
        live,
        difference: Estimate {
            value: challenger - live,
            low,
            high,
        },
        rows,
        refused: 0,
    }
}

fn verdict(found: Compared, lineage: Lineage) -> RetrainingVerdict {
    let now = at("2026-01-15T09:00:00Z");
    judge(Some(3), &Comparison::Compared(found), lineage, now)
}

#[test]
fn a_verdict_is_a_sentence_with_its_figures() {
    let better = verdict(
        compared(44_737.2, 46_120.4, -1_800.4, -950.3, 4128),
        Lineage::HeldOut,
    );
    assert_eq!(better.kind, RetrainingVerdictKind::Better);
    assert_eq!(
        better.sentence,
        "beats v3: RMSE 44,737 against 46,120, difference -1,383 (95 % -1,800 to -950.3), on 4,128 held-out rows"
    );
    let worse = verdict(compared(3.0, 2.0, 0.5, 1.5, 100), Lineage::MayHaveLearned);
    assert_eq!(worse.kind, RetrainingVerdictKind::Worse);
    assert_eq!(
        worse.sentence,
        "does worse than v3: RMSE 3 against 2, difference 1 (95 % 0.5 to 1.5), on 100 held-out rows; the live version may have \
         learned from these rows, so this favours it"
    );
    let same = verdict(compared(2.0, 2.0, 0.0, 0.0, 100), Lineage::Unknown);
    assert_eq!(same.kind, RetrainingVerdictKind::NotClearlyBetter);
    assert!(same.sentence.contains("is not known"), "{}", same.sentence);
    let mut refused = compared(1.0, 2.0, -1.5, -0.5, 100);
    refused.refused = 1200;
    let refused = verdict(refused, Lineage::Apart);
    assert!(
        refused
            .sentence
            .ends_with("; 1,200 more are left out, which one of the two refused")
    );
}

#[test]
fn what_can_not_be_compared_says_why() {
    let now = at("2026-01-15T09:00:00Z");
    let reason = "the table has no column \"rooms\"".to_owned();
    let none = Comparison::NotComparable { reason };
    let found = judge(None, &none, Lineage::Unknown, now);
    assert_eq!(found.kind, RetrainingVerdictKind::NotComparable);
    assert_eq!(
        found.sentence,
        "not comparable with the live version: the table has no column \"rooms\""
    );
    let few = verdict(compared(1.0, 2.0, -1.0, -1.0, 29), Lineage::Apart);
    assert_eq!(few.kind, RetrainingVerdictKind::NotComparable);
    assert!(few.sentence.contains("29 held-out rows, and 30 are needed"));
    let endless = verdict(
        compared(1.0, f64::INFINITY, f64::NEG_INFINITY, -1.0, 100),
        Lineage::Apart,
    );
    assert_eq!(endless.kind, RetrainingVerdictKind::NotComparable);
}

fn facts(schedule: Option<&Schedule>) -> PolicyFacts<'_> {
    PolicyFacts {
        schedule,
        on_new_dataset_version: false,
        is_paused: false,
        is_busy: false,
        done_until: at("2026-01-15T09:00:00Z"),
        not_before: None,
        seen_version: 1,
        newest_ready: Some(1),
        ready_since: 0,
    }
}

#[test]
fn a_schedule_fires_its_last_missed_moment_once() {
    let schedule = Schedule::parse("0 * * * *").unwrap();
    let mut facts = facts(Some(&schedule));
    assert_eq!(due(&facts, at("2026-01-15T09:59:00Z")), None);
    let now = at("2026-01-15T13:30:00Z");
    let found = due(&facts, now).unwrap();
    assert_eq!(found.occurrence, Some(at("2026-01-15T13:00:00Z")));
    assert_eq!((found.trigger, found.skipped), (Trigger::Schedule, 3));
    facts.done_until = at("2026-01-15T13:00:00Z");
    assert_eq!(due(&facts, now), None);
}

#[test]
fn a_new_dataset_version_fires_once_and_only_if_asked_for() {
    let mut facts = facts(None);
    let now = at("2026-01-15T13:30:00Z");
    (facts.newest_ready, facts.ready_since) = (Some(4), 3);
    assert_eq!(due(&facts, now), None);
    facts.on_new_dataset_version = true;
    let found = due(&facts, now).unwrap();
    assert_eq!((found.trigger, found.skipped), (Trigger::DatasetVersion, 2));
    facts.seen_version = 4;
    assert_eq!(due(&facts, now), None);
}

#[test]
fn failures_put_off_ever_longer_and_end_in_a_pause() {
    let now = at("2026-01-15T09:00:00Z");
    let pauses: Vec<Option<f64>> = (1..=MOST_FAILURES)
        .map(|failures| after_failure(failures, now).map(|at| at.seconds_since(now)))
        .collect();
    assert_eq!(
        pauses,
        [Some(300.0), Some(600.0), Some(1200.0), Some(2400.0), None]
    );
}

#[test]
fn every_wrong_field_of_a_policy_is_named_at_once() {
    let spec: RetrainingSpec = serde_json::from_value(serde_json::json!({
        "training": {
            "dataset": "d", "dataset_version": 3, "target": "", "model": "other", "algorithm": "auto",
        },
        "schedule": "never",
        "on_better": "propose",
    }))
    .unwrap();
    let Err(Error::Invalid(errors)) = spec.check(&Name::new("price").unwrap()) else {
        panic!("the policy was taken")
    };
    let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/training/model",
            "/training/dataset_version",
            "/training/target",
            "/schedule",
            "/deployment"
        ]
    );
}

#[test]
fn a_schedule_that_comes_too_often_is_refused() {
    let check = |schedule: &str| {
        let spec = serde_json::json!({
            "training": { "dataset": "d", "target": "y", "model": "price", "algorithm": "auto" },
            "schedule": schedule,
        });
        let spec: RetrainingSpec = serde_json::from_value(spec).unwrap();
        spec.check(&Name::new("price").unwrap())
    };
    for (schedule, pause) in [
        ("* * * * *", "pauses of 1 minute"),
        ("*/14 * * * *", "pauses of 4 minutes"),
        ("50 23,22 * * *", ""),
        ("0,50 0,23 * * *", "pauses of 10 minutes"),
        ("*/15 * * * *", ""),
        ("@hourly", ""),
    ] {
        match check(schedule) {
            Ok(read) => assert!(pause.is_empty() && read.is_some(), "{schedule}"),
            Err(Error::Invalid(errors)) => {
                assert_eq!(errors.len(), 1);
                assert_eq!(errors[0].pointer, "/schedule");
                assert_eq!(errors[0].got.as_deref(), Some(schedule));
                let expected = &errors[0].expected;
                assert!(!pause.is_empty() && expected.ends_with(pause), "{expected}");
                assert!(expected.starts_with("moments that are at least 15 minutes apart"));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_the_live_version_may_know_follows_from_what_both_were_trained_on() {
    let spec = |dataset: &str, version: i32, seed: u64, algorithm: &str| -> TrainingSpec {
        let spec = serde_json::json!({
            "dataset": dataset, "dataset_version": version, "target": "y", "model": "m", "algorithm": algorithm,
            "split": { "seed": seed, "folds": 3 },
        });
        serde_json::from_value(spec).unwrap()
    };
    let new = spec("d", 2, 42, "auto");
    for (live, expected) in [
        (None, Lineage::Unknown),
        (Some(spec("other", 2, 42, "auto")), Lineage::Apart),
        (Some(spec("d", 1, 42, "auto")), Lineage::MayHaveLearned),
        (Some(spec("d", 2, 7, "auto")), Lineage::MayHaveLearned),
        (Some(spec("d", 2, 42, "ridge")), Lineage::HeldOut),
    ] {
        assert_eq!(Lineage::of(&new, live.as_ref()), expected, "{live:?}");
    }
    let mut live = spec("d", 2, 42, "ridge");
    live.target = "z".to_owned();
    assert_eq!(Lineage::of(&new, Some(&live)), Lineage::MayHaveLearned);
    live = spec("d", 2, 42, "ridge");
    live.split.folds = None;
    assert_eq!(Lineage::of(&new, Some(&live)), Lineage::HeldOut);
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    (
        proptest::option::of(1..4),
        proptest::option::of(1..4),
        proptest::option::of(1..4),
        proptest::collection::vec("[a-z]{1,3}", 0..2),
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(live_version, compared_with, active_canary, new_inputs, (is_paused, is_outdated))| {
                Circumstances {
                    live_version,
                    compared_with,
                    active_canary,
                    new_inputs,
                    is_paused,
                    is_outdated,
                }
            },
        )
}

proptest! {
    #[test]
    fn a_canary_starts_only_where_everything_speaks_for_it(
        on_better in proptest::sample::select(OnBetter::ALL.to_vec()),
        (challenger, live) in (0.0..100.0f64, 0.0..100.0f64),
        (below, above) in (0.0..50.0f64, 0.0..50.0f64),
        rows in 0_u64..200,
        circumstances in circumstances(),
    ) {
        let difference = challenger - live;
        let found = compared(challenger, live, difference - below, difference + above, rows);
        let verdict = verdict(found, Lineage::Apart);
        let is_better = difference + above < 0.0 && rows >= MIN_COMPARED_ROWS;
        prop_assert_eq!(verdict.kind == RetrainingVerdictKind::Better, is_better);
        let decision = decide(on_better, Some(verdict.kind), &circumstances);
        let starts = on_better == OnBetter::StartCanary
            && is_better
            && circumstances.live_version == circumstances.compared_with
            && circumstances.active_canary.is_none()
            && circumstances.new_inputs.is_empty()
            && !circumstances.is_paused
            && !circumstances.is_outdated;
        prop_assert_eq!(decision == Decision::StartCanary, starts);
        if matches!(decision, Decision::Propose(_)) {
            prop_assert!(is_better && on_better != OnBetter::Nothing);
        }
        if !is_better || on_better == OnBetter::Nothing {
            prop_assert!(matches!(decision, Decision::Keep(_)));
        }
    }

    /// What has once been fired is not due again, whatever the time between two looks.
    #[test]
    fn nothing_is_due_twice(
        minute in 0_u8..60,
        steps in proptest::collection::vec(0_i64..200_000, 1..30),
    ) {
        let schedule = Schedule::parse(&format!("{minute} */3 * * *")).unwrap();
        let mut facts = facts(Some(&schedule));
        let mut now = facts.done_until;
        let mut fired = Vec::new();
        for step in steps {
            now = now.plus_seconds(step);
            if let Some(found) = due(&facts, now) {
                let occurrence = found.occurrence.unwrap();
                prop_assert!(occurrence <= now && !fired.contains(&occurrence));
                fired.push(occurrence);
                facts.done_until = occurrence;
                prop_assert_eq!(due(&facts, now), None);
            }
        }
    }

    #[test]
    fn nothing_starts_while_paused_busy_or_put_off(hours in 0_i64..2000) {
        let schedule = Schedule::parse("0 * * * *").unwrap();
        let ready = facts(Some(&schedule));
        let now = ready.done_until.plus_seconds(hours * 3600);
        for held in [
            PolicyFacts { is_paused: true, ..ready },
            PolicyFacts { is_busy: true, ..ready },
            PolicyFacts { not_before: Some(now.plus_seconds(1)), ..ready },
        ] {
            prop_assert_eq!(due(&held, now), None);
        }
    }
}
