use reqwest::Response;
use serde_json::{Value, json as body};

use super::doors::message;
use super::engine::{Engine, Mode, PRIVATE};
use super::{Caller, DEPLOYMENTS, MODELS, PRICE};
use crate::grpc::client::Client;
use crate::harness::{json, problem};

async fn served(more: Value) -> (Caller, Engine) {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    caller.connect(&engine, more).await;
    caller.deploy(1).await;
    (caller, engine)
}

async fn asked(caller: &Caller) -> Response {
    caller.ask("/predict/price").send().await.unwrap()
}

async fn circuit(caller: &Caller) -> String {
    let version = caller.get(&format!("{MODELS}/price/versions/1")).await;
    let circuit = version["remote"]["circuit"].as_str();
    circuit.unwrap_or("not asked").to_owned()
}

#[tokio::test]
async fn what_an_engine_does_wrong_is_told_without_its_words() {
    let (caller, engine) = served(body!({})).await;
    let price = |shape: Value, data: Value| {
        Mode::Outputs(body!([{"name": "price", "datatype": "FP32", "shape": shape, "data": data}]))
    };
    for (mode, status, code) in [
        (Mode::Status(500), 502, "engine_failed"),
        (Mode::Status(404), 502, "engine_failed"),
        (Mode::Status(429), 503, "engine_unavailable"),
        (Mode::Status(302), 502, "engine_failed"),
        (Mode::Text("{"), 502, "engine_failed"),
        (Mode::Outputs(body!([])), 502, "engine_failed"),
        (price(body!([1, 1]), body!([])), 502, "engine_failed"),
        (price(body!([2, 1]), body!([1, 2])), 502, "engine_failed"),
        (price(body!([1]), body!(["1"])), 502, "engine_failed"),
        (price(body!([1]), body!([null])), 502, "engine_failed"),
        (
            price(body!([1]), Value::Array(vec![body!([]); 10_000])),
            502,
            "engine_failed",
        ),
        // Longer than one number needs.
        (
            price(body!([1]), body!("x".repeat(80 << 10))),
            502,
            "engine_failed",
        ),
        (
            Mode::Text("{\"outputs\": [{\"name\": \"price\", \"shape\": [1], \"data\": [1e999]}]}"),
            502,
            "engine_failed",
        ),
    ] {
        engine.set(mode.clone());
        let answer = asked(&caller).await;
        assert!(
            answer.headers()["retry-after"]
                .to_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
                >= 1
        );
        let problem = problem(answer, status).await;
        assert_eq!(problem["error_code"], code, "{mode:?}");
        assert!(!problem.to_string().contains(PRIVATE), "{problem}");
        // Between them it does well, so that it is not left alone.
        engine.set(Mode::Well);
        assert_eq!(
            json(asked(&caller).await, 200).await["predictions"],
            body!([PRICE])
        );
    }
    engine.set(Mode::Status(500));
    let tensors = body!({"inputs": [
        {"name": "rooms", "shape": [1], "datatype": "INT64", "data": [3]},
        {"name": "area", "shape": [1], "datatype": "FP64", "data": [1.5]},
        {"name": "place", "shape": [1], "datatype": "BYTES", "data": ["x"]},
    ]});
    let answer = caller
        .post("/v2/models/price/infer")
        .json(&tensors)
        .send()
        .await
        .unwrap();
    let answer = json(answer, 502).await;
    assert!(
        answer["error"].as_str().unwrap().contains("status 500"),
        "{answer}"
    );
    let records = body!({"dataframe_records": [super::row()]});
    let answer = caller.post("/deployments/price/invocations").json(&records);
    let answer = json(answer.send().await.unwrap(), 502).await;
    assert_eq!(answer["error_code"], "INTERNAL_ERROR");
}

#[tokio::test]
async fn a_request_is_sent_again_once_where_that_may_help() {
    let (caller, engine) = served(body!({})).await;
    let before = engine.seen().len();
    engine.set(Mode::Once(503));
    assert_eq!(
        json(asked(&caller).await, 200).await["predictions"],
        body!([PRICE])
    );
    assert_eq!(engine.seen().len(), before + 2);
    engine.set(Mode::Status(503));
    problem(asked(&caller).await, 503).await;
    assert_eq!(engine.seen().len(), before + 4);
    engine.set(Mode::Once(500));
    problem(asked(&caller).await, 502).await;
    assert_eq!(engine.seen().len(), before + 5);
}

