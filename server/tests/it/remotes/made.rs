use serde_json::{Value, json as body};

use super::engine::{Engine, Mode, PRIVATE};
use super::{Caller, MODELS, OPEN, refused, row};
use crate::harness::{ADMIN, App, json, problem};

fn named(engine: &Engine) -> Value {
    body!({"remote": {"protocol": "oip_v2", "url": engine.url(), "model": "m"}})
}

#[tokio::test]
async fn a_signature_is_what_the_engine_says_and_what_is_given() {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    let mut new = named(&engine);
    new["signature"] = body!({
        "inputs": [
            {"name": "area", "nullable": true, "min": 10, "max": 90},
            {"name": "place", "categories": ["NEAR BAY", "INLAND"]},
        ],
        "output": {"name": "dollars"},
    });
    let version = json(caller.make("price", &new).await, 201).await;
    assert_eq!(version["algorithm"], "remote");
    assert_eq!(
        version["params"],
        body!({"protocol": "oip_v2", "url": engine.url(), "model": "m", "has_token": false})
    );
    let inputs = version["signature"]["inputs"].as_array().unwrap();
    let told: Vec<_> = inputs
        .iter()
        .map(|input| {
            (
                input["name"].as_str().unwrap(),
                input["type"].as_str().unwrap(),
                input["nullable"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("rooms", "integer", false),
            ("area", "float", true),
            ("place", "string", false),
        ]
    );
    assert_eq!(inputs[1]["max"], 90.0);
    assert_eq!(
        version["signature"]["output"],
        body!({"name": "dollars", "task": "regression"})
    );
    // Alone, twice, and without what may be missing.
    let probes = engine.seen();
    assert_eq!(probes.len(), 3);
    assert_eq!(probes[1].1["inputs"][1]["shape"], body!([2, 1]));
    assert_eq!(probes[2].1["inputs"][1]["data"], body!([null]));

    // The same again is another version of the same content.
    let again = json(caller.make("price", &new).await, 201).await;
    assert_eq!(again["version"], 2);
    assert_eq!(again["sha256"], version["sha256"]);
}

/// Bodies of the same length are told apart.
#[tokio::test]
async fn an_idempotency_key_is_for_one_engine() {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    let make = async |new: &Value| {
        let post = caller.post(&format!("{MODELS}/price/versions"));
        let post = post.header("idempotency-key", "k").json(new);
        post.send().await.unwrap()
    };
    let first = json(make(&named(&engine)).await, 201).await;
    let again = make(&named(&engine)).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(json(again, 201).await, first);
    let mut other = named(&engine);
    other["remote"]["model"] = body!("n");
    let refused = problem(make(&other).await, 409).await;
    assert_eq!(refused["error_code"], "idempotency_key_reused");
}

#[tokio::test]
async fn columns_of_a_matrix_are_named_by_who_makes_the_version() {
    let caller = Caller::start().await;
    let engine = Engine::start(body!({
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
    }))
    .await;
    let numbers = |rows: usize| {
        let data: Vec<usize> = (0..rows).collect();
        Mode::Outputs(body!([{"name": "y", "datatype": "FP64", "shape": [rows], "data": data}]))
    };
    let (pointer, code, text) = refused(caller.make("price", &named(&engine)).await).await;
    assert_eq!(
        (pointer.as_str(), code.as_str()),
        ("/signature/inputs", "missing")
    );
    assert!(text.contains("each of the 2 columns"), "{text}");

    let mut new = named(&engine);
    new["signature"] = body!({"inputs": [{"name": "a"}, {"name": "b", "type": "integer"}]});
    // It answers for one row whatever it is asked.
    engine.set(numbers(1));
    let (pointer, _, text) = refused(caller.make("price", &new).await).await;
    assert_eq!(pointer, "/remote/model");
    assert!(text.contains("several rows at once"), "{text}");
    let sent = engine.last();
    assert_eq!(sent["inputs"][0]["shape"], body!([2, 2]));
    assert_eq!(sent["inputs"][0]["data"], body!([0.0, 0.0, 0.0, 0.0]));
    assert_eq!(sent["outputs"], body!([{"name": "y"}]));
}

#[tokio::test]
async fn what_is_wrong_with_an_engine_is_said_on_its_field() {
    let caller = Caller::start().await;
    let number = body!([{"name": "y", "datatype": "FP64", "shape": [-1]}]);
    for (inputs, outputs, pointer, code) in [
        (body!([]), number.clone(), "/remote/model", "missing"),
        (
            body!([{"name": "a", "datatype": "BF16", "shape": [-1]}]),
            number.clone(),
            "/remote/model",
            "unknown_datatype",
        ),
        (
            body!([{"name": "a", "datatype": "FP32", "shape": [-1, 3, 224, 224]}]),
            number.clone(),
            "/remote/model",
            "unknown_shape",
        ),
        (
            body!([{"name": "a", "datatype": "FP32", "shape": [1]}]),
            number.clone(),
            "/remote/model",
            "unknown_shape",
        ),
        (
            body!([{"name": "a", "datatype": "FP32", "shape": [-1]}]),
            body!([]),
            "/remote/model",
            "missing",
        ),
        (
            body!([{"name": "a", "datatype": "FP32", "shape": [-1]}]),
            body!([{"name": "y", "datatype": "FP64", "shape": [-1, 7]}]),
            "/remote/model",
            "unknown_shape",
        ),
        (
            body!([{"name": "a", "datatype": "FP32", "shape": [-1]}]),
            body!([
                {"name": "y", "datatype": "FP64", "shape": [-1]},
                {"name": "z", "datatype": "FP64", "shape": [-1]},
            ]),
            "/signature/output/name",
            "missing",
        ),
        (
            body!([{"name": "a", "datatype": "FP32", "shape": [-1]}]),
            body!([{"name": "y", "datatype": "BYTES", "shape": [-1]}]),
            "/signature/output/classes",
            "missing",
        ),
    ] {
        let engine = Engine::start(body!({"inputs": inputs, "outputs": outputs})).await;
        let found = refused(caller.make("price", &named(&engine)).await).await;
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            (pointer, code),
            "{inputs} {outputs}"
        );
    }

    let engine = Engine::of_prices().await;
    for (mode, code) in [
        (Mode::Status(500), "probe_failed"),
        (Mode::Text("no JSON"), "probe_failed"),
        (Mode::Outputs(body!([])), "probe_failed"),
    ] {
        engine.set(mode);
        let (pointer, found, text) = refused(caller.make("price", &named(&engine)).await).await;
        assert_eq!((pointer.as_str(), found.as_str()), ("/remote/model", code));
        assert!(!text.contains(PRIVATE), "{text}");
    }
    engine.set(Mode::Well);
    engine.set_ready(false);
    let (pointer, code, _) = refused(caller.make("price", &named(&engine)).await).await;
    assert_eq!(
        (pointer.as_str(), code.as_str()),
        ("/remote/model", "not_ready")
    );
    engine.set_ready(true);

    let with = |member: &str, value: Value| {
        let mut new = named(&engine);
        new["remote"][member] = value;
        new
    };
    let credentials = engine.url().replace("http://", "http://user:secret@");
    for (new, pointer) in [
        (with("url", body!("http://127.0.0.1:1")), "/remote/url"),
        (with("url", body!("http://10.0.0.1")), "/remote/url"),
        (with("url", body!(credentials)), "/remote/url"),
        (
            with("url", body!(format!("{}?a=b", engine.url()))),
            "/remote/url",
        ),
        (with("url", body!("engine")), "/remote/url"),
        (with("model", body!("another")), "/remote/model"),
        (with("model", body!("a/b")), "/remote/model"),
        (with("version", body!("7")), "/remote/model"),
        (with("protocol", body!("grpc")), "/remote/protocol"),
        (with("header", body!("x")), "/remote/header"),
        (with("timeout_ms", body!(0)), "/remote/timeout_ms"),
        (with("token", body!("a b")), "/remote/token"),
        (body!({}), "/remote"),
        (
            body!({"remote": named(&engine)["remote"], "signature": {"inputs": [{"name": "rooms", "type": "string"}]}}),
            "/signature/inputs/0/type",
        ),
        (
            body!({"remote": named(&engine)["remote"], "signature": {"inputs": [{"name": "floors"}]}}),
            "/signature/inputs/0/name",
        ),
    ] {
        let found = refused(caller.make("price", &new).await).await;
        assert_eq!(found.0, pointer, "{new}");
        assert!(!found.2.contains("secret"), "{}", found.2);
    }
    let none = caller.at(reqwest::Method::GET, &format!("{MODELS}/price"));
    problem(none.send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn this_machine_is_called_only_where_the_owner_of_the_platform_allows_it() {
    let (caller, engine) = (Caller::start_with(&[]).await, Engine::of_prices().await);
    for url in [
        engine.url(),
        engine.url().replace("127.0.0.1", "localhost"),
        engine.url().replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        engine.url().replace("127.0.0.1", "2130706433"),
        engine
            .url()
            .replace("http", "https")
            .replace("127.0.0.1", "localhost"),
        "http://169.254.169.254/latest".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let new = body!({"remote": {"protocol": "oip_v2", "url": url, "model": "m"}});
        let (pointer, ..) = refused(caller.make("price", &new).await).await;
        assert_eq!(pointer, "/remote/url", "{url}");
    }
    assert!(engine.seen().is_empty());
}

#[tokio::test]
async fn a_token_is_sent_to_the_engine_and_shown_to_nobody() {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    let version = caller
        .connect(&engine, body!({"token": "t0ken-of-the-engine"}))
        .await;
    assert_eq!(version["params"]["has_token"], true);
    caller.deploy(1).await;
    let again = caller.app.again(&OPEN).await;
    for app in [&caller.app, &again] {
        let ask = app.post("/predict/price").bearer_auth(&caller.key);
        let answer = json(
            ask.json(&body!({ "inputs": row() })).send().await.unwrap(),
            200,
        )
        .await;
        assert_eq!(answer["predictions"], body!([super::PRICE]));
    }
    let seen = engine.seen();
    assert!(seen.len() >= 4);
    for (headers, _) in &seen {
        assert_eq!(headers["authorization"], "Bearer t0ken-of-the-engine");
        assert!(!headers.contains_key("x-api-key") && !headers.contains_key("cookie"));
    }
    for path in [
        format!("{MODELS}/price"),
        format!("{MODELS}/price/versions/1"),
        "/api/v1/projects/default/ledger".to_owned(),
    ] {
        let text = caller.get(&path).await.to_string();
        assert!(!text.contains("t0ken"), "{path}");
    }
}

#[tokio::test]
async fn people_connect_an_engine_with_a_form_and_see_how_it_does() {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    let session = caller.app.sign_in(ADMIN).await;
    let send = |form: reqwest::multipart::Form| {
        let post = caller.app.post("/p/default/imports");
        let post = post.header("origin", caller.app.origin());
        post.header("cookie", &session).multipart(form).send()
    };
    let form = || {
        reqwest::multipart::Form::new()
            .text("model", "price")
            .text("url", engine.url())
            .text("remote_model", "m")
            .text("remote_version", "")
            .text("token", "")
            .text("timeout_ms", "")
            .text("signature", "")
    };
    let made = send(form()).await.unwrap();
    assert_eq!(made.status(), 303);
    let page = made.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(page, "/p/default/models/price/versions/1");
    let twice = send(form().text("url", engine.url())).await.unwrap();
    assert_eq!(twice.status(), 422);

    caller.deploy(1).await;
    let shown = async |app: &App| {
        let page = app.get(&page).header("cookie", &session);
        let page = page.header("accept", "text/html").send().await.unwrap();
        page.text().await.unwrap()
    };
    testkit::until("the engine to be shown as well", async || {
        let text = shown(&caller.app).await;
        (text.contains(&engine.url()) && text.contains("every request goes there")).then_some(())
    })
    .await;
    engine.set_ready(false);
    testkit::until("the engine to be shown as not ready", async || {
        let text = shown(&caller.app).await;
        text.contains("It can not answer now: its engine is not ready")
            .then_some(())
    })
    .await;
    let deployment = testkit::until("the deployment to be degraded", async || {
        let deployment = caller
            .get("/api/v1/projects/default/deployments/price")
            .await;
        (deployment["state"] == "degraded").then_some(deployment)
    })
    .await;
    let reason = deployment["reason"].as_str().unwrap();
    assert!(reason.contains("its engine is not ready"), "{reason}");
}
