use domain::predictions::{Inputs, PredictRequest, Route};
use domain::{Error, Role, Scope};
use serde_json::json;

use crate::harness::{json as body, name, problem};
use crate::served::{SYSTEM, Served, header};

#[tokio::test]
async fn a_canary_is_forced_by_those_who_may_change_it() {
    let served = Served::start().await;
    served.canary(2, 50.0).await;
    let both = served.app.key(&[Scope::Predict(None), Scope::Write]).await;
    let ask = |value: &str| {
        let request = served
            .app
            .post("/predict/price")
            .bearer_auth(&both)
            .json(&json!({"inputs": {"rooms": 3}}));
        request.header("x-canary", value.to_owned())
    };
    for _ in 0..10 {
        for (value, route, version) in [("always", "canary", "2"), ("never", "stable", "1")] {
            let answer = ask(value).send().await.unwrap();
            assert_eq!(header(&answer, "x-model-version"), version);
            assert_eq!(body(answer, 200).await["route"], route);
        }
    }
    problem(ask("perhaps").send().await.unwrap(), 400).await;
    problem(
        served
            .ask()
            .header("x-canary", "always")
            .send()
            .await
            .unwrap(),
        403,
    )
    .await;
    let mut routes = std::collections::BTreeSet::new();
    for n in 0..30 {
        let same = || served.ask().header("x-route-key", format!("customer-{n}"));
        let first = body(same().send().await.unwrap(), 200).await["route"].clone();
        assert_eq!(
            body(same().send().await.unwrap(), 200).await["route"],
            first
        );
        routes.insert(first.as_str().unwrap().to_owned());
    }
    assert_eq!(routes.into_iter().collect::<Vec<_>>(), ["canary", "stable"]);
}

/// 200 requests a second, a tenth of them to a version that fails on every one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_canary_is_out_in_seconds_and_no_client_sees_it() {
    let served = Served::start().await;
    let id = served.canary(3, 10.0).await;
    let started = std::time::Instant::now();
    let (mut sent, mut ticks) = (
        0_u32,
        tokio::time::interval(std::time::Duration::from_millis(50)),
    );
    let ended = loop {
        ticks.tick().await;
        let answers = futures::future::join_all((0..10).map(|_| served.ask().send())).await;
        for answer in answers {
            let answer = answer.unwrap();
            assert_eq!(
                (answer.status().as_u16(), header(&answer, "x-model-version")),
                (200, "1")
            );
            sent += 1;
        }
        let platform = &served.app.platform;
        let rollout =
            platform::rollouts::get(platform, &SYSTEM, &served.project, &served.price, id)
                .await
                .unwrap();
        if !rollout.status.is_active() {
            break rollout;
        }
        assert!(
            started.elapsed().as_secs() < 10,
            "still active after {sent} requests"
        );
    };
    assert_eq!(ended.status, domain::rollouts::RolloutStatus::RolledBack);
    let canary = ended.verdicts[0].canary;
    assert!(
        canary.errors == canary.requests && canary.requests <= 100,
        "{canary:?}"
    );
    let text = served.app.metrics().await;
    let counted = text
        .lines()
        .find(|line| {
            // Other tests of this process count canaries of their own.
            let is_ours = line.contains("version=\"3\"") && line.contains("route=\"canary\"");
            line.starts_with("volary_predict_errors_total") && is_ours
        })
        .unwrap();
    assert!(counted.contains("deployment=\"price\""), "{counted}");
    assert!(text.contains("volary_predict_duration_seconds_bucket"));
}

#[tokio::test]
async fn a_manual_rollback_holds_for_every_later_request() {
    let served = Served::start().await;
    let id = served.canary(2, 100.0).await;
    assert_eq!(
        body(served.ask().send().await.unwrap(), 200).await["version"],
        2
    );
    platform::rollouts::roll_back(
        &served.app.platform,
        &SYSTEM,
        &served.project,
        &served.price,
        id,
        None,
    )
    .await
    .unwrap();
    for _ in 0..50 {
        assert_eq!(
            body(served.ask().send().await.unwrap(), 200).await["version"],
            1
        );
    }
}

#[tokio::test]
async fn a_members_page_predicts_without_a_key() {
    let served = Served::start().await;
    let (platform, project) = (&served.app.platform, &served.project);
    served.canary(2, 0.0).await;
    let predict = served.app.state.predict_fn();
    let ask = async |actor: &domain::Actor, deployment: &str, route: Option<Route>| {
        let row = json!({"rooms": 3}).as_object().unwrap().clone();
        let request = PredictRequest {
            inputs: Inputs::Row(row),
        };
        predict(
            actor.clone(),
            project.clone(),
            name(deployment),
            request,
            route,
            true,
        )
        .await
    };
    let viewer = platform
        .member(project, "vera@example.com", Role::Viewer)
        .await;
    let editor = platform
        .member(project, "egon@example.com", Role::Editor)
        .await;
    let answer = ask(&viewer, "price", None).await.unwrap();
    let added = json!({"scale": "prediction", "base": 10.0, "contributions": {"rooms": 3.0}});
    assert_eq!(answer.explanations, [added]);
    assert_eq!(
        (answer.version, answer.route, &answer.predictions),
        (1, Route::Stable, &vec![json!(13.0)])
    );
    assert!(matches!(
        ask(&viewer, "price", Some(Route::Canary)).await,
        Err(Error::Forbidden(_))
    ));
    assert_eq!(
        ask(&editor, "price", Some(Route::Canary))
            .await
            .unwrap()
            .version,
        2
    );
    assert!(matches!(
        ask(&viewer, "absent", None).await,
        Err(Error::NotFound { .. })
    ));
    let elsewhere = platform.new_project("elsewhere").await;
    let stranger = platform
        .member(&elsewhere, "sam@example.com", Role::Admin)
        .await;
    assert!(matches!(
        ask(&stranger, "price", None).await,
        Err(Error::NotFound { .. })
    ));
}
