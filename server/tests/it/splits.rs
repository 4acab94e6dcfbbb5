//! Runs whose rows are kept apart by a column, and folds, as a program and as a form without scripts ask for them.

use domain::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json as body};
use testkit::until;

use crate::harness::{App, Process, ended, json, location, problem};

const PROJECT: &str = "/api/v1/projects/default";

/// Ten visits of each of 30 patients, on days of their own; `copy` is the target.
fn table() -> String {
    let row = |i: u32| {
        let dose = i * 37 % 101;
        let (month, day) = (1 + i / 28, 1 + i % 28);
        let effect = 3 * dose + i % 30 * 5 + i % 7;
        format!(
            "p{},2026-{month:02}-{day:02},{dose},{effect},{effect}\n",
            i % 30
        )
    };
    std::iter::once("patient,day,dose,copy,effect\n".to_owned())
        .chain((0..300).map(row))
        .collect()
}

struct Ground {
    app: App,
    _worker: Process,
    key: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start().await;
        let key = app.key(&[Scope::Admin]).await;
        let ground = Self {
            _worker: app.worker(),
            app,
            key,
        };
        let upload = ground
            .app
            .post(&format!("{PROJECT}/datasets?name=visits"))
            .bearer_auth(&ground.key)
            .header("content-type", "text/csv")
            .body(table());
        json(upload.send().await.unwrap(), 201).await;
        until("the profile", async || {
            (ground.get("/datasets/visits").await["status"] == "ready").then_some(())
        })
        .await;
        ground
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.app.request(Method::GET, &format!("{PROJECT}{path}"));
        json(request.bearer_auth(&self.key).send().await.unwrap(), 200).await
    }

    async fn ask(&self, spec: &Value) -> reqwest::Response {
        let request = self.app.post(&format!("{PROJECT}/training-runs"));
        let request = request.bearer_auth(&self.key).json(spec);
        request.send().await.unwrap()
    }

    async fn ended(&self, id: &str) -> Value {
        let path = format!("/training-runs/{id}");
        let run = ended(async || self.get(&path).await).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        run
    }
}

fn spec(split: &Value) -> Value {
    body!({
        "dataset": "visits", "target": "effect", "model": "effect", "algorithm": "linear_regression",
        "split": split,
    })
}

#[tokio::test]
async fn groups_and_times_are_kept_apart_and_folds_are_shown_with_the_metrics() {
    let ground = Ground::new().await;
    for (method, column, test_rows, inputs) in [
        ("group", "patient", 60.0, &["day", "dose", "copy"][..]),
        ("time", "day", 60.0, &["patient", "dose"]),
    ] {
        let mut spec = spec(&body!({"method": method, "column": column, "folds": 4}));
        if method == "time" {
            spec["features"] = body!(["dose", "patient"]);
        }
        let run = json(ground.ask(&spec).await, 202).await;
        assert_eq!(
            run["spec"]["split"],
            body!({"method": method, "column": column, "test_fraction": 0.2, "seed": 42, "folds": 4})
        );
        let run = ground.ended(run["id"].as_str().unwrap()).await;
        let metrics = &run["metrics"];
        assert_eq!(metrics["test_rows"], test_rows, "{run}");
        assert_eq!(metrics["folds"], 4.0);
        assert!(metrics["folds_rmse"].is_number() && metrics["folds_rmse_std"].is_number());
        let version = run["version"].as_i64().unwrap();
        let version = ground
            .get(&format!("/models/effect/versions/{version}"))
            .await;
        let fields = version["signature"]["inputs"].as_array().unwrap();
        let names: Vec<&str> = fields
            .iter()
            .map(|field| field["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, inputs);
        let warnings = &run["evaluation"]["warnings"];
        if method == "group" {
            let first = warnings[0].as_str().unwrap();
            assert!(
                first.starts_with("column \"copy\" equals the target"),
                "{first}"
            );
        } else {
            assert!(warnings.is_null(), "{warnings}");
        }
    }
}

#[tokio::test]
async fn a_split_that_does_not_fit_says_where() {
    let ground = Ground::new().await;
    for (split, pointer, expected) in [
        (
            body!({"method": "group"}),
            "/split/column",
            "that a split by group or time goes by",
        ),
        (
            body!({"column": "patient"}),
            "/split/column",
            "set split.method to group or time",
        ),
        (
            body!({"method": "group", "column": "effect"}),
            "/split/column",
            "other than the target",
        ),
        (
            body!({"method": "group", "column": "Patients"}),
            "/split/column",
            "such as patient",
        ),
        (
            body!({"method": "time", "column": "patient"}),
            "/split/column",
            "numbers or of dates such as 2026-01-31",
        ),
        (
            body!({"folds": 1}),
            "/split/folds",
            "a whole number from 2 to 10",
        ),
    ] {
        let problem = problem(ground.ask(&spec(&split)).await, 422).await;
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], pointer, "{problem}");
        let told = error["expected"].as_str().unwrap();
        assert!(told.contains(expected), "{told}");
    }
}

/// As a browser without scripts sends it: the column is there whatever the method, and checked as a feature.
#[tokio::test]
async fn the_form_asks_for_a_column_and_does_not_learn_from_it() {
    let ground = Ground::new().await;
    let session = ground.app.member("editor@example.com", Role::Editor).await;
    let page = ground
        .app
        .get("/p/default/training-runs/new?dataset=visits&split_method=time&split_column=day&folds=5")
        .header("cookie", &session)
        .header("accept", "text/html");
    let page = page.send().await.unwrap().text().await.unwrap();
    for part in [
        "<option value=\"time\" selected",
        "<option value=\"day\" selected",
        "name=\"form[split_column]\"",
        "name=\"form[folds]\"",
    ] {
        assert!(page.contains(part), "the page lacks {part}");
    }
    for (method, column, features) in [
        ("group", body!("patient"), body!(["day", "dose"])),
        ("random", Value::Null, body!(["patient", "day", "dose"])),
    ] {
        let fields = [
            ("project", "default"),
            ("form[dataset]", "visits"),
            ("form[dataset_version]", "1"),
            ("form[target]", "effect"),
            ("form[features][]", "patient"),
            ("form[features][]", "day"),
            ("form[features][]", "dose"),
            ("form[model]", "effect"),
            ("form[algorithm]", "ridge"),
            ("form[split_method]", method),
            ("form[split_column]", "patient"),
            ("form[folds]", ""),
            ("form[test_fraction]", "0.2"),
            ("form[seed]", "42"),
            ("form[seconds]", "60"),
            ("form[memory_mb]", "1024"),
        ];
        let form = ground.app.form("/_fn/create_training_run", &fields);
        let form = form
            .header("cookie", &session)
            .header("accept", "text/html");
        let place = location(&form.send().await.unwrap()).to_owned();
        let id = place.rsplit('/').next().unwrap();
        let run = ground.get(&format!("/training-runs/{id}")).await;
        assert_eq!(run["spec"]["split"]["column"], column, "{run}");
        assert_eq!(run["spec"]["features"], features);
    }
}
