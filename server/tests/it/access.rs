//! The authorisation table holds for every route and server function, and lists all there are.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Name, Permission, Role, Scope};
use reqwest::Method;
use server::access::{ROUTES, SERVER_FNS, Who};
use server::{pages, router};
use uuid::Uuid;

use crate::harness::{ADMIN, App};

/// Routes that no document tells of: the documentation itself, the files of the front end, and gRPC.
const UNDOCUMENTED: [(&str, &str); 12] = [
    ("GET", "/api/openapi.json"),
    ("GET", "/api/docs"),
    ("GET", "/api/docs/"),
    ("GET", "/api/docs/{*rest}"),
    ("GET", "/pkg/{*file}"),
    ("POST", "/inference.GRPCInferenceService/ServerLive"),
    ("POST", "/inference.GRPCInferenceService/ServerReady"),
    ("POST", "/inference.GRPCInferenceService/ServerMetadata"),
    ("POST", "/inference.GRPCInferenceService/ModelReady"),
    ("POST", "/inference.GRPCInferenceService/ModelMetadata"),
    ("POST", "/inference.GRPCInferenceService/ModelInfer"),
    ("POST", "/inference.GRPCInferenceService/{method}"),
];

/// What is routed, gathered from the router's own document and from the dashboard's pages.
fn routed() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(router::document()).unwrap();
    let documented =
        document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, operations)| {
                let methods = ["get", "put", "post", "delete", "patch", "options"]
                    .into_iter()
                    .filter(|method| operations.get(method).is_some());
                // There, a path is also known with a slash at its end.
                let with_slash = path.starts_with("/v2").then(|| format!("{path}/"));
                let paths: Vec<_> = std::iter::once(path.clone()).chain(with_slash).collect();
                methods
                    .flat_map(|method| {
                        let method = method.to_uppercase();
                        paths.iter().map(move |path| (method.clone(), path.clone()))
                    })
                    .collect::<Vec<_>>()
            });
    let pages = pages::listing()
        .iter()
        .map(|page| ("GET".to_owned(), page.path().to_owned()));
    let others = UNDOCUMENTED
        .into_iter()
        .map(|(method, path)| (method.to_owned(), path.to_owned()));
    documented.chain(pages).chain(others).collect()
}

#[tokio::test]
async fn the_table_lists_every_route_and_nothing_else() {
    let listed: BTreeSet<_> = ROUTES
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(listed.len(), ROUTES.len(), "a route is listed twice");
    let routed = routed();
    let missing: Vec<_> = routed.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&routed).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "not in the table: {missing:#?}\nnot routed: {stale:#?}"
    );
}

#[tokio::test]
async fn the_table_lists_every_server_function_and_nothing_else() {
    // Registers what the linker kept.
    pages::listing();
    let registered: BTreeSet<String> = leptos::server_fn::axum::server_fn_paths()
        .map(|(path, method)| {
            assert_eq!(
                method,
                Method::POST,
                "{path}: reads are posts too, so that the origin is checked"
            );
            path.strip_prefix("/_fn/").unwrap().to_owned()
        })
        .collect();
    let listed: BTreeSet<String> = SERVER_FNS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let missing: Vec<_> = registered.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&registered).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "not in the table: {missing:#?}\nnot registered: {stale:#?}"
    );
}

#[test]
fn the_route_table_is_as_reviewed() {
    let table: String = ROUTES
        .iter()
        .map(|(method, path, who)| format!("{method:<6} {path:<95} {who:?}\n"))
        .collect();
    insta::assert_snapshot!("routes", table);
}

