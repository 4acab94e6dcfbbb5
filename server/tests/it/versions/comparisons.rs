use domain::Role;
use reqwest::Method;
use serde_json::{Value, json as body};

use super::{FEATURES, Ground, fare, has, survival};
use crate::harness::{json, name, problem};

#[tokio::test]
async fn runs_and_versions_stand_beside_each_other() {
    let ground = Ground::new().await;
    ground.train(&fare("ridge", 0)).await;
    ground.train(&fare("decision_tree", 0)).await;
    let mut other = fare("ridge", 7);
    other["params"] = body!({"penalty": 0.5});
    let third = ground.train(&other).await;
    let run = third["id"].as_str().unwrap();
    let alias = body!({"version": 2});
    let set = ground.send(Method::PUT, "/models/fare/aliases/best", Some(&alias));
    json(set.await, 200).await;

    let path = format!("/compare?version=fare/1&version=fare/@best&run={run}");
    let compared = ground.get(&path).await;
    assert_eq!(compared["task"], "regression");
    assert_eq!(compared["baseline"], 0);
    let labels: Vec<&str> = compared["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["label"].as_str().unwrap())
        .collect();
    assert_eq!(labels[..2], ["fare v1", "fare v2"]);
    let rmse = &compared["metrics"][0];
    assert_eq!(rmse["name"], "rmse");
    assert_eq!(rmse["higher_is_better"], false);
    let value = |place: usize| rmse["cells"][place]["value"].as_f64().unwrap();
    let delta = rmse["cells"][1]["delta"].as_f64().unwrap();
    assert!((value(1) - value(0) - delta).abs() < 1e-12);
    assert_eq!(rmse["cells"][0]["delta"], body!(null));
    // The third was judged by other rows, and is called that; the second was not.
    let notes = compared["notes"].as_array().unwrap();
    let unfair: Vec<&str> = notes
        .iter()
        .map(|note| note.as_str().unwrap())
        .filter(|note| note.contains("not judged by the same held-out rows"))
        .collect();
    assert_eq!(unfair.len(), 1, "{notes:?}");
    assert!(
        unfair[0].contains("seed 0") && unfair[0].contains("seed 7"),
        "{unfair:?}"
    );
    let setting = |name: &str| {
        let rows = compared["settings"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!(setting("algorithm")["differs"], true);
    assert_eq!(setting("penalty")["values"], body!(["0.01", null, "0.5"]));
    assert_eq!(setting("split.seed")["values"], body!(["0", "0", "7"]));
    assert_eq!(setting("target")["differs"], false);
    let curves = compared["curves"].as_array().unwrap();
    assert_eq!(curves[0]["kind"], "error_quantiles");
    assert_eq!(curves[0]["curves"].as_array().unwrap().len(), 3);
    assert_eq!(compared["importance"]["measure"], "permutation");

    let session = ground.session(Role::Viewer).await;
    let page = ground
        .page(
            &session,
            &format!("/p/default/compare?version=fare/1&version=fare/2&run={run}&baseline=fare/2"),
        )
        .await;
    has(
        &page,
        &[
            "fare v1",
            " baseline",
            "RMSE",
            "better",
            "not judged by the same held-out rows",
            "split.seed",
            "What they rely on",
            "Errors",
            "Show as table",
            "Compare to this",
            "more rows that are the same everywhere",
            "Add to the comparison",
        ],
    );
    assert!(!page.contains("<th scope=\"row\">target<"));
    // A tree takes only what its questions ask for; what is weighed takes everything.
    let both = format!("/compare?version=fare/1&run={run}");
    let inputs = &ground.get(&both).await["inputs"];
    let is_same = |input: &Value| input["differs"] == false;
    assert_eq!(inputs.as_array().unwrap().len(), FEATURES.len());
    assert!(inputs.as_array().unwrap().iter().all(is_same), "{inputs}");
    has(
        &ground.page(&session, &format!("/p/default{both}")).await,
        &["They take the same inputs."],
    );
    let whole = format!("/p/default{both}&all=1");
    has(
        &ground.page(&session, &whole).await,
        &["<th scope=\"row\">target<", "Show only what differs"],
    );
    // The lists send a form that needs no script.
    for (list, box_name) in [
        ("training-runs", "name=\"run\""),
        ("models/fare", "name=\"version\""),
    ] {
        let page = ground.page(&session, &format!("/p/default/{list}")).await;
        has(
            &page,
            &[
                "method=\"get\" action=\"/p/default/compare\"",
                "type=\"checkbox\"",
                box_name,
            ],
        );
    }
    let page = ground.page(&session, "/p/default/compare").await;
    has(&page, &["Nothing is chosen yet", run]);
    let page = ground
        .page(&session, "/p/default/compare?version=fare/1&run=")
        .await;
    has(&page, &["Only fare/1 is chosen"]);
}

#[tokio::test]
async fn what_can_not_be_compared_is_refused_with_the_reason() {
    let ground = Ground::new().await;
    ground.train(&fare("linear_regression", 0)).await;
    let run = ground.train(&survival("logistic_regression")).await;
    let run = run["id"].as_str().unwrap().to_owned();
    let refused = async |query: &str, status: u16| {
        problem(
            ground
                .send(Method::GET, &format!("/compare{query}"), None)
                .await,
            status,
        )
        .await
    };
    for (query, text) in [
        ("", "2 to 10"),
        ("?version=fare/1", "2 to 10"),
        ("?version=fare/1&version=fare/1", "each once"),
        ("?version=fare&version=fare/1", "such as price/3"),
        ("?run=1&version=fare/1", "the id of a training run"),
        (
            "?version=fare/1&version=survival/1",
            "compare models of one task",
        ),
        ("?model=fare", "one of version, run, baseline, class"),
        (
            "?version=fare/1&version=fare/2&baseline=fare/1&baseline=fare/2",
            "it once",
        ),
    ] {
        let problem = refused(query, 422).await;
        assert!(
            problem["detail"].as_str().unwrap().contains(text),
            "{query}: {problem}"
        );
    }
    let many: String = (1..=11)
        .map(|number| format!("&version=fare/{number}"))
        .collect();
    let problem_text = refused(&format!("?{}", &many[1..]), 422).await;
    assert!(
        problem_text["detail"].as_str().unwrap().contains("got 11"),
        "{problem_text}"
    );

    // What is not there, and what is another project's, are the same.
    let missing = refused("?version=fare/1&version=fare/9", 404).await;
    assert_eq!(missing["detail"], "model version fare/9 not found");
    let unknown = "01890000-0000-7000-8000-000000000001";
    let missing = refused(&format!("?version=fare/1&run={unknown}"), 404).await;
    assert_eq!(
        missing["detail"],
        format!("training run {unknown} not found")
    );
    let elsewhere = ground.app.platform.new_project("elsewhere").await;
    let key = ground
        .app
        .platform
        .key(&elsewhere, &[domain::Scope::Admin])
        .await
        .0
        .key;
    let foreign = ground
        .app
        .get(&format!(
            "/api/v1/projects/elsewhere/compare?run={run}&version=fare/1"
        ))
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    let foreign = problem(foreign, 404).await;
    assert!(
        foreign["detail"].as_str().unwrap().ends_with("not found"),
        "{foreign}"
    );

    // Pages say the same, with the status.
    let session = ground.session(Role::Viewer).await;
    for (query, status, text) in [
        (format!("?{}", &many[1..]), 422, "2 to 10 runs and versions"),
        (
            "?version=fare/1&version=fare/9".to_owned(),
            404,
            "model version fare/9 not found",
        ),
        (
            format!("?version=fare/1&run={run}"),
            422,
            "compare models of one task",
        ),
    ] {
        let path = format!("/p/default/compare{query}");
        let page = ground
            .app
            .get(&path)
            .header("cookie", &session)
            .send()
            .await
            .unwrap();
        assert_eq!(page.status().as_u16(), status, "{path}");
        has(&page.text().await.unwrap(), &[text]);
    }
    // An imported version has no run and no metrics.
    let signature = testkit::empty_signature();
    let platform = &ground.app.platform;
    platform
        .version(
            &platform.project(),
            &name("fare"),
            b"an artifact",
            &signature,
        )
        .await;
    let compared = ground.get("/compare?version=fare/1&version=fare/2").await;
    assert_eq!(compared["metrics"][0]["cells"][1]["value"], body!(null));
    let notes = compared["notes"].to_string();
    assert!(notes.contains("fare v2 was not trained here"), "{notes}");
    let path = "/p/default/compare?version=fare/1&version=fare/2";
    has(
        &ground.page(&session, path).await,
        &["not computed", "not trained here"],
    );
}

#[tokio::test]
async fn curves_of_classifiers_lie_over_each_other() {
    let ground = Ground::new().await;
    ground.train(&survival("logistic_regression")).await;
    ground.train(&survival("naive_bayes")).await;
    let compared = ground
        .get("/compare?version=survival/1&version=survival/2&class=1")
        .await;
    let kinds: Vec<&str> = compared["curves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["roc", "precision_recall", "calibration"]);
    let loss = &compared["metrics"][0]["cells"][0];
    assert!(
        loss["low"].as_f64() < loss["value"].as_f64()
            && loss["value"].as_f64() < loss["high"].as_f64()
    );
    let session = ground.session(Role::Viewer).await;
    let page = ground
        .page(
            &session,
            "/p/default/compare?version=survival/1&version=survival/2",
        )
        .await;
    has(
        &page,
        &[
            "ROC curves",
            "Precision and recall",
            "Calibration",
            "(95 %)",
            "Log loss ↓",
        ],
    );
}
