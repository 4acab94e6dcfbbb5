//! How much of a deployment is worked on at once. Turns are taken by hand, so that a crowd is as large as a test says.

use std::sync::Arc;

use domain::Scope;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use serving::gate::{Gate, Turn};
use testkit::until;

use crate::harness::{ADMIN, App, json as body, location, problem};
use crate::served::{Served, header, status};

/// A name that no other test has: what a process counts, it counts for all of them.
const CROWDED: &str = "crowded";

/// A server with the deployment, and a key that may change it.
async fn crowded() -> (Served, String) {
    let served = Served::start().await;
    served.put(CROWDED, "price", 1).await;
    let key = served.app.key(&[Scope::Write]).await;
    (served, key)
}

async fn put(served: &Served, key: &str, settings: &Value) -> Response {
    let mut spec = json!({"model": "price", "version": 1});
    let members = spec.as_object_mut().unwrap();
    members.extend(settings.as_object().unwrap().clone());
    served
        .app
        .request(Method::PUT, "/api/v1/projects/default/deployments/crowded")
        .bearer_auth(key)
        .json(&spec)
        .send()
        .await
        .unwrap()
}

async fn set(served: &Served, key: &str, settings: Value) -> Value {
    body(put(served, key, &settings).await, 200).await
}

/// Of the deployment, in the snapshot that this server answers from now.
fn limit(app: &App) -> Option<Arc<Gate>> {
    let snapshot = app.state.serving.snapshot_owned();
    let project = snapshot.project("default").unwrap();
    let deployment = snapshot.deployment(project, CROWDED).unwrap();
    deployment.limit.clone()
}

fn take(app: &App) -> Turn {
    limit(app).unwrap().try_enter().unwrap()
}

fn row(served: &Served) -> RequestBuilder {
    served.to("/predict/crowded", json!({"rooms": 3}))
}

async fn metrics(served: &Served) -> String {
    let text = served.app.metrics().await;
    let lines = text.lines().filter(|line| line.contains(CROWDED));
    lines.map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn a_full_deployment_refuses_whatever_is_asked_of_it() {
    let (served, key) = crowded().await;
    set(&served, &key, json!({"max_in_flight": 1, "max_queue": 0})).await;
    let turn = take(&served.app);
    let large = json!(vec![json!({"rooms": 3}); 9000]);
    for request in [
        row(&served),
        // The same by the router, which has names that are written in another way.
        served.to("/predict/crowde%64", json!({"rooms": 3})),
        served.to("/predict/crowded", large),
    ] {
        let refused = request.send().await.unwrap();
        assert_eq!(header(&refused, "retry-after"), "1");
        let refused = problem(refused, 503).await;
        assert_eq!(refused["error_code"], "overloaded");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("max_in_flight"), "{message}");
    }
    let other = |path: &str, sent: &Value| {
        let request = served.app.post(path).bearer_auth(&served.key);
        request.json(sent).send()
    };
    let tensor = json!({"name": "rooms", "shape": [1], "datatype": "FP64", "data": [3]});
    let infer = other("/v2/models/crowded/infer", &json!({"inputs": [tensor]}));
    let infer = infer.await.unwrap();
    assert_eq!(header(&infer, "retry-after"), "1");
    assert!(body(infer, 503).await["error"].is_string());
    let invoke = other(
        "/deployments/crowded/invocations",
        &json!({"inputs": [[3]]}),
    );
    let invoke = body(invoke.await.unwrap(), 503).await;
    assert_eq!(invoke["error_code"], "TEMPORARILY_UNAVAILABLE");
    // Another deployment of the same version, and the version by its name, have nothing to do with it.
    assert_eq!(status(served.ask()).await, 200);
    let pinned = served.to("/predict/price/1", json!({"rooms": 3}));
    assert_eq!(status(pinned).await, 200);

    let counted = metrics(&served).await;
    let labels = r#"{project="default",deployment="crowded"}"#;
    for line in [
        format!("volary_predict_in_flight{labels} 1\n"),
        format!("volary_predict_queued{labels} 0\n"),
        format!("volary_predict_refused_total{labels} 5\n"),
    ] {
        assert!(counted.contains(&line), "{line} in {counted}");
    }
    drop(turn);
    assert_eq!(status(row(&served)).await, 200);
    assert!(
        metrics(&served)
            .await
            .contains(&format!("volary_predict_in_flight{labels} 0\n"))
    );
}

