use domain::{Role, Scope};
use serde_json::json as body;

use crate::harness::{App, json, problem};

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
