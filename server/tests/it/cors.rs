//! Pages of other sites, as their browsers ask for them.

use std::collections::BTreeMap;

use domain::Scope;
use domain::deployments::DeploymentSpec;
use platform::{Clock, deployments};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::{TestPlatform, until};

use crate::harness::{App, json as body, location, name, problem};
use crate::served::{SYSTEM, Served, header, parcel};

const PAGE: &str = "https://app.example.com";
const OTHER_PAGE: &str = "https://evil.example";

async fn list(served: &Served, origins: &[&str]) {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    let (platform, project) = (&served.app.platform, &served.project);
    deployments::set_cors_origins(platform, &SYSTEM, project, &served.price, origins)
        .await
        .unwrap();
}

/// What a browser sends before a prediction.
fn preflight(app: &App, deployment: &str, origin: &str) -> RequestBuilder {
    app.request(Method::OPTIONS, &format!("/predict/{deployment}"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
}

/// What the answer says about pages of other sites.
fn cors(answer: &Response) -> BTreeMap<String, String> {
    let headers = answer.headers().iter();
    headers
        .filter(|(name, _)| name.as_str().starts_with("access-control-"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

/// Whether a page of `PAGE` may read it; nothing else about pages is said.
fn assert_readable(answer: &Response) {
    let expected = BTreeMap::from([
        ("access-control-allow-origin".to_owned(), PAGE.to_owned()),
        (
            "access-control-expose-headers".to_owned(),
            "x-request-id, x-model-version, ratelimit, ratelimit-policy, retry-after, server-timing, location, \
             preference-applied, idempotency-replayed"
                .to_owned(),
        ),
    ]);
    assert_eq!(cors(answer), expected);
    assert_eq!(header(answer, "vary"), "Origin");
}

fn assert_silent(answer: &Response) {
    assert_eq!(cors(answer), BTreeMap::new());
}

async fn refused_preflight(request: RequestBuilder) -> Value {
    let answer = request.header("x-request-id", "same").send().await.unwrap();
    assert_silent(&answer);
    let mut refused = problem(answer, 403).await;
    refused.as_object_mut().unwrap().remove("timestamp");
    refused
}

#[tokio::test]
async fn no_page_may_call_a_deployment_unless_told() {
    let served = Served::start().await;
    let answer = served.ask().header("origin", PAGE).send().await.unwrap();
    assert_silent(&answer);
    assert_eq!(
        answer.status(),
        200,
        "programs may send the header, and need none of ours"
    );
    let refused = refused_preflight(preflight(&served.app, "price", PAGE)).await;
    assert_eq!(refused["error_code"], "origin_not_allowed");
    let absent = refused_preflight(preflight(&served.app, "absent", PAGE)).await;
    assert_eq!(refused, absent, "it does not tell what there is");
    list(&served, &[PAGE]).await;
    let unlisted = refused_preflight(preflight(&served.app, "price", OTHER_PAGE)).await;
    assert_eq!(refused, unlisted);
    let unsaid = served.app.request(Method::OPTIONS, "/predict/price");
    assert_eq!(refused_preflight(unsaid).await, refused);
}

#[tokio::test]
async fn a_listed_page_may_ask_and_read_the_answer() {
    let served = Served::start().await;
    list(&served, &["http://localhost:5173", PAGE]).await;
    let asked = preflight(&served.app, "price", PAGE).send().await.unwrap();
    assert_eq!(asked.status(), 204);
    let told = cors(&asked);
    assert_eq!(told["access-control-allow-origin"], PAGE);
    assert_eq!(told["access-control-allow-methods"], "POST");
    assert_eq!(told["access-control-max-age"], "600");
    for sent in [
        "authorization",
        "content-type",
        "x-api-key",
        "x-request-id",
        "x-route-key",
        "idempotency-key",
        "prefer",
    ] {
        assert!(
            told["access-control-allow-headers"].contains(sent),
            "{told:?}"
        );
    }
    assert_eq!(told.len(), 4, "no credentials: {told:?}");
    assert_eq!(header(&asked, "vary"), "Origin");

    let answer = served.ask().header("origin", PAGE).send().await.unwrap();
    assert_readable(&answer);
    assert_eq!(body(answer, 200).await["predictions"], json!([13.0]));
    // The same by the router, which has names that are written in another way.
    let answer = served
        .to("/predict/pric%65", json!({"rooms": 3}))
        .header("origin", PAGE)
        .send()
        .await
        .unwrap();
    assert_readable(&answer);
    assert_eq!(answer.status(), 200);

    for unlisted in [
        OTHER_PAGE,
        "http://app.example.com",
        "https://app.example.com:8443",
        "null",
        "",
    ] {
        let answer = served
            .ask()
            .header("origin", unlisted)
            .send()
            .await
            .unwrap();
        assert_silent(&answer);
        assert_eq!(answer.status(), 200);
    }
    let twice = served
        .ask()
        .header("origin", PAGE)
        .header("origin", OTHER_PAGE);
    assert_silent(&twice.send().await.unwrap());
    assert_silent(&served.ask().send().await.unwrap());
}

#[tokio::test]
async fn a_page_can_read_what_was_wrong() {
    let platform = TestPlatform::with_clock(Clock::System).await;
    let app = App::start_with(platform, &["--ip-rate-limit", "4"]).await;
    let served = Served::on(app).await;
    list(&served, &[PAGE]).await;
    let anonymous = || served.app.post("/predict/price").json(&json!({}));
    let untyped = served.app.post("/predict/price").bearer_auth(&served.key);
    let cases = [
        (anonymous(), 401),
        (anonymous().bearer_auth("vol_nobody"), 401),
        (served.row(json!({"rooms": "many"})), 422),
        (untyped.body("{".as_bytes()), 415),
        // The limit of the address.
        (served.ask(), 429),
    ];
    for (request, status) in cases {
        let answer = request.header("origin", PAGE).send().await.unwrap();
        assert_readable(&answer);
        problem(answer, status).await;
    }
}

#[tokio::test]
async fn a_star_stands_for_every_page() {
    let served = Served::start().await;
    list(&served, &["*"]).await;
    for page in [PAGE, OTHER_PAGE, "null"] {
        let asked = preflight(&served.app, "price", page).send().await.unwrap();
        assert_eq!(asked.status(), 204);
        let answer = served.ask().header("origin", page).send().await.unwrap();
        for answer in [&asked, &answer] {
            let told = cors(answer);
            assert_eq!(told["access-control-allow-origin"], "*");
            assert!(!told.contains_key("access-control-allow-credentials"));
        }
    }
    list(&served, &[]).await;
    assert_silent(&served.ask().header("origin", PAGE).send().await.unwrap());
}

/// What a browser sends before a page calls this path.
fn preflight_of(app: &App, method: &str, path: &str, origin: &str) -> RequestBuilder {
    app.request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key,prefer",
        )
}

#[tokio::test]
async fn a_page_may_ask_now_and_read_the_answer_later() {
    let served = Served::start().await;
    list(&served, &[PAGE]).await;
    let database = &served.app.platform.database;
    database.hold_async_predictions(true).await;
    let preferring = served.ask().header("prefer", "respond-async");
    let later = served.to("/predict/price/async", json!({"rooms": 3}));
    let later = later.header("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    let again = later.try_clone().unwrap();
    let mut paths = Vec::new();
    for request in [preferring, later, again] {
        let accepted = request.header("origin", PAGE).send().await.unwrap();
        assert_eq!(accepted.status(), 202);
        assert_readable(&accepted);
        paths.push(location(&accepted).to_owned());
    }
    assert_eq!(paths[1], paths[2], "the same key, the same prediction");
    for (method, path) in [
        ("POST", "/predict/price/async".to_owned()),
        ("GET", paths[0].clone()),
        ("POST", format!("{}/cancel", paths[0])),
    ] {
        let asked = preflight_of(&served.app, method, &path, PAGE);
        let asked = asked.send().await.unwrap();
        assert_eq!(asked.status(), 204, "{path}");
        let told = cors(&asked);
        assert_eq!(told["access-control-allow-origin"], PAGE);
        assert_eq!(told["access-control-allow-methods"], method);
        for sent in ["authorization", "idempotency-key", "prefer"] {
            assert!(told["access-control-allow-headers"].contains(sent));
        }
        let refused = preflight_of(&served.app, method, &path, OTHER_PAGE);
        let refused = refused_preflight(refused).await;
        assert_eq!(refused["error_code"], "origin_not_allowed");
    }
    let of_page = |request: RequestBuilder| request.bearer_auth(&served.key).header("origin", PAGE);
    let cancel = served.app.post(&format!("{}/cancel", paths[1]));
    let cancelled = of_page(cancel).send().await.unwrap();
    assert_readable(&cancelled);
    assert_eq!(body(cancelled, 200).await["status"], "cancelled");
    database.hold_async_predictions(false).await;
    let result = until("the answer", async || {
        let found = of_page(served.app.get(&paths[0])).send().await.unwrap();
        assert_readable(&found);
        body(found, 200).await.get("result").cloned()
    });
    assert_eq!(result.await["predictions"], json!([13.0]));
    // What is wrong can be read, too.
    let absent = of_page(served.app.get("/api/v1/predictions/absent"));
    let absent = absent.send().await.unwrap();
    assert_readable(&absent);
    problem(absent, 404).await;
    let wrong = served.to("/predict/price/async", json!({"rooms": "many"}));
    let wrong = wrong.header("origin", PAGE).send().await.unwrap();
    assert_readable(&wrong);
    problem(wrong, 422).await;
    let anonymous = served.app.get(&paths[0]).header("origin", PAGE);
    let anonymous = anonymous.send().await.unwrap();
    assert_readable(&anonymous);
    problem(anonymous, 401).await;
    let other = served.app.get(&paths[0]).bearer_auth(&served.key);
    assert_silent(&other.header("origin", OTHER_PAGE).send().await.unwrap());
}

#[tokio::test]
async fn every_other_path_is_for_pages_of_this_site() {
    let served = Served::start().await;
    list(&served, &["*"]).await;
    let version = served
        .to("/predict/price/1", json!({"rooms": 3}))
        .header("origin", PAGE);
    assert_silent(&version.send().await.unwrap());
    for path in [
        "/livez",
        "/api/v1/projects",
        "/predict/price/openapi.json",
        "/v2/models/price",
        "/login",
    ] {
        let request = served.app.get(path).bearer_auth(&served.key);
        assert_silent(&request.header("origin", PAGE).send().await.unwrap());
        let request = served.app.request(Method::OPTIONS, path);
        let asked = request
            .header("origin", PAGE)
            .header("access-control-request-method", "GET");
        assert_silent(&asked.send().await.unwrap());
    }
}

#[tokio::test]
async fn the_list_is_part_of_the_deployment() {
    let served = Served::start().await;
    let key = served.app.key(&[Scope::Write]).await;
    let put = |spec: Value| {
        served
            .app
            .request(Method::PUT, "/api/v1/projects/default/deployments/price")
            .bearer_auth(&key)
            .json(&spec)
            .send()
    };
    let before = put(json!({"model": "price", "version": 1})).await.unwrap();
    let revision = header(&before, "etag").to_owned();
    assert_eq!(body(before, 200).await["cors_origins"], json!([]));
    let bad = json!({"model": "price", "version": 1,
        "cors_origins": [PAGE, "https://app.example.com/", "*", "app.example.com"]});
    let refused = problem(put(bad).await.unwrap(), 422).await;
    let errors: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let text = |member: &str| error[member].as_str().unwrap().to_owned();
            (text("pointer"), text("got"))
        })
        .collect();
    let named = |index: usize, got: &str| (format!("/cors_origins/{index}"), got.to_owned());
    assert_eq!(
        errors,
        [
            named(1, "https://app.example.com/"),
            named(2, "*"),
            named(3, "app.example.com")
        ]
    );
    let good = json!({"model": "price", "version": 1, "cors_origins": [PAGE]});
    let after = put(good).await.unwrap();
    assert_ne!(header(&after, "etag"), revision);
    assert_eq!(body(after, 200).await["cors_origins"], json!([PAGE]));
    let answer = served.ask().header("origin", PAGE).send().await.unwrap();
    assert_readable(&answer);
}

#[tokio::test]
async fn one_project_opens_nothing_of_another() {
    let served = Served::start().await;
    let platform = &served.app.platform;
    let other = platform.new_project("other").await;
    let bytes = model::encode(&parcel()).unwrap();
    platform
        .version(&other, &name("parcel"), &bytes, &parcel().signature)
        .await;
    let spec = DeploymentSpec {
        cors_origins: Some(vec![PAGE.to_owned()]),
        ..DeploymentSpec::new(name("parcel"), 1)
    };
    deployments::put(platform, &SYSTEM, &other, &served.price, spec, None)
        .await
        .unwrap();
    // Nobody says yet which of the two is meant.
    let asked = preflight(&served.app, "price", PAGE).send().await.unwrap();
    assert_eq!(asked.status(), 204);
    let answer = served.ask().header("origin", PAGE).send().await.unwrap();
    assert_silent(&answer);
    assert_eq!(answer.status(), 200);
}