#[tokio::test]
async fn an_engine_that_never_answers_has_its_time_and_no_more() {
    let (caller, engine) = served(body!({"timeout_ms": 200})).await;
    engine.set(Mode::Never);
    let problem = problem(asked(&caller).await, 504).await;
    assert_eq!(problem["error_code"], "engine_timed_out");
    engine.set(Mode::Well);
    json(asked(&caller).await, 200).await;
}

#[tokio::test]
async fn callers_in_a_hurry_keep_nobody_else_from_the_engine() {
    let (caller, engine) = served(body!({})).await;
    engine.set(Mode::Never);
    let client = Client::connect(caller.app.address).await;
    for _ in 0..8 {
        let call = client.call("ModelInfer").key(&caller.key);
        let answer = call.with("grpc-timeout", "50m").send(&message()).await;
        assert_eq!(answer.status(), 4, "{answer:?}");
    }
    engine.set(Mode::Well);
    json(asked(&caller).await, 200).await;
}

#[tokio::test]
async fn an_engine_that_is_gone_is_left_alone_until_it_is_back() {
    let (caller, mut engine) = served(body!({})).await;
    json(asked(&caller).await, 200).await;
    engine.stop();
    for _ in 0..8 {
        let answer = asked(&caller).await;
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(
            problem(answer, 503).await["error_code"],
            "engine_unavailable"
        );
    }
    testkit::until("the circuit to be seen open", async || {
        // Each failure leaves it alone for longer.
        asked(&caller).await;
        (circuit(&caller).await == "open").then_some(())
    })
    .await;
    let deployment = caller.get(&format!("{DEPLOYMENTS}/price")).await;
    assert_eq!(deployment["state"], "degraded");
    let metrics = caller.app.metrics().await;
    assert!(metrics.contains("volary_engine_circuit{"), "{metrics}");
    assert!(metrics.contains("outcome=\"not_reached\""));

    engine.start_again().await;
    testkit::until("the engine to be asked again", async || {
        let answer = asked(&caller).await;
        (answer.status() == 200).then_some(())
    })
    .await;
    testkit::until("the circuit to be seen closed", async || {
        (circuit(&caller).await == "closed").then_some(())
    })
    .await;
    // A connection that was kept while the engine went away and came back is no failure of a request.
    engine.stop();
    engine.start_again().await;
    assert_eq!(
        json(asked(&caller).await, 200).await["predictions"],
        body!([PRICE])
    );
}

#[tokio::test]
async fn stable_answers_for_a_canary_whose_engine_fails_or_is_too_slow() {
    let (caller, stable) = (Caller::start().await, Engine::of_prices().await);
    let canary = Engine::of_prices().await;
    caller.connect(&stable, body!({})).await;
    caller.connect(&canary, body!({"timeout_ms": 300})).await;
    caller.deploy_as("fallible", 1).await;
    let rollout = caller.canary("fallible", 2).await;
    let asked = async || caller.ask("/predict/fallible").send().await.unwrap();
    let answer = json(asked().await, 200).await;
    assert_eq!(
        (&answer["route"], &answer["version"]),
        (&body!("canary"), &body!(2))
    );
    for mode in [Mode::Status(500), Mode::Never, Mode::Text("?")] {
        canary.set(mode.clone());
        let answer = json(asked().await, 200).await;
        assert_eq!(
            (&answer["route"], &answer["version"], &answer["predictions"]),
            (&body!("stable"), &body!(1), &body!([PRICE])),
            "{mode:?}"
        );
    }
    let metrics = caller.app.metrics().await;
    let failed = metrics.lines().find(|line| {
        let is_ours = line.contains("deployment=\"fallible\"");
        line.starts_with("volary_predict_errors_total")
            && is_ours
            && line.contains("route=\"canary\"")
    });
    assert!(failed.unwrap().ends_with(" 3"), "{failed:?}");
    let read = caller
        .get(&format!("{DEPLOYMENTS}/fallible/rollouts/{rollout}"))
        .await;
    assert_eq!(read["status"], "running");
}

