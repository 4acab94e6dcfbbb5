use domain::Scope;
use serde_json::json;

use crate::harness::{App, problem};

#[tokio::test]
async fn what_does_not_exist_is_a_problem() {
    let app = App::start().await;
    let absent = problem(app.get("/api/v1/nothing").send().await.unwrap(), 404).await;
    assert_eq!(absent["error_code"], "not_found");
    let method = app
        .request(reqwest::Method::PATCH, "/livez")
        .send()
        .await
        .unwrap();
    assert!(method.headers().contains_key("allow"));
    assert_eq!(
        problem(method, 405).await["error_code"],
        "method_not_allowed"
    );
}

#[tokio::test]
async fn an_unknown_caller_is_told_how_to_say_who_it_is() {
    let app = App::start().await;
    let ask = || app.get("/api/v1/projects/default/datasets");
    let (unknown, refused) = (
        "Bearer realm=\"volary\"",
        "Bearer realm=\"volary\", error=\"invalid_token\"",
    );
    for (request, challenge) in [
        (ask(), unknown),
        (ask().header("authorization", "Basic YTpi"), unknown),
        (ask().header("x-api-key", "vol_short"), unknown),
        (ask().header("authorization", "Bearer nonsense"), refused),
        (ask().header("authorization", "bearer vol_short"), refused),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], challenge);
        assert_eq!(problem(answer, 401).await["error_code"], "unauthenticated");
    }

    let key = app.key(&[Scope::Read]).await;
    let beyond = app.get("/api/v1/projects/default/api-keys");
    let answer = beyond.bearer_auth(key).send().await.unwrap();
    assert_eq!(
        answer.headers()["www-authenticate"],
        "Bearer realm=\"volary\", error=\"insufficient_scope\""
    );
    problem(answer, 403).await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_by_its_fields() {
    let app = App::start().await;
    let key = app.key(&[Scope::Admin]).await;
    let post = |body: String| {
        app.post("/api/v1/projects/default/training-runs")
            .bearer_auth(&key)
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let spec = json!({"dataset": "d", "target": "y", "model": "m", "algorithm": "auto"});

    let mut unknown = spec.clone();
    unknown["created_by"] = json!("somebody else");
    let refused = problem(post(unknown.to_string()).await.unwrap(), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/created_by");
    assert_eq!(refused["errors"][0]["code"], "unknown_field");

    let mut wrong = spec.clone();
    wrong["split"] = json!({"seed": "one"});
    let refused = problem(post(wrong.to_string()).await.unwrap(), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/split/seed");

    let mut out_of_range = spec.clone();
    out_of_range["split"] = json!({"test_fraction": 0.9});
    let refused = problem(post(out_of_range.to_string()).await.unwrap(), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/split/test_fraction");

    problem(post("{".to_owned()).await.unwrap(), 400).await;
    let large = format!("{{\"dataset\":\"{}\"}}", "x".repeat(2 << 20));
    let refused = problem(post(large).await.unwrap(), 413).await;
    assert!(
        refused["detail"].as_str().unwrap().contains("1048576"),
        "{refused}"
    );
    let form = app
        .post("/api/v1/projects/default/training-runs")
        .bearer_auth(&key)
        .body(spec.to_string());
    problem(form.send().await.unwrap(), 415).await;
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let app = App::start().await;
    let key = app.key(&[Scope::Read]).await;
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=x", "/limit"),
        ("page=2", "/page"),
        ("cursor=zzz", "/cursor"),
    ] {
        let answer = app
            .get(&format!("/api/v1/projects/default/training-runs?{query}"))
            .bearer_auth(&key)
            .send()
            .await
            .unwrap();
        assert_eq!(
            problem(answer, 422).await["errors"][0]["pointer"],
            pointer,
            "{query}"
        );
    }
    let answer = app
        .get("/api/v1/projects/default/training-runs/not-an-id")
        .bearer_auth(&key)
        .send()
        .await
        .unwrap();
    problem(answer, 404).await;
}

#[tokio::test]
async fn the_callers_request_id_is_kept_if_it_is_well_formed() {
    let app = App::start().await;
    let answer = app
        .get("/livez")
        .header("x-request-id", "order-7.retry_2")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "order-7.retry_2");
    let answer = app
        .get("/livez")
        .header("x-request-id", "a b")
        .send()
        .await
        .unwrap();
    assert_ne!(answer.headers()["x-request-id"], "a b");
}

#[tokio::test]
async fn without_the_database_everything_that_needs_it_says_when_to_come_back() {
    let app = App::start().await;
    let key = app.key(&[Scope::Read]).await;
    let session = app.sign_in("ada@example.com").await;
    app.platform.database.set_reachable(false).await;
    let path = "/api/v1/projects/default/datasets";
    for request in [
        app.get(path).bearer_auth(&key),
        app.get(path).header("cookie", &session),
    ] {
        let answer = request.send().await.unwrap();
        let wait: u64 = answer.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(wait >= 1);
        let away = problem(answer, 503).await;
        assert_eq!(
            (away["error_code"].as_str(), away["retry_after"].as_u64()),
            (Some("unavailable"), Some(wait))
        );
    }
    app.platform.database.set_reachable(true).await;
    testkit::until("the database to be back", async || {
        let answer = app
            .get(path)
            .header("cookie", &session)
            .send()
            .await
            .unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
}
