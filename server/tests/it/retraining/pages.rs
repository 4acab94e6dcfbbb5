//! The page, as a browser without scripts has it.

use domain::Role;
use serde_json::json as body;

use super::{Ground, RETRAINING, policy};
use crate::harness::location;

const PAGE: &str = "/p/default/models/price?tab=retraining";

async fn page(ground: &Ground, session: &str, path: &str) -> String {
    let request = ground.app.get(path).header("cookie", session);
    let answer = request.header("accept", "text/html").send().await.unwrap();
    answer.text().await.unwrap()
}

/// Sends a form that is taken.
async fn post(ground: &Ground, session: &str, name: &str, fields: &[(&str, &str)]) {
    let of = [("project", "default"), ("model", "price")];
    let fields: Vec<_> = of.iter().chain(fields).copied().collect();
    let request = ground.app.form(&format!("/_fn/{name}"), &fields);
    let request = request
        .header("cookie", session)
        .header("accept", "text/html");
    let answer = request.send().await.unwrap();
    assert!(
        answer.status().is_redirection(),
        "{name}: {}",
        answer.status()
    );
    assert!(
        !location(&answer).contains("__err"),
        "{name}: {}",
        location(&answer)
    );
}

#[tokio::test]
async fn a_policy_is_made_run_and_accepted_by_forms() {
    let ground = Ground::new(&["noise"]).await;
    ground.train(body!({})).await;
    let session = ground.app.member("editor@example.com", Role::Editor).await;
    let empty = page(&ground, &session, PAGE).await;
    for part in [
        "Train it anew by itself",
        "As v2 was: linear regression to predict y from homes",
        "Every Monday at 03:00 UTC",
        "Nothing has been tried yet",
    ] {
        assert!(empty.contains(part), "the page lacks {part}");
    }
    let fields = [
        ("form[example]", "2"),
        ("form[when]", "weekly"),
        ("form[schedule]", ""),
        ("form[deployment]", "price"),
        ("form[on_better]", "propose"),
        ("form[revision]", ""),
    ];
    post(&ground, &session, "set_retraining", &fields).await;
    let made = ground.get(RETRAINING).await;
    assert_eq!(
        (&made["schedule"], &made["on_better"]),
        (&body!("0 3 * * 1"), &body!("propose"))
    );
    assert_eq!(made["created_by"], "editor@example.com");
    assert_eq!(made["training"]["algorithm"], "linear_regression");
    assert!(made["training"]["dataset_version"].is_null(), "{made}");
    let shown = page(&ground, &session, PAGE).await;
    for part in [
        "2026-01-19 03:00, 2026-01-26 03:00, 2026-02-02 03:00 UTC",
        "Change the policy",
        "Train now",
        "Delete the policy",
    ] {
        assert!(shown.contains(part), "the page lacks {part}");
    }

    post(&ground, &session, "run_retraining", &[]).await;
    let attempt = ground.ended().await;
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    let shown = page(&ground, &session, PAGE).await;
    let sentence = attempt["verdict"]["sentence"].as_str().unwrap();
    for part in [
        sentence,
        "Start the canary of v3",
        "asked for by editor@example.com",
    ] {
        assert!(shown.contains(part), "the page lacks {part}");
    }
    let run = format!(
        "/p/default/training-runs/{}",
        attempt["training_run"].as_str().unwrap()
    );
    assert!(
        page(&ground, &session, &run)
            .await
            .contains("by the policy of price")
    );
    let viewer = ground.app.member("viewer@example.com", Role::Viewer).await;
    let seen = page(&ground, &viewer, PAGE).await;
    assert!(seen.contains(sentence) && !seen.contains("Start the canary of v3"));

    let id = attempt["id"].as_str().unwrap();
    post(&ground, &session, "accept_retraining", &[("id", id)]).await;
    assert_eq!(
        ground.get("/deployments/price").await["rollout"]["canary_version"],
        3
    );
    post(&ground, &session, "pause_retraining", &[]).await;
    assert!(
        page(&ground, &session, PAGE)
            .await
            .contains("paused by editor@example.com")
    );
    post(&ground, &session, "resume_retraining", &[]).await;
    post(&ground, &session, "delete_retraining", &[]).await;
    assert!(
        page(&ground, &session, PAGE)
            .await
            .contains("Train it anew by itself")
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_its_field_and_nothing_changes() {
    let ground = Ground::new(&["noise"]).await;
    let session = ground.app.member("editor@example.com", Role::Editor).await;
    ground
        .policy(policy(body!({ "schedule": "0 5 * * *" })))
        .await;
    let shown = page(&ground, &session, PAGE).await;
    assert!(
        shown.contains("value=\"0 5 * * *\""),
        "the schedule is in its field"
    );
    let fields = [
        ("form[example]", ""),
        ("form[when]", "cron"),
        ("form[schedule]", "every day"),
        ("form[deployment]", ""),
        ("form[on_better]", "nothing"),
        ("form[revision]", "1"),
    ];
    let of = [("project", "default"), ("model", "price")];
    let all: Vec<_> = of.iter().chain(&fields).copied().collect();
    let request = ground.app.form("/_fn/set_retraining", &all);
    let request = request
        .header("cookie", &session)
        .header("accept", "text/html");
    let request = request.header("referer", format!("{}{PAGE}", ground.app.origin()));
    let answer = request.send().await.unwrap();
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    let place = place
        .strip_prefix(&ground.app.origin())
        .unwrap_or(&place)
        .to_owned();
    let told = page(&ground, &session, &place).await;
    assert!(told.contains("five fields in UTC"), "{place}");
    assert_eq!(ground.get(RETRAINING).await["schedule"], "0 5 * * *");
    let unknown = page(
        &ground,
        &session,
        "/p/default/models/nothing?tab=retraining",
    )
    .await;
    assert!(unknown.contains("not found"), "{unknown}");
}