#[tokio::test]
async fn what_nobody_waits_for_comes_again_until_there_is_a_turn() {
    let (served, key) = crowded().await;
    set(&served, &key, json!({"max_in_flight": 1, "max_queue": 0})).await;
    let turn = take(&served.app);
    let later = async |deployment: &str| {
        let request = served.to(&format!("/predict/{deployment}/async"), json!({"rooms": 3}));
        let accepted = request.send().await.unwrap();
        assert_eq!(accepted.status(), 202);
        location(&accepted).to_owned()
    };
    let look = async |path: &str| {
        let request = served.app.get(path).bearer_auth(&served.key);
        body(request.send().await.unwrap(), 200).await
    };
    let ended = async |path: &str| {
        until("the answer", async || {
            let found = look(path).await;
            found.get("result").is_some().then_some(found)
        })
        .await
    };
    let (first, second) = (later(CROWDED).await, later("price").await);
    // They are taken in their order, so the first has been tried by then.
    ended(&second).await;
    assert_eq!(look(&first).await["status"], "queued");
    drop(turn);
    assert_eq!(ended(&first).await["result"]["predictions"], json!([13.0]));
}

#[tokio::test]
async fn a_change_counts_everywhere_and_drops_nothing() {
    let (served, key) = crowded().await;
    let second = served.app.again(&[]).await;
    assert!(
        limit(&served.app).is_none(),
        "nothing is limited unless told"
    );
    set(&served, &key, json!({"max_in_flight": 1, "max_queue": 0})).await;
    let first_turn = take(&served.app);
    assert_eq!(status(row(&served)).await, 503);
    // Wider: the turn that was taken goes on, and another one is there.
    let wider = set(&served, &key, json!({"max_in_flight": 2})).await;
    assert_eq!(
        (&wider["max_in_flight"], &wider["max_queue"]),
        (&json!(2), &json!(0))
    );
    let gate = limit(&served.app).unwrap();
    assert_eq!(gate.in_flight(), 1);
    assert_eq!(status(row(&served)).await, 200);
    // Narrower: nobody goes in until both are out.
    let second_turn = take(&served.app);
    set(&served, &key, json!({"max_in_flight": 1})).await;
    drop(first_turn);
    assert_eq!(status(row(&served)).await, 503);
    drop(second_turn);
    assert_eq!(status(row(&served)).await, 200);
    until("the other server knows it", async || {
        limit(&second).map(drop)
    })
    .await;
    // Nothing at all: who is in is not asked to leave.
    let turn = take(&served.app);
    let open = set(&served, &key, json!({"max_in_flight": null})).await;
    assert_eq!(open["max_in_flight"], Value::Null);
    assert_eq!(status(row(&served)).await, 200);
    drop(turn);
}

#[tokio::test]
async fn the_settings_are_part_of_the_deployment() {
    let (served, key) = crowded().await;
    let at_first = set(&served, &key, json!({})).await;
    assert_eq!(
        (&at_first["max_in_flight"], &at_first["max_queue"]),
        (&Value::Null, &json!(64))
    );
    let bad = json!({"max_in_flight": 0, "max_queue": 10_001});
    let refused = problem(put(&served, &key, &bad).await, 422).await;
    let errors: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| ["pointer", "got", "expected"].map(|member| error[member].as_str().unwrap()))
        .collect();
    assert_eq!(
        errors,
        [
            ["/max_in_flight", "0", "1 to 10000, or null for no limit"],
            ["/max_queue", "10001", "0 to 10000"]
        ]
    );
    let word = json!({"max_in_flight": "many"});
    let refused = problem(put(&served, &key, &word).await, 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/max_in_flight");
}

#[tokio::test]
async fn the_form_on_its_page_sets_all_of_it() {
    let (served, key) = crowded().await;
    let session = served.app.sign_in(ADMIN).await;
    for (written, max_in_flight) in [("8", json!(8)), ("", Value::Null)] {
        let fields = [
            ("project", "default"),
            ("name", CROWDED),
            ("form[max_in_flight]", written),
            ("form[max_queue]", "5"),
            ("form[min_warm]", "0"),
            ("form[idle_seconds]", "60"),
            ("form[max_batch]", "8"),
            ("form[max_delay_us]", "500"),
        ];
        let form = served.app.form("/_fn/set_deployment_capacity", &fields);
        let form = form
            .header("cookie", &session)
            .header("accept", "text/html");
        assert_eq!(form.send().await.unwrap().status(), 302);
        let found = set(&served, &key, json!({})).await;
        let settings = [
            "max_queue",
            "min_warm",
            "idle_seconds",
            "max_batch",
            "max_delay_us",
        ];
        let settings = settings.map(|setting| found[setting].clone());
        assert_eq!(settings, [5, 0, 60, 8, 500].map(Value::from));
        assert_eq!(found["max_in_flight"], max_in_flight);
    }
}
