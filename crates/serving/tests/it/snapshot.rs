use std::collections::HashMap;

use domain::api_keys::RateLimit;
use domain::deployments::CorsOrigins;
use domain::ids::ProjectId;
use serving::Snapshot;

use crate::built::{Built, artifact, at};

#[test]
fn what_is_loaded_stays_loaded_over_a_reload() {
    let built = Built::new(artifact(10.0), artifact(20.0));
    let empty = Snapshot::default();
    assert_eq!(empty.missing(&built.table, at(0)), ["a".repeat(64)]);
    let first = built.snapshot();
    assert!(first.missing(&built.table, at(0)).is_empty());
    let second = first.next(built.table.clone(), &HashMap::new(), &built.recorder);
    assert!(
        second
            .deployment(built.project, "price")
            .unwrap()
            .stable
            .version
            .predictor()
            .is_some()
    );
    assert!(!second.is_to_be_tried_again());
}

#[test]
fn a_key_keeps_its_quota_over_a_reload_unless_its_limit_changes() {
    let mut built = Built::new(artifact(10.0), artifact(20.0));
    let first = built.snapshot();
    let take = |snapshot: &Snapshot| {
        let key = snapshot.key(&[7; 32]).unwrap();
        key.take(at(0)).1
    };
    assert_eq!([take(&first).remaining, take(&first).remaining], [2, 1]);
    let second = first.next(built.table.clone(), &HashMap::new(), &built.recorder);
    assert_eq!(take(&second).remaining, 0);
    assert!(take(&second).retry_after.is_some());
    built.table.keys[0].rate = RateLimit {
        requests: 10,
        per_seconds: 60,
    };
    let third = second.next(built.table.clone(), &HashMap::new(), &built.recorder);
    assert_eq!(take(&third).remaining, 9);
}

#[test]
fn a_revoked_key_is_gone_and_an_expired_one_inactive() {
    let mut built = Built::new(artifact(10.0), artifact(20.0));
    let first = built.snapshot();
    let key = first.key(&[7; 32]).unwrap();
    assert!(key.is_active(at(999)) && !key.is_active(at(1000)));
    built.table.keys.clear();
    let second = first.next(built.table.clone(), &HashMap::new(), &built.recorder);
    assert!(second.key(&[7; 32]).is_none());
}

#[test]
fn versions_are_found_by_number_and_alias_in_their_project_only() {
    let built = Built::new(artifact(10.0), artifact(20.0));
    let snapshot = built.snapshot();
    let number = |version: &str| {
        snapshot
            .version(built.project, "price", version)
            .map(|version| version.number)
    };
    assert_eq!(
        [
            number("1"),
            number("@champion"),
            number("3"),
            number("champion"),
            number("@"),
            number("+1")
        ],
        [Some(1), Some(2), None, None, None, None]
    );
    let stranger = domain::ids::ProjectId::at(at(99));
    assert!(snapshot.version(stranger, "price", "1").is_none());
    assert!(snapshot.deployment(stranger, "price").is_none());
}

#[test]
fn before_the_caller_is_known_any_deployment_of_the_name_may_allow_a_page() {
    const PAGE: &str = "https://app.example.com";
    let mut built = Built::new(artifact(10.0), artifact(20.0));
    assert_eq!(built.snapshot().allowed_origin(None, "price", PAGE), None);
    built.table.deployments[0].cors_origins = CorsOrigins::new(vec![PAGE.to_owned()]).unwrap();
    let snapshot = built.snapshot();
    let stranger = ProjectId::at(at(99));
    let allowed = |project, deployment, origin| {
        snapshot
            .allowed_origin(project, deployment, origin)
            .is_some()
    };
    assert!(allowed(None, "price", PAGE));
    assert!(allowed(Some(built.project), "price", PAGE));
    assert!(!allowed(Some(stranger), "price", PAGE));
    assert!(!allowed(None, "absent", PAGE));
    assert!(!allowed(None, "price", "https://evil.example"));
}
