use domain::Error;
use domain::predictions::{PredictResponse, Route};
use serving::dialects::Native;
use serving::predict::{Answer, Forced, Request, from_deployment};
use serving::recorder::Counts;

use crate::built::{Built, ROW, artifact, at, failing_artifact, request};

fn ask(
    built: &Built,
    snapshot: &serving::Snapshot,
    request: &Request<'_, Native>,
) -> domain::Result<Answer> {
    from_deployment(
        &built.recorder,
        snapshot.deployment(built.project, "price").unwrap(),
        request,
    )
}

fn counted(built: &Built) -> Vec<(Route, Counts)> {
    let mut all = Vec::new();
    built.recorder.collect(at(500), |subject, counts| {
        all.push((subject.route, counts.clone()));
    });
    all.sort_by_key(|(route, _)| route.as_str());
    all
}

#[test]
fn an_answer_has_the_shape_of_the_contract() {
    let built = Built::new(artifact(10.0), artifact(20.0));
    let answer = ask(&built, &built.snapshot(), &request(ROW)).unwrap();
    let response: PredictResponse = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(response.predictions, [serde_json::json!(1017.5)]);
    assert_eq!(
        (
            response.model.as_str(),
            response.version,
            response.route,
            response.request_id.as_str()
        ),
        ("price", 1, Route::Stable, "r1")
    );
    let batch = r#"{"inputs":[{"rooms":1,"place":"INLAND"},{"rooms":2,"place":"INLAND"}]}"#;
    let answer = ask(&built, &built.snapshot(), &request(batch)).unwrap();
    let response: PredictResponse = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        response.predictions,
        [serde_json::json!(12.0), serde_json::json!(14.0)]
    );
}

#[test]
fn the_canary_gets_its_share_and_a_caller_stays_on_its_arm() {
    let built = Built::new(artifact(10.0), artifact(20.0)).with_canary(20.0);
    let snapshot = built.snapshot();
    let mut canary = 0;
    for n in 0..10_000 {
        let key = format!("caller-{n}");
        let routed = Request {
            routing_key: key.as_bytes(),
            ..request(ROW)
        };
        let answer = ask(&built, &snapshot, &routed).unwrap();
        assert_eq!(
            answer,
            Answer {
                parse: answer.parse,
                predict: answer.predict,
                ..ask(&built, &snapshot, &routed).unwrap()
            }
        );
        assert_eq!(
            answer.version,
            if answer.route == Route::Canary { 2 } else { 1 }
        );
        canary += usize::from(answer.route == Route::Canary);
    }
    // Five standard deviations of a binomial with these figures.
    assert!((1800..=2200).contains(&canary), "{canary}");
}

#[test]
fn an_arm_can_be_forced() {
    let built = Built::new(artifact(10.0), artifact(20.0)).with_canary(0.0);
    let snapshot = built.snapshot();
    let route = |forced| {
        ask(
            &built,
            &snapshot,
            &Request {
                forced,
                ..request(ROW)
            },
        )
        .unwrap()
        .route
    };
    assert_eq!(
        [
            route(None),
            route(Some(Forced::Canary)),
            route(Some(Forced::Stable))
        ],
        [Route::Stable, Route::Canary, Route::Stable]
    );
}

#[test]
fn a_failing_canary_is_stood_in_for_and_counted() {
    let built = Built::new(artifact(10.0), failing_artifact()).with_canary(100.0);
    let snapshot = built.snapshot();
    assert_eq!(
        snapshot
            .health()
            .into_values()
            .next()
            .unwrap()
            .canary_problem,
        None,
        "its probe passes"
    );
    let answer = ask(&built, &snapshot, &request(ROW)).unwrap();
    assert_eq!((answer.version, answer.route), (1, Route::Stable));
    let counted = counted(&built);
    let [(Route::Canary, canary), (Route::Stable, stable)] = counted.as_slice() else {
        panic!("{counted:?}")
    };
    assert_eq!(
        (canary.requests, canary.fell_back, canary.failed),
        (1, 1, 0)
    );
    assert_eq!(
        (stable.requests, stable.fell_back, stable.failed),
        (1, 0, 0)
    );
    let batch = built.recorder.drain();
    assert_eq!(
        batch
            .samples
            .iter()
            .map(|sample| (sample.arm.as_str(), sample.stats.errors))
            .filter(|(_, errors)| *errors > 0)
            .collect::<Vec<_>>(),
        [("canary", 1)]
    );
}

#[test]
fn a_canary_that_can_not_be_loaded_is_a_failing_one() {
    let mut built = Built::new(artifact(10.0), b"not an artifact".to_vec()).with_canary(100.0);
    for artifact in [
        Ok(b"not an artifact".to_vec()),
        Err("the file is gone".to_owned()),
    ] {
        built.artifacts.insert("b".repeat(64), artifact);
        let snapshot = built.snapshot();
        assert!(
            snapshot
                .health()
                .into_values()
                .next()
                .unwrap()
                .canary_problem
                .is_some()
        );
        assert_eq!(
            ask(&built, &snapshot, &request(ROW)).unwrap().route,
            Route::Stable
        );
        assert_eq!(counted(&built)[0].1.fell_back, 1);
    }
}

#[test]
fn a_stable_version_that_fails_is_told() {
    let built = Built::new(failing_artifact(), artifact(10.0));
    let error = ask(&built, &built.snapshot(), &request(ROW)).unwrap_err();
    assert!(
        matches!(&error, Error::ModelFailed(message) if message.contains("version 1 of model price")),
        "{error}"
    );
    assert_eq!(counted(&built)[0].1.failed, 1);
}

#[test]
fn a_stable_version_that_can_not_be_loaded_is_not_ready() {
    let mut flipped = artifact(10.0);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let built = Built::new(flipped, artifact(10.0));
    let snapshot = built.snapshot();
    let error = ask(&built, &snapshot, &request(ROW)).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable { message, retry_after: 1.., .. } if message.contains("not ready")),
        "{error}"
    );
    assert!(
        !snapshot.is_to_be_tried_again(),
        "not at once: it just failed"
    );
}

#[test]
fn wrong_inputs_are_the_callers_fault_on_either_arm() {
    let built = Built::new(artifact(10.0), artifact(20.0)).with_canary(100.0);
    let error = ask(
        &built,
        &built.snapshot(),
        &request(r#"{"inputs":{"rooms":"x"}}"#),
    )
    .unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
    let counted = counted(&built);
    assert_eq!(
        counted
            .iter()
            .map(|(_, counts)| (counts.requests, counts.refused))
            .collect::<Vec<_>>(),
        [(0, 1)]
    );
}