/// Somebody who calls, and what he may do in the project `default`; `None` for one it does not exist for.
struct Somebody {
    what: &'static str,
    header: Option<(&'static str, String)>,
    allowed: Option<Vec<Permission>>,
}

async fn everybody(app: &App) -> Vec<Somebody> {
    use Permission::{Administer, Read, Write};

    let other = app.platform.new_project("other").await;
    app.platform
        .member(&other, "olga@example.com", Role::Admin)
        .await;
    let session = async |email: &str| Some(("cookie", app.sign_in(email).await));
    let viewer = Some(("cookie", app.member("vera@example.com", Role::Viewer).await));
    let editor = Some(("cookie", app.member("egon@example.com", Role::Editor).await));
    let key = async |scope: Scope| Some(("x-api-key", app.key(&[scope]).await));
    let (revoked, _) = app
        .platform
        .key(&app.platform.project(), &[Scope::Admin])
        .await;
    let system = domain::Actor::System { name: "test" };
    platform::api_keys::revoke(
        &app.platform,
        &system,
        &app.platform.project(),
        revoked.api_key.id,
    )
    .await
    .unwrap();
    let (foreign, _) = app.platform.key(&other, &[Scope::Admin]).await;
    let somebody = |what, header, allowed: Option<&[Permission]>| Somebody {
        what,
        header,
        allowed: allowed.map(<[_]>::to_vec),
    };
    vec![
        somebody("anonymous", None, None),
        somebody("revoked key", Some(("x-api-key", revoked.key)), None),
        somebody(
            "admin of another project",
            session("olga@example.com").await,
            None,
        ),
        somebody(
            "key of another project",
            Some(("x-api-key", foreign.key)),
            None,
        ),
        somebody("viewer", viewer, Some(&[Read])),
        somebody("editor", editor, Some(&[Read, Write])),
        somebody(
            "admin",
            session(ADMIN).await,
            Some(&[Read, Write, Administer]),
        ),
        somebody("predict key", key(Scope::Predict(None)).await, Some(&[])),
        somebody("feedback key", key(Scope::Feedback).await, Some(&[])),
        somebody("read key", key(Scope::Read).await, Some(&[Read])),
        somebody("write key", key(Scope::Write).await, Some(&[Read, Write])),
        somebody(
            "admin key",
            key(Scope::Admin).await,
            Some(&[Read, Write, Administer]),
        ),
    ]
}

/// The path of a route with nothing of that name behind it.
fn filled(path: &str) -> String {
    let id = Uuid::now_v7().to_string();
    let values = BTreeMap::from([
        ("{project}", "default"),
        ("{version}", "1"),
        ("{training_run}", id.as_str()),
        ("{scoring_run}", &id),
        ("{rollout}", &id),
        ("{user}", &id),
        ("{invitation}", &id),
        ("{api_key}", &id),
    ]);
    let filled = values
        .into_iter()
        .fold(path.to_owned(), |path, (parameter, value)| {
            path.replace(parameter, value)
        });
    filled
        .split('/')
        .map(|part| {
            if part.starts_with('{') {
                "absent"
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn every_management_route_answers_to_whom_the_table_names() {
    let app = App::start().await;
    let everybody = everybody(&app).await;
    for (method, path, who) in ROUTES {
        let Who::Member(permission) = who else {
            continue;
        };
        // A member may remove himself with `Read` alone; here it is somebody else.
        let removes = (*method, path.ends_with("/members/{user}")) == ("DELETE", true);
        let permission = if removes {
            &Permission::Administer
        } else {
            permission
        };
        for somebody in &everybody {
            let method: Method = method.parse().unwrap();
            let mut request = app
                .request(method, &filled(path))
                .header("origin", app.origin());
            if let Some((name, value)) = &somebody.header {
                request = request.header(*name, value);
            }
            let status = request.send().await.unwrap().status().as_u16();
            let expected = match &somebody.allowed {
                _ if matches!(somebody.what, "anonymous" | "revoked key") => status == 401,
                None => status == 404,
                Some(allowed) if allowed.contains(permission) => {
                    !matches!(status, 401 | 403 | 500..)
                }
                Some(_) => status == 403,
            };
            assert!(expected, "{who:?} {path} for {}: {status}", somebody.what);
        }
    }
}

#[tokio::test]
async fn another_project_looks_like_none() {
    let app = App::start().await;
    let other = app.platform.new_project("other").await;
    let (foreign, _) = app.platform.key(&other, &[Scope::Admin]).await;
    let answer = async |project: &str| {
        let path = format!("/api/v1/projects/{project}/datasets/sales");
        let answer = app
            .get(&path)
            .bearer_auth(&foreign.key)
            .header("x-request-id", "same")
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let mut body: serde_json::Value = answer.json().await.unwrap();
        body.as_object_mut().unwrap().remove("timestamp");
        (status, body)
    };
    assert_eq!(answer("default").await, answer("no-such-project").await);
    assert_eq!(answer("default").await.0, 404);
    assert!(Name::new("no-such-project").is_ok());
}

#[tokio::test]
async fn server_functions_answer_to_sessions_from_our_own_pages_alone() {
    let app = App::start().await;
    let session = app.sign_in(ADMIN).await;
    let key = app.key(&[Scope::Admin]).await;
    for (name, who) in SERVER_FNS {
        let path = format!("/_fn/{name}");
        let call = || {
            app.post(&path)
                .header("content-type", "application/x-www-form-urlencoded")
                .body("")
        };
        let foreign = [
            call().header("cookie", &session),
            call()
                .header("cookie", &session)
                .header("origin", "https://evil.example"),
            call().header("cookie", &session).header("origin", "null"),
            call()
                .header("cookie", &session)
                .header("sec-fetch-site", "cross-site"),
            call()
                .header("cookie", &session)
                .header("sec-fetch-site", "same-site"),
        ];
        for request in foreign {
            assert_eq!(request.send().await.unwrap().status(), 403, "{name}");
        }
        assert_eq!(
            app.get(&path)
                .header("cookie", &session)
                .send()
                .await
                .unwrap()
                .status(),
            405,
            "{name}"
        );
        if *who == Who::Person {
            for request in [call(), call().bearer_auth(&key)] {
                assert_eq!(
                    request
                        .header("origin", app.origin())
                        .send()
                        .await
                        .unwrap()
                        .status(),
                    401,
                    "{name}"
                );
            }
        }
    }
}

#[tokio::test]
async fn no_session_changes_anything_from_another_site() {
    let app = App::start().await;
    let session = app.sign_in(ADMIN).await;
    for (method, path, who) in ROUTES.iter().filter(|(method, _, _)| *method != "GET") {
        // What programs call looks at no session, and calls of gRPC by whoever change nothing.
        let is_of_programs = *path == "/oauth/token" || path.starts_with("/inference.");
        if *who == Who::Predictor || is_of_programs {
            continue;
        }
        for (header, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("x-none", ""),
        ] {
            let request = app
                .request(method.parse().unwrap(), &filled(path))
                .header("cookie", &session)
                .header(header, value);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 403, "{method} {path} {header}: {value}");
            assert!(!answer.headers().contains_key("access-control-allow-origin"));
        }
    }
}
