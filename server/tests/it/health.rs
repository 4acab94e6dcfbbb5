use crate::harness::{App, json};
use testkit::until;

#[tokio::test]
async fn a_server_says_that_it_lives_and_what_it_is() {
    let app = App::start().await;
    assert_eq!(
        app.get("/livez")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "ok\n"
    );
    let version = json(app.get("/version").send().await.unwrap(), 200).await;
    assert_eq!(version["name"], "volary");
    let metrics = app.get("/metrics").send().await.unwrap();
    assert!(
        metrics.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
}

#[tokio::test]
async fn readiness_is_told_check_by_check_and_follows_the_database() {
    let app = App::start().await;
    let ready = json(app.get("/readyz").send().await.unwrap(), 200).await;
    assert_eq!(ready["status"], "ready");
    for check in ["database", "schema", "serving", "storage"] {
        assert_eq!(ready["checks"][check]["ok"], true, "{check}");
    }

    app.platform.database.set_reachable(false).await;
    let answer = app.get("/readyz").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "2");
    let unready = json(answer, 503).await;
    assert_eq!(unready["status"], "unavailable");
    assert_eq!(unready["checks"]["database"]["ok"], false);
    assert_eq!(app.get("/livez").send().await.unwrap().status(), 200);

    app.platform.database.set_reachable(true).await;
    until("readiness to come back", async || {
        (app.get("/readyz").send().await.unwrap().status() == 200).then_some(())
    })
    .await;
}
