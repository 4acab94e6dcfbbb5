use domain::Role;
use reqwest::Method;
use serde_json::{Value, json as body};

use super::{Ground, PASSENGERS, PROJECT, fare, has, survival};
use crate::harness::{json, location, problem};

async fn rerun(ground: &Ground, run: &Value) -> Value {
    let path = format!("/training-runs/{}/rerun", run["id"].as_str().unwrap());
    let answer = ground.send(Method::POST, &path, None).await;
    let at = location(&answer).to_owned();
    let queued = json(answer, 202).await;
    assert_eq!(
        at,
        format!("{PROJECT}/training-runs/{}", queued["id"].as_str().unwrap())
    );
    let ended = ground.ended(&queued).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    ended
}

fn version_of(run: &Value) -> String {
    format!(
        "/models/{}/versions/{}",
        run["model"].as_str().unwrap(),
        run["version"]
    )
}

#[tokio::test]
async fn a_run_is_made_again_byte_by_byte() {
    let ground = Ground::new().await;
    let specs = [
        fare("linear_regression", 1),
        fare("elastic_net", 1),
        fare("tweedie", 1),
        fare("random_forest", 1),
        fare("gradient_boosting", 1),
        fare("histogram_boosting", 1),
        fare("auto", 1),
        survival("logistic_regression"),
        survival("naive_bayes"),
        survival("decision_tree"),
        survival("gradient_boosting"),
        survival("histogram_boosting"),
        survival("auto"),
    ];
    for mut spec in specs {
        if spec["algorithm"] == "random_forest" {
            spec["params"] = body!({"trees": 20});
        }
        if spec["algorithm"] == "auto" {
            spec["budget"] = body!({"seconds": 60});
        }
        let run = ground.train(&spec).await;
        let version = ground.get(&version_of(&run)).await;
        let again = rerun(&ground, &run).await;
        let reproduction = &again["reproduction"];
        assert_eq!(reproduction["is_same"], true, "{spec}: {reproduction}");
        assert_eq!(reproduction["sha256"], version["sha256"]);
        assert_eq!(reproduction["expected_sha256"], version["sha256"]);
        assert_eq!(
            (&reproduction["model"], &reproduction["version"]),
            (&run["model"], &run["version"])
        );
        assert_eq!(reproduction["differences"], body!([]));
        assert_eq!(
            (&again["rerun_of"], &again["spec"]),
            (&run["id"], &run["spec"])
        );
        assert_eq!(again["version"], body!(null));
        assert_eq!(again["trainer"], run["trainer"]);
        assert_eq!(again["metrics"]["test_rows"], run["metrics"]["test_rows"]);
        // It makes no version.
        let model = ground
            .get(&format!("/models/{}", run["model"].as_str().unwrap()))
            .await;
        assert_eq!(model["versions"][0]["version"], run["version"]);
        // One of a re-run is one of its original.
        if spec["algorithm"] == "linear_regression" {
            assert_eq!(rerun(&ground, &again).await["rerun_of"], run["id"]);
        }
    }
    let ledger = ground.get("/ledger?limit=200").await;
    let rows = ledger["items"].as_array().unwrap().iter();
    let count = rows
        .filter(|row| row["action"] == "model_version.reproduced")
        .count();
    assert_eq!(count, 14);
}

#[tokio::test]
async fn the_pages_tell_of_it_and_a_newer_table_changes_nothing() {
    let ground = Ground::new().await;
    let run = ground.train(&fare("ridge", 0)).await;
    let half: String = PASSENGERS
        .lines()
        .take(500)
        .map(|line| format!("{line}\n"))
        .collect();
    ground.upload(&half).await;
    let session = ground.session(Role::Editor).await;
    let id = run["id"].as_str().unwrap();
    let page = format!("/p/default/training-runs/{id}");
    has(
        &ground.page(&session, &page).await,
        &["Train it again", "/_fn/rerun_training_run", "compare?run="],
    );
    let form = ground.app.form(
        "/_fn/rerun_training_run",
        &[("project", "default"), ("id", id)],
    );
    let sent = form
        .header("cookie", &session)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    let place = location(&sent).to_owned();
    let again = ground
        .ended(&body!({"id": place.rsplit('/').next().unwrap()}))
        .await;
    assert_eq!(again["reproduction"]["is_same"], true, "{again}");
    assert_eq!(again["spec"]["dataset_version"], 1);
    has(
        &ground.page(&session, &place).await,
        &[
            "Reproduced: the same artifact",
            "A re-run of",
            &format!("/p/default/training-runs/{id}"),
        ],
    );
    let mark = "Reproduced bit for bit";
    has(&ground.page(&session, &page).await, &[mark]);
    has(
        &ground
            .page(&session, "/p/default/models/fare/versions/1")
            .await,
        &[mark, &place],
    );
    // Both stand beside each other, too.
    let both = format!("/compare?run={id}&run={}", again["id"].as_str().unwrap());
    let compared = ground.get(&both).await;
    assert_eq!(compared["metrics"][0]["cells"][1]["delta"], body!(0.0));

    let viewer = ground.session(Role::Viewer).await;
    assert!(
        !ground
            .page(&viewer, &page)
            .await
            .contains("rerun_training_run")
    );
    let auto = ground.train(&fare("auto", 0)).await;
    let path = format!("/p/default/training-runs/{}", auto["id"].as_str().unwrap());
    has(
        &ground.page(&session, &path).await,
        &["trains what auto chose"],
    );
}

#[tokio::test]
async fn what_made_no_version_can_not_be_made_again() {
    let ground = Ground::new().await;
    let mut spec = fare("linear_regression", 0);
    spec["features"] = body!(["Cabin"]);
    spec["target"] = body!("Name");
    spec["task"] = body!("regression");
    let refused = ground
        .send(Method::POST, "/training-runs", Some(&spec))
        .await;
    problem(refused, 422).await;
    spec["target"] = body!("Fare");
    // A column that differs in nearly every row is of no use.
    spec["features"] = body!(["Name"]);
    let run = ground
        .send(Method::POST, "/training-runs", Some(&spec))
        .await;
    let run = ground.ended(&json(run, 202).await).await;
    assert_eq!(run["status"], "failed", "{run}");
    let path = format!("/training-runs/{}/rerun", run["id"].as_str().unwrap());
    let refused = problem(ground.send(Method::POST, &path, None).await, 409).await;
    assert_eq!(refused["error_code"], "nothing_to_reproduce");
    let unknown = "/training-runs/01890000-0000-7000-8000-000000000001/rerun";
    problem(ground.send(Method::POST, unknown, None).await, 404).await;
}