/// Being late is failing: the judge looks at no other measure of time.
#[tokio::test]
async fn a_canary_whose_engine_is_too_slow_is_taken_back() {
    let (caller, stable) = (Caller::start().await, Engine::of_prices().await);
    let canary = Engine::of_prices().await;
    caller.connect(&stable, body!({})).await;
    caller.connect(&canary, body!({"timeout_ms": 200})).await;
    caller.deploy_as("late", 1).await;
    let rollout = caller.canary("late", 2).await;
    canary.set(Mode::Never);
    for _ in 0..2 {
        let answer = caller.ask("/predict/late").send().await.unwrap();
        let answer = json(answer, 200).await;
        assert_eq!(
            (&answer["route"], &answer["predictions"]),
            (&body!("stable"), &body!([PRICE]))
        );
    }
    let path = format!("{DEPLOYMENTS}/late/rollouts/{rollout}");
    let ended = testkit::until("the rollout to end", async || {
        let rollout = caller.get(&path).await;
        (rollout["status"] != "running").then_some(rollout)
    })
    .await;
    assert_eq!(ended["status"], "rolled_back", "{ended}");
    let reason = ended["reason"].as_str().unwrap();
    assert!(reason.contains("2 of 2 canary requests failed"), "{reason}");
}

#[tokio::test]
async fn a_prediction_that_nobody_waits_for_waits_for_the_engine() {
    let (caller, mut engine) = served(body!({})).await;
    engine.stop();
    let later = caller.ask("/predict/price/async").send().await.unwrap();
    let path = later.headers()["location"].to_str().unwrap().to_owned();
    json(later, 202).await;
    engine.start_again().await;
    let ended = testkit::until("the engine to be asked", async || {
        let prediction = caller.get(&path).await;
        (prediction["status"] != "queued" && prediction["status"] != "running")
            .then_some(prediction)
    })
    .await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(ended["result"]["predictions"], body!([PRICE]));
}

#[tokio::test]
async fn an_engine_that_is_slow_keeps_back_no_prediction_of_another() {
    let (caller, fast) = (Caller::start().await, Engine::of_prices().await);
    let slow = Engine::of_prices().await;
    caller.connect(&fast, body!({})).await;
    caller.connect(&slow, body!({})).await;
    caller.deploy_as("fast", 1).await;
    caller.deploy_as("slow", 2).await;
    slow.set(Mode::Never);
    let later = async |name: &str| {
        let later = caller.ask(&format!("/predict/{name}/async"));
        let later = later.send().await.unwrap();
        let path = later.headers()["location"].to_str().unwrap().to_owned();
        json(later, 202).await;
        path
    };
    let (mut waiting, mut ending) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        waiting.push(later("slow").await);
        ending.push(later("fast").await);
    }
    for path in ending {
        let ended = testkit::until("the fast engine's answer", async || {
            let prediction = caller.get(&path).await;
            (prediction["status"] == "succeeded").then_some(prediction)
        })
        .await;
        assert_eq!(ended["result"]["predictions"], body!([PRICE]));
    }
    for path in waiting {
        let status = caller.get(&path).await["status"].clone();
        assert!(status == "queued" || status == "running", "{status}");
    }
    // What ends with the server is put back, and not lost until a lease ends.
    caller.app.stop().await;
}

#[tokio::test]
async fn large_requests_that_wait_for_an_engine_keep_out_no_others() {
    let (caller, engine) = served(body!({})).await;
    engine.set(Mode::Never);
    let before = engine.seen().len();
    let rows: Vec<Value> = (0..2000).map(|_| super::row()).collect();
    let large = body!({ "inputs": rows });
    let turns = std::thread::available_parallelism().map_or(1, usize::from);
    let mut asked = Vec::new();
    for count in 1..=turns + 1 {
        let ask = caller.post("/predict/price").json(&large);
        asked.push(tokio::spawn(ask.send()));
        testkit::until("the engine to be asked", async || {
            (engine.seen().len() == before + count).then_some(())
        })
        .await;
    }
    for ask in asked {
        ask.abort();
    }
}
