use std::collections::BTreeSet;

use platform::Clock;
use testkit::TestPlatform;

use crate::harness::{ADMIN, App, problem};

/// The policy of a page and the nonce in it.
fn nonce(policy: &str) -> &str {
    policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
}

#[tokio::test]
async fn a_page_lets_only_its_own_scripts_run() {
    let app = App::start().await;
    let mut nonces = BTreeSet::new();
    for _ in 0..20 {
        let answer = app
            .get("/login")
            .header("accept", "text/html")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        for needed in [
            "'strict-dynamic'",
            "'wasm-unsafe-eval'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(needed), "{needed} in {policy}");
        }
        for refused in ["'unsafe-inline'", "'unsafe-eval'"] {
            assert!(!policy.contains(refused), "{policy}");
        }
        let nonce = nonce(&policy).to_owned();
        assert!(nonce.len() >= 22, "128 bits");
        let page = answer.text().await.unwrap();
        let scripts = page.matches("<script").count();
        assert!(
            page.matches(&format!("nonce=\"{nonce}\"")).count() >= scripts,
            "every script carries it"
        );
        nonces.insert(nonce);
    }
    assert_eq!(nonces.len(), 20, "none comes twice");
}

/// The titles of pages, and what they may load, must not depend on which pages are rendered beside them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_that_are_rendered_at_once_keep_out_of_each_others_way() {
    let app = App::start().await;
    let session = app.sign_in(ADMIN).await;
    let pages = [
        ("/p/default/datasets", "Datasets"),
        ("/p/default/models", "Models"),
        ("/p/default/keys", "API keys"),
        ("/p/default/deployments", "Deployments"),
    ];
    let visitor = async |first: usize| {
        for visit in 0..25 {
            let (path, title) = pages[(first + visit) % pages.len()];
            let answer = app
                .get(path)
                .header("cookie", &session)
                .header("accept", "text/html")
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            let policy = answer.headers()["content-security-policy"].to_str();
            let nonce = nonce(policy.unwrap()).to_owned();
            let page = answer.text().await.unwrap();
            assert!(
                page.contains(&format!("nonce=\"{nonce}\"")),
                "{path}: another page's policy"
            );
            assert!(
                page.contains(&format!("<title>{title} · Volary</title>")),
                "{path}"
            );
        }
    };
    futures::future::join_all((0..8).map(visitor)).await;
}

#[tokio::test]
async fn everything_else_may_load_nothing() {
    let app = App::start().await;
    for path in [
        "/livez",
        "/api/v1/projects",
        "/api/openapi.json",
        "/no/such/thing.js",
    ] {
        let answer = app.get(path).send().await.unwrap();
        let headers = answer.headers();
        assert!(headers.contains_key("content-security-policy"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert!(headers.contains_key("x-request-id"));
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
    let docs = app.get("/api/docs/").send().await.unwrap();
    let policy = docs.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(docs.text().await.unwrap().contains("swagger-ui"));
}

#[tokio::test]
async fn only_known_host_names_are_answered() {
    let app = App::start().await;
    let port = app.address.port();
    for host in [
        "localhost",
        "volary.localhost:1",
        "127.0.0.1",
        &format!("127.0.0.1:{port}"),
        "[::1]:80",
        "LOCALHOST.",
    ] {
        let answer = app.get("/livez").header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "203.0.113.9",
        "volary.example.com",
    ] {
        let answer = app.get("/livez").header("host", host).send().await.unwrap();
        assert_eq!(
            problem(answer, 421).await["error_code"],
            "misdirected_request",
            "{host}"
        );
    }

    let platform = TestPlatform::with_clock(Clock::System).await;
    let app = App::start_with(
        platform,
        &["--allowed-hosts", "volary.internal,volary.example.com"],
    )
    .await;
    for (host, status) in [
        ("volary.internal:8080", 200),
        ("VOLARY.example.com", 200),
        ("evil.example", 421),
    ] {
        assert_eq!(
            app.get("/livez")
                .header("host", host)
                .send()
                .await
                .unwrap()
                .status(),
            status,
            "{host}"
        );
    }
}
