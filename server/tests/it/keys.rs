use domain::{Role, Scope};
use serde_json::json as body;

use crate::harness::{ADMIN, App, json, location, problem};

#[tokio::test]
async fn a_key_is_shown_once_rotated_and_revoked() {
    let app = App::start().await;
    let admin = app.key(&[Scope::Admin]).await;
    let path = "/api/v1/projects/default/api-keys";
    let new =
        body!({"name": "ci", "scopes": ["read"], "rate_limit": {"requests": 5, "per_seconds": 1}});
    let created = json(
        app.post(path)
            .bearer_auth(&admin)
            .json(&new)
            .send()
            .await
            .unwrap(),
        201,
    )
    .await;
    let key = created["key"].as_str().unwrap();
    assert!(domain::api_keys::is_well_formed(key));
    assert_eq!(created["prefix"].as_str().unwrap(), &key[..12]);

    let listed = json(app.get(path).bearer_auth(&admin).send().await.unwrap(), 200).await;
    let entry = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["id"] == created["id"])
        .unwrap();
    assert_eq!(entry.get("key"), None);
    assert!(!listed.to_string().contains(key));

    let id = created["id"].as_str().unwrap();
    let rotate = app
        .post(&format!("{path}/{id}/rotate"))
        .bearer_auth(&admin)
        .json(&body!({"overlap_seconds": 60}));
    let rotated = json(rotate.send().await.unwrap(), 201).await;
    let works = async |key: &str| {
        app.get("/api/v1/projects/default/datasets")
            .bearer_auth(key)
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(works(key).await, 200);
    assert_eq!(works(rotated["key"].as_str().unwrap()).await, 200);
    let revoke = app
        .request(reqwest::Method::DELETE, &format!("{path}/{id}"))
        .bearer_auth(&admin);
    assert_eq!(revoke.send().await.unwrap().status(), 204);
    assert_eq!(works(key).await, 401);

    let bad = body!({"name": "x", "scopes": ["everything"]});
    let refused = problem(
        app.post(path)
            .bearer_auth(&admin)
            .json(&bad)
            .send()
            .await
            .unwrap(),
        422,
    )
    .await;
    assert_eq!(refused["errors"][0]["pointer"], "/scopes/0");
}

#[tokio::test]
async fn who_may_not_see_keys_is_told_whom_to_ask() {
    let app = App::start().await;
    for (email, role) in [
        ("viewer@example.com", Role::Viewer),
        ("editor@example.com", Role::Editor),
    ] {
        let session = app.member(email, role).await;
        let page = app.get("/p/default/keys").header("cookie", &session);
        let page = page.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        let refusal = format!(
            "Seeing and making API keys needs the role admin, and yours is {role}: ask an admin of the project"
        );
        for part in ["For programs that call this project", &refusal] {
            assert!(page.contains(part), "the page lacks {part}: {page}");
        }
        assert!(!page.contains("error-panel") && !page.contains("_fn/create_api_key"));
    }
}

#[tokio::test]
async fn what_was_filled_into_a_form_that_is_refused_is_shown_once_more() {
    let app = App::start().await;
    let session = app.sign_in(ADMIN).await;
    let path = "/p/default/keys";
    let page = async |path: &str, cookies: &str| {
        let page = app.get(path).header("cookie", cookies);
        page.header("accept", "text/html").send().await.unwrap()
    };
    let fields = [
        ("project", "default"),
        ("form[name]", "\"nightly\" <scores>"),
        ("form[scopes][]", "read"),
        ("form[deployments]", "churn, price"),
        ("form[days]", "365"),
        ("form[requests]", "77"),
        ("form[per_seconds]", "7"),
        ("form[budget_requests]", "1.5"),
        ("form[budget_per]", "day"),
        ("form[over_budget]", "count"),
    ];
    let form = app.form("/_fn/create_api_key", &fields);
    let form = form
        .header("cookie", &session)
        .header("accept", "text/html")
        .header("referer", format!("{}{path}", app.origin()));
    let refused = form.send().await.unwrap();
    let place = location(&refused);
    let place = place.strip_prefix(&app.origin()).unwrap_or(place);
    let kept = refused
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|set| set.to_str().unwrap().split(';').next())
        .find(|set| set.starts_with("refused_api_key="))
        .unwrap();
    let answer = page(place, &format!("{session}; {kept}")).await;
    let is_taken = answer.headers().get_all("set-cookie").iter().any(|set| {
        let set = set.to_str().unwrap();
        set.starts_with("refused_api_key=;") && set.contains("Max-Age=0")
    });
    assert!(is_taken, "the page leaves the cookie");
    let told = answer.text().await.unwrap();
    for part in [
        "a whole number from 1 to 1000000000000",
        "value=\"&quot;nightly&quot;",
        "value=\"churn, price\"",
        "value=\"77\"",
        "value=\"7\"",
        "value=\"1.5\"",
    ] {
        assert!(told.contains(part), "the page lacks {part}");
    }
    let fresh = page(path, &session).await.text().await.unwrap();
    assert!(fresh.contains("value=\"10000\"") && !fresh.contains("nightly"));
}
