use domain::{Role, Scope};
use reqwest::multipart::{Form, Part};
use testkit::{TestPlatform, until};

use crate::harness::{ADMIN, App, json, location, problem};

const PATH: &str = "/api/v1/projects/default/datasets";
const CSV: &str = "size,price\n10,100\n20,210\n30,290\n";

#[tokio::test]
async fn a_file_becomes_a_version_of_the_dataset() {
    let app = App::start().await;
    let key = app.key(&[Scope::Write]).await;
    let upload = |media: &str| {
        app.post(&format!("{PATH}?name=sales"))
            .bearer_auth(&key)
            .header("content-type", media)
            .body(CSV)
    };
    let answer = upload("text/csv; charset=utf-8").send().await.unwrap();
    assert_eq!(
        location(&answer),
        "/api/v1/projects/default/datasets/sales/versions/1"
    );
    let first = json(answer, 201).await;
    assert_eq!(
        (
            first["name"].as_str(),
            first["version"].as_i64(),
            first["status"].as_str()
        ),
        (Some("sales"), Some(1), Some("profiling"))
    );
    let second = json(upload("text/csv").send().await.unwrap(), 201).await;
    assert_eq!(
        (second["version"].as_i64(), &second["sha256"]),
        (Some(2), &first["sha256"])
    );

    let read = |path: &str| app.get(&format!("{PATH}{path}")).bearer_auth(&key).send();
    assert_eq!(json(read("/sales").await.unwrap(), 200).await["version"], 2);
    assert_eq!(
        json(read("/sales/versions/1").await.unwrap(), 200).await["bytes"],
        CSV.len()
    );
    assert_eq!(
        json(read("").await.unwrap(), 200).await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        json(read("/sales/versions").await.unwrap(), 200).await["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    problem(read("/sales/versions/3").await.unwrap(), 404).await;
    problem(read("/sales/versions/x").await.unwrap(), 404).await;
    problem(upload("application/json").send().await.unwrap(), 415).await;
    let bad_name = app
        .post(&format!("{PATH}?name=..%2Fetc"))
        .bearer_auth(&key)
        .header("content-type", "text/csv")
        .body(CSV);
    assert_eq!(
        problem(bad_name.send().await.unwrap(), 422).await["errors"][0]["pointer"],
        "/name"
    );
    let empty = app
        .post(&format!("{PATH}?name=empty"))
        .bearer_auth(&key)
        .header("content-type", "text/csv");
    problem(empty.send().await.unwrap(), 422).await;
    problem(read("/empty").await.unwrap(), 404).await;
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_before_and_while_it_is_sent() {
    let platform = TestPlatform::with_clock(platform::Clock::System).await;
    let mut limited = platform.platform();
    limited.limits.max_upload_bytes = 1000;
    let app = App::start_limited(platform, limited).await;
    let key = app.key(&[Scope::Write]).await;
    let post = || {
        app.post(&format!("{PATH}?name=large"))
            .bearer_auth(&key)
            .header("content-type", "text/csv")
    };
    let refused = problem(post().body("x".repeat(1001)).send().await.unwrap(), 413).await;
    assert!(
        refused["detail"].as_str().unwrap().contains("1000"),
        "{refused}"
    );
    let chunks = futures::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>("x".repeat(100))));
    problem(
        post()
            .body(reqwest::Body::wrap_stream(chunks))
            .send()
            .await
            .unwrap(),
        413,
    )
    .await;
    problem(
        app.get(&format!("{PATH}/large"))
            .bearer_auth(&key)
            .send()
            .await
            .unwrap(),
        404,
    )
    .await;
}

#[tokio::test]
async fn the_dashboards_form_uploads_too() {
    let app = App::start().await;
    let admin = app.sign_in(ADMIN).await;
    let upload = |form: Form, accept: &str| {
        app.post("/p/default/datasets/upload")
            .header("cookie", &admin)
            .header("origin", app.origin())
            .header("accept", accept.to_owned())
            .multipart(form)
            .send()
    };
    let file = || Part::text(CSV).file_name("Sales 2024 (final).csv");
    let answer = upload(
        Form::new().text("name", "sales").part("file", file()),
        "text/html",
    )
    .await
    .unwrap();
    assert_eq!(
        (answer.status().as_u16(), location(&answer)),
        (303, "/p/default/datasets/sales?v=1")
    );
    let answer = upload(Form::new().part("file", file()), "application/json")
        .await
        .unwrap();
    assert_eq!(json(answer, 201).await["name"], "Sales-2024-final");

    let unknown = || Form::new().part("file", Part::text("x").file_name("notes.txt"));
    let answer = upload(unknown(), "text/html").await.unwrap();
    assert_eq!(
        location(&answer),
        "/p/default/datasets?error=invalid_input&field=file"
    );
    assert_eq!(
        problem(upload(unknown(), "application/json").await.unwrap(), 422).await["errors"][0]["pointer"],
        "/file"
    );
    let nothing = upload(Form::new().text("name", "sales"), "application/json")
        .await
        .unwrap();
    problem(nothing, 422).await;

    let viewer = app.member("vera@example.com", Role::Viewer).await;
    let form = Form::new().part("file", file());
    let refused = app
        .post("/p/default/datasets/upload")
        .header("cookie", viewer)
        .header("origin", app.origin())
        .multipart(form);
    problem(refused.send().await.unwrap(), 403).await;
}

#[tokio::test]
async fn a_worker_profiles_what_was_uploaded_and_says_what_is_wrong_with_it() {
    let app = App::start().await;
    let _worker = app.worker();
    let key = app.key(&[Scope::Write]).await;
    for (name, file) in [("good", CSV), ("bad", "size,price\n10,100\n20\n")] {
        let post = app
            .post(&format!("{PATH}?name={name}"))
            .bearer_auth(&key)
            .header("content-type", "text/csv")
            .body(file);
        json(post.send().await.unwrap(), 201).await;
    }
    let settled = async |name: &str| {
        until("the profile", async || {
            let found = json(
                app.get(&format!("{PATH}/{name}"))
                    .bearer_auth(&key)
                    .send()
                    .await
                    .unwrap(),
                200,
            )
            .await;
            (found["status"] != "profiling").then_some(found)
        })
        .await
    };
    let good = settled("good").await;
    assert_eq!(
        (good["status"].as_str(), good["rows"].as_u64()),
        (Some("ready"), Some(3))
    );
    assert_eq!(good["columns"][0]["name"], "size");
    let preview = app
        .get(&format!("{PATH}/good/versions/1/preview"))
        .bearer_auth(&key)
        .send()
        .await
        .unwrap();
    assert_eq!(json(preview, 200).await["rows"][0][1], "100");
    let bad = settled("bad").await;
    assert_eq!(bad["status"], "failed");
    assert!(bad["error"].as_str().unwrap().contains("row"), "{bad}");
}
