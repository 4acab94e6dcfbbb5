//! The OpenAPI document of one deployment.

use domain::{Role, Scope};
use platform::rollouts;
use reqwest::Response;
use serde_json::{Value, json};
use testkit::until;

use crate::harness::{json as body, name, problem};
use crate::served::{SYSTEM, Served, header, status};

const PATH: &str = "/predict/house/openapi.json";

async fn fetch(served: &Served, path: &str) -> Response {
    let request = served.app.get(path).bearer_auth(&served.key);
    request.send().await.unwrap()
}

#[tokio::test]
async fn it_has_the_inputs_as_the_model_knows_them() {
    let served = Served::start().await;
    served.house().await;
    let document = body(fetch(&served, PATH).await, 200).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], "1");
    assert_eq!(document["servers"][0]["url"], served.app.state.base_url);
    let schemas = &document["components"]["schemas"];
    let row = &schemas["Row"];
    assert_eq!(row["required"], json!(["rooms", "place"]));
    assert_eq!(row["additionalProperties"], json!(false));
    assert_eq!(row["properties"]["area"]["type"], json!(["number", "null"]));
    assert_eq!(
        row["properties"]["area"]["description"],
        "10 to 400 in the training table; other values are taken, too. When it is null or left out, median 0 stands in."
    );
    assert_eq!(
        row["properties"]["place"]["examples"],
        json!(["INLAND", "NEAR BAY"])
    );
    let batch = &schemas["PredictRequest"]["properties"]["inputs"]["oneOf"][1];
    assert_eq!(batch["maxItems"], 10_000);
    assert!(
        document["components"]["securitySchemes"]
            .get("session")
            .is_none()
    );
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn what_it_shows_as_examples_is_answered() {
    let served = Served::start().await;
    served.house().await;
    let document = body(fetch(&served, PATH).await, 200).await;
    let operation = &document["paths"]["/predict/house"]["post"];
    let examples = &operation["requestBody"]["content"]["application/json"]["examples"];
    for example in examples.as_object().unwrap().values() {
        let request = served
            .app
            .post("/predict/house")
            .bearer_auth(&served.key)
            .json(&example["value"]);
        let answer = body(request.send().await.unwrap(), 200).await;
        let schema = &document["components"]["schemas"]["PredictResponse"];
        for member in schema["required"].as_array().unwrap() {
            assert!(answer.get(member.as_str().unwrap()).is_some(), "{member}");
        }
    }
}

#[tokio::test]
async fn it_follows_the_stable_version_and_says_when_it_has_not_changed() {
    let served = Served::start().await;
    let path = "/predict/price/openapi.json";
    let first = fetch(&served, path).await;
    let tag = header(&first, "etag").to_owned();
    assert!(tag.starts_with("\"1-"), "{tag}");
    let again = || {
        served
            .app
            .get(path)
            .bearer_auth(&served.key)
            .header("if-none-match", &tag)
    };
    assert_eq!(status(again()).await, 304);
    let id = served.canary(2, 10.0).await;
    rollouts::promote(
        &served.app.platform,
        &SYSTEM,
        &served.project,
        &served.price,
        id,
        None,
    )
    .await
    .unwrap();
    let version = until("the next version", async || {
        let answer = again().send().await.unwrap();
        (answer.status() == 200).then_some(answer)
    });
    let document: Value = body(version.await, 200).await;
    assert_eq!(document["info"]["version"], "2");
}

#[tokio::test]
async fn it_is_for_those_who_may_predict_and_for_members() {
    let served = Served::start().await;
    let app = &served.app;
    let managed = "/api/v1/projects/default/deployments/price/openapi.json";
    let path = "/predict/price/openapi.json";
    let own = app.key(&[Scope::Predict(Some(name("price")))]).await;
    let document = body(app.get(path).bearer_auth(&own).send().await.unwrap(), 200).await;
    problem(app.get(path).send().await.unwrap(), 401).await;
    for scope in [
        Scope::Predict(Some(name("other"))),
        Scope::Read,
        Scope::Admin,
    ] {
        let key = app.key(&[scope]).await;
        problem(app.get(path).bearer_auth(&key).send().await.unwrap(), 403).await;
    }
    let other = app.platform.new_project("other").await;
    let (foreign, _) = app.platform.key(&other, &[Scope::Predict(None)]).await;
    problem(
        app.get(path)
            .bearer_auth(&foreign.key)
            .send()
            .await
            .unwrap(),
        404,
    )
    .await;
    problem(fetch(&served, "/predict/absent/openapi.json").await, 404).await;

    let viewer = app.member("vera@example.com", Role::Viewer).await;
    // A session is worth nothing where programs predict.
    problem(
        app.get(path)
            .header("cookie", &viewer)
            .send()
            .await
            .unwrap(),
        401,
    )
    .await;
    let seen = app
        .get(managed)
        .header("cookie", &viewer)
        .send()
        .await
        .unwrap();
    assert_eq!(body(seen, 200).await, document);
    problem(
        app.get(managed).bearer_auth(&own).send().await.unwrap(),
        403,
    )
    .await;
}

#[tokio::test]
async fn without_its_version_there_is_none() {
    let served = Served::start().await;
    served.broken().await;
    let answer = fetch(&served, "/predict/broken/openapi.json").await;
    assert!(header(&answer, "retry-after").parse::<u64>().unwrap() >= 1);
    problem(answer, 503).await;
}
