//! Deployments that do not keep their versions loaded.

use std::collections::HashMap;
use std::time::Duration;

use domain::Error;
use domain::predictions::{PredictResponse, Route};
use serving::predict::{Forced, Request, from_deployment};
use serving::snapshot::Deployment;
use serving::{Options, Room, Serving};

use crate::built::{Built, ROW, artifact, at, request};

/// With a canary, let go after ten seconds.
fn built() -> Built {
    let mut built = Built::new(artifact(10.0), artifact(20.0)).with_canary(50.0);
    let capacity = &mut built.table.deployments[0].capacity;
    (capacity.min_warm, capacity.idle_seconds) = (0, 10);
    built
}

fn deployment(serving: &Serving, built: &Built) -> std::sync::Arc<Deployment> {
    let snapshot = serving.snapshot();
    std::sync::Arc::clone(snapshot.deployment(built.project, "price").unwrap())
}

#[test]
fn nothing_is_loaded_until_somebody_asks_and_that_is_no_fault_of_the_canary() {
    let built = built();
    let serving = Serving::default();
    assert!(serving.snapshot().missing(&built.table, at(0)).is_empty());
    serving.swap(built.snapshot());
    assert!(!serving.snapshot().is_to_be_tried_again());
    let deployment = deployment(&serving, &built);
    let ask = || {
        let forced = Request {
            forced: Some(Forced::Canary),
            ..request(ROW)
        };
        from_deployment(&built.recorder, &deployment, &forced)
    };
    let counted = || {
        let mut all = Vec::new();
        built.recorder.collect(at(500), |subject, counts| {
            all.push((
                subject.route,
                counts.requests,
                counts.fell_back,
                counts.failed,
            ));
        });
        all
    };
    assert!(matches!(ask().unwrap_err(), Error::Unavailable { .. }));
    assert!(counted().is_empty(), "nobody was asked");
    deployment.stable.version.load(Ok(&artifact(10.0)));
    let answer: PredictResponse = serde_json::from_slice(&ask().unwrap().body).unwrap();
    assert_eq!((answer.version, answer.route), (1, Route::Stable));
    assert_eq!(counted(), [(Route::Stable, 1, 0, 0)]);
    // A canary that can not be loaded is at fault.
    let canary = &deployment.canary.as_ref().unwrap().arm.version;
    canary.load(Err("its artifact is gone".to_owned()));
    assert_eq!(ask().unwrap().route, Route::Stable);
    let all = counted();
    assert!(all.contains(&(Route::Canary, 1, 1, 0)), "{all:?}");
}

#[test]
fn the_longest_patience_of_its_deployments_holds_for_a_version() {
    let mut built = built();
    let mut patient = built.table.deployments[0].clone();
    patient.id = domain::ids::DeploymentId::at(at(60));
    patient.name = crate::built::name("patient");
    (patient.rollout, patient.capacity.idle_seconds) = (None, 20);
    built.table.deployments.push(patient);
    let serving = Serving::new(Options {
        room: Room {
            idle: Duration::from_secs(1),
            ..Room::default()
        },
        ..Options::default()
    });
    serving.swap(built.snapshot());
    let deployment = deployment(&serving, &built);
    let canary = &deployment.canary.as_ref().unwrap().arm.version;
    let stable = &deployment.stable.version;
    for version in [stable, canary] {
        version.load(Ok(&artifact(10.0)));
        version.touch(at(100));
    }
    let loaded = |seconds| {
        serving.make_room(at(seconds));
        (stable.is_loaded(), canary.is_loaded())
    };
    assert_eq!(loaded(110), (true, true));
    assert_eq!(loaded(111), (true, false));
    assert_eq!(loaded(120), (true, false));
    assert_eq!(loaded(121), (false, false));
}

#[test]
fn what_is_no_longer_kept_has_its_time_from_then_on() {
    let mut built = built();
    built.table.deployments[0].capacity.min_warm = 1;
    built.table.deployments[0].rollout = None;
    let serving = Serving::default();
    serving.swap(built.snapshot());
    built.table.deployments[0].capacity.min_warm = 0;
    let next = {
        let snapshot = serving.snapshot();
        assert!(snapshot.missing(&built.table, at(1000)).is_empty());
        snapshot.next(built.table.clone(), &HashMap::new(), &built.recorder)
    };
    serving.swap(next);
    let version = &deployment(&serving, &built).stable.version;
    serving.make_room(at(1010));
    assert!(version.is_loaded());
    serving.make_room(at(1011));
    assert!(!version.is_loaded());
}

#[test]
fn what_is_loaded_ahead_makes_room_for_what_is_asked_now() {
    let built = built();
    let serving = Serving::new(Options {
        room: Room {
            bytes: 0,
            ..Room::default()
        },
        ..Options::default()
    });
    serving.swap(built.snapshot());
    let deployment = deployment(&serving, &built);
    let canary = &deployment.canary.as_ref().unwrap().arm.version;
    let stable = &deployment.stable.version;
    for (version, moment) in [(stable, 100), (canary, 99)] {
        version.load(Ok(&artifact(10.0)));
        version.touch(at(moment));
    }
    canary.expect_use(at(400));
    assert_eq!(serving.make_room(at(101)).crowded_out, 1);
    assert!(stable.is_loaded() && !canary.is_loaded());
}
