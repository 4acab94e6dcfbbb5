//! The prediction endpoint, as programs use and misuse it.

mod canary;
mod keys;
mod packed;
mod trouble;

use serde_json::json;
use testkit::until;

use crate::harness::{App, json as body, name, problem};
use crate::served::{SYSTEM, Served, header, status};

#[tokio::test]
async fn an_answer_and_its_headers() {
    let served = Served::start().await;
    let answer = served
        .ask()
        .header("x-request-id", "order-7")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert_eq!(header(&answer, "x-request-id"), "order-7");
    assert_eq!(header(&answer, "x-model-version"), "1");
    let timing = header(&answer, "server-timing").to_owned();
    assert!(
        ["auth;dur=", "parse;dur=", "predict;dur="]
            .iter()
            .all(|part| timing.contains(part)),
        "{timing}"
    );
    assert_eq!(header(&answer, "ratelimit"), "\"key\";r=9999;t=1");
    assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=10000;w=10");
    let expected = json!({"predictions": [13.0], "model": "price", "version": 1, "route": "stable", "request_id": "order-7"});
    assert_eq!(body(answer, 200).await, expected);
    let batch = body(
        served
            .row(json!([{"rooms": 1}, {"rooms": 2.5}]))
            .send()
            .await
            .unwrap(),
        200,
    )
    .await;
    assert_eq!(batch["predictions"], json!([11.0, 12.5]));
}

#[tokio::test]
async fn a_version_is_asked_for_by_number_or_alias() {
    let served = Served::start().await;
    let (platform, project) = (&served.app.platform, &served.project);
    platform::models::set_alias(
        platform,
        &SYSTEM,
        project,
        &served.price,
        &name("champion"),
        2,
    )
    .await
    .unwrap();
    for path in [
        "/predict/price/2",
        "/predict/price/@champion",
        "/predict/price/%40champion",
    ] {
        let answer = body(
            served.to(path, json!({"rooms": 3})).send().await.unwrap(),
            200,
        )
        .await;
        assert_eq!(
            (&answer["predictions"], &answer["version"], &answer["route"]),
            (&json!([23.0]), &json!(2), &json!("pinned"))
        );
    }
    for path in [
        "/predict/price/9",
        "/predict/price/@nobody",
        "/predict/absent/1",
        "/predict/absent",
    ] {
        problem(
            served.to(path, json!({"rooms": 3})).send().await.unwrap(),
            404,
        )
        .await;
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_type_or_size_are_refused() {
    let served = Served::start().await;
    let good = r#"{"inputs":{"rooms":3}}"#;
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
    ] {
        let request = served
            .app
            .post("/predict/price")
            .bearer_auth(&served.key)
            .header("content-type", media)
            .body(good);
        problem(request.send().await.unwrap(), 415).await;
    }
    let untyped = served
        .app
        .post("/predict/price")
        .bearer_auth(&served.key)
        .body(good.as_bytes());
    problem(untyped.send().await.unwrap(), 415).await;
    let request = served
        .app
        .post("/predict/price")
        .bearer_auth(&served.key)
        .body(good);
    assert_eq!(
        status(request.header("content-type", "Application/JSON; charset=utf-8")).await,
        200
    );

    let limit = 1 << 20;
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    assert_eq!(status(served.raw(padded(limit))).await, 200);
    let refused = problem(served.raw(padded(limit + 1)).send().await.unwrap(), 413).await;
    assert!(
        refused["detail"].as_str().unwrap().contains("1048576"),
        "{refused}"
    );
    // In chunks, without a length that could be looked at first.
    let chunked = |length: usize| {
        let chunks: Vec<Result<Vec<u8>, std::io::Error>> = padded(length)
            .into_bytes()
            .chunks(10_000)
            .map(|chunk| Ok(chunk.to_vec()))
            .collect();
        served.raw(reqwest::Body::wrap_stream(futures::stream::iter(chunks)))
    };
    assert_eq!(status(chunked(limit)).await, 200);
    assert_eq!(status(chunked(limit + 1)).await, 413);
}

#[tokio::test]
async fn wrong_inputs_are_named() {
    let served = Served::start().await;
    let deep = format!(
        r#"{{"inputs":{{"rooms":{}1{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let cases = [
        ("{", ""),
        (r#"{"inputs":[]}"#, "/inputs"),
        (r#"{"inputs":{"rooms":3},"more":1}"#, "/more"),
        (r#"{"inputs":{"rooms":3,"rooms":4}}"#, "/inputs/rooms"),
        (r#"{"inputs":{"rooms":NaN}}"#, "/inputs/rooms"),
        (r#"{"inputs":{"rooms":1e400}}"#, "/inputs/rooms"),
        (r#"{"inputs":{"rooms":null}}"#, "/inputs/rooms"),
        (
            r#"{"inputs":[{"rooms":1},{"rooms":"x"}]}"#,
            "/inputs/1/rooms",
        ),
        (&deep, "/inputs/rooms"),
    ];
    for (text, pointer) in cases {
        let refused = problem(served.raw(text.to_owned()).send().await.unwrap(), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
}

#[tokio::test]
async fn a_version_that_was_let_go_is_loaded_again_when_it_is_asked_for() {
    let platform = testkit::TestPlatform::with_clock(platform::Clock::System).await;
    let options = ["--model-idle-seconds", "1", "--model-cache-mb", "0"];
    let served = Served::on(App::start_with(platform, &options).await).await;
    for version in ["1", "2", "1", "2"] {
        let path = format!("/predict/price/{version}");
        let answer = served.to(&path, json!({"rooms": 3})).send().await.unwrap();
        let expected: f64 = 3.0 + 10.0 * version.parse::<f64>().unwrap();
        assert_eq!(body(answer, 200).await["predictions"], json!([expected]));
    }
    let snapshot = served.app.state.serving.snapshot_owned();
    let project = snapshot.project(served.project.as_str()).unwrap();
    let version = snapshot.version(project, "price", "2").unwrap();
    until("the version is let go", async || {
        (!version.is_loaded()).then_some(())
    })
    .await;
    assert!(
        snapshot.version(project, "price", "1").unwrap().is_loaded(),
        "a deployment serves it"
    );
    let metrics = served.app.metrics().await;
    assert!(
        metrics.contains("volary_models_unloaded_total"),
        "{metrics}"
    );
}
