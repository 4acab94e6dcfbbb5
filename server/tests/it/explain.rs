//! `POST /predict/{deployment}?explain=true`, as programs use and misuse it.

use domain::{Role, Scope};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{json as body, name, problem};
use crate::served::{Served, header, house, status};

fn sum(explanation: &Value) -> f64 {
    let contributions = explanation["contributions"].as_object().unwrap();
    let parts = contributions.values().map(|part| part.as_f64().unwrap());
    explanation["base"].as_f64().unwrap() + parts.sum::<f64>()
}

fn house_rows() -> Value {
    json!([
        {"rooms": 3, "area": 1.5, "place": "NEAR BAY", "flag": true},
        {"rooms": 1, "area": null, "place": "somewhere"},
    ])
}

#[tokio::test]
async fn what_each_input_adds_stands_beside_the_predictions() {
    let served = Served::start().await;
    served.deploy("home", &house()).await;
    for path in ["/predict/home?explain=true", "/predict/home/1?explain=true"] {
        let answer = served.to(path, house_rows()).send().await.unwrap();
        assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=10000;w=10");
        assert_eq!(header(&answer, "x-model-version"), "1");
        let answer = body(answer, 200).await;
        let explanations = answer["explanations"].as_array().unwrap();
        assert_eq!(explanations.len(), 2);
        for (explanation, predicted) in explanations
            .iter()
            .zip(answer["predictions"].as_array().unwrap())
        {
            assert_eq!(explanation["scale"], "prediction");
            assert!(
                (sum(explanation) - predicted.as_f64().unwrap()).abs() < 1e-9,
                "{answer}"
            );
        }
        assert_eq!(
            explanations[0]["contributions"],
            json!({"rooms": 6.0, "area": 1.5, "place": 1000.0, "flag": 7.0})
        );
    }
    for path in [
        "/predict/home",
        "/predict/home?",
        "/predict/home?explain=false",
    ] {
        let answer = body(served.to(path, house_rows()).send().await.unwrap(), 200).await;
        assert_eq!(answer.get("explanations"), None, "{path}");
    }
}

#[tokio::test]
async fn a_query_that_means_nothing_is_refused_once_the_caller_is_known() {
    let served = Served::start().await;
    let ask = |query: &str| served.to(&format!("/predict/price?{query}"), json!({"rooms": 3}));
    let field = async |request: RequestBuilder| {
        let answer = problem(request.send().await.unwrap(), 422).await;
        let error = answer["errors"][0].clone();
        (
            error["pointer"].clone(),
            error["code"].clone(),
            error["expected"].clone(),
        )
    };
    let (pointer, _, expected) = field(ask("explain=maybe")).await;
    assert_eq!(
        (pointer, expected),
        (json!("/explain"), json!("true or false"))
    );
    let (pointer, code, _) = field(ask("explian=true")).await;
    assert_eq!((pointer, code), (json!("/explian"), json!("unknown_field")));
    let later = ask("explain=true").header("prefer", "respond-async");
    assert_eq!(field(later).await.0, "/explain");
    let later = served.to("/predict/price/async?explain=true", json!({"rooms": 3}));
    assert_eq!(field(later).await.0, "/explain");

    let nobody = served
        .app
        .post("/predict/price?explain=maybe")
        .json(&json!({}));
    assert_eq!(status(nobody).await, 401);
    let other = served.app.key(&[Scope::Predict(Some(name("home")))]).await;
    let forbidden = served
        .app
        .post("/predict/price?explain=maybe")
        .bearer_auth(other)
        .json(&json!({}));
    assert_eq!(status(forbidden).await, 403);
}

#[tokio::test]
async fn bad_rows_and_too_many_are_refused_as_ever() {
    let served = Served::start().await;
    let ask = |inputs: Value| served.to("/predict/price?explain=true", inputs).send();
    let bad = problem(
        ask(json!([{"rooms": 1}, {"rooms": "three"}]))
            .await
            .unwrap(),
        422,
    )
    .await;
    assert_eq!(bad["errors"][0]["pointer"], "/inputs/1/rooms");
    let row = json!({"rooms": 1});
    let many = problem(ask(vec![row.clone(); 101].into()).await.unwrap(), 422).await;
    assert_eq!(many["errors"][0]["pointer"], "/inputs");
    let most = body(ask(vec![row; 100].into()).await.unwrap(), 200).await;
    assert_eq!(most["explanations"].as_array().unwrap().len(), 100);
}

/// Trees without what training keeps for explanations, as they were made before.
#[tokio::test]
async fn a_version_of_before_says_that_it_can_not_be_explained() {
    let served = Served::start_grown().await;
    let ask = |path: &str| served.to(path, json!({"rooms": 3})).send();
    for path in [
        "/predict/price?explain=true",
        "/predict/price/1?explain=true",
    ] {
        let refused = problem(ask(path).await.unwrap(), 422).await;
        assert_eq!(refused["error_code"], "not_explainable");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("train it again"), "{message}");
    }
    let answer = body(ask("/predict/price").await.unwrap(), 200).await;
    assert_eq!(answer["predictions"], json!([13.0]));
}

/// As a browser asks that sends the form by itself.
#[tokio::test]
async fn the_playground_shows_what_each_input_adds() {
    let served = Served::start().await;
    served.deploy("home", &house()).await;
    let session = served.app.member("vera@example.com", Role::Viewer).await;
    let page = async |query: &str| {
        let path = format!("/p/default/deployments/home/try?{query}");
        let page = served.app.get(&path).header("cookie", &session);
        let page = page.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        page.text().await.unwrap()
    };
    let row = "in.rooms=3&in.area=1.5&in.place=NEAR+BAY&in.flag=true";
    let shown = page(&format!("{row}&explain=true")).await;
    for part in [
        "What each input adds to the prediction",
        "On average",
        "Together",
        "1,014",
    ] {
        assert!(shown.contains(part), "the page lacks {part}");
    }
    assert!(
        shown.contains("name=\"explain\" value=\"true\" checked"),
        "{shown}"
    );
    let plain = page(row).await;
    assert!(plain.contains("1,014") && !plain.contains("What each input adds"));
}
