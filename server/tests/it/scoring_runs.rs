//! Tables that are scored as jobs: through the API, by worker processes.

mod trouble;

use domain::Scope;
use reqwest::{Method, Response};
use serde_json::{Value, json as body};
use testkit::until;

use crate::harness::{ADMIN, App, ended, json, location, problem};
use crate::served::Served;

const PROJECT: &str = "/api/v1/projects/default";

/// Models `price` and `house`, and a key that may write.
struct Ground {
    served: Served,
    key: String,
}

impl Ground {
    async fn new() -> Self {
        let served = Served::on(App::start().await).await;
        served.house().await;
        let key = served.app.key(&[Scope::Write]).await;
        Self { served, key }
    }

    async fn send(&self, method: Method, path: &str, send: Option<Value>) -> Response {
        let request = self
            .served
            .app
            .request(method, &format!("{PROJECT}{path}"))
            .bearer_auth(&self.key);
        let request = match send {
            Some(send) => request.json(&send),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        json(self.send(Method::GET, path, None).await, 200).await
    }

    async fn post(&self, path: &str, send: Value) -> Response {
        self.send(Method::POST, path, Some(send)).await
    }

    /// The version, once it has been read.
    async fn read(&self, dataset: &str) -> Value {
        until("the table to be read", async || {
            let found = self.get(&format!("/datasets/{dataset}")).await;
            (found["status"] != "profiling").then_some(found)
        })
        .await
    }

    async fn upload(&self, dataset: &str, table: impl Into<String>) -> Value {
        let upload = self
            .served
            .app
            .post(&format!("{PROJECT}/datasets?name={dataset}"))
            .bearer_auth(&self.key)
            .header("content-type", "text/csv")
            .body(table.into());
        json(upload.send().await.unwrap(), 201).await;
        self.read(dataset).await
    }

    /// The path of a queued run.
    async fn queue(&self, spec: Value) -> String {
        let run = json(self.post("/scoring-runs", spec).await, 202).await;
        assert_eq!(run["status"], "queued");
        format!("/scoring-runs/{}", run["id"].as_str().unwrap())
    }

    async fn ended(&self, run: &str) -> Value {
        ended(async || self.get(run).await).await
    }

    async fn score(&self, spec: Value) -> Value {
        self.ended(&self.queue(spec).await).await
    }

    async fn refused(&self, spec: Value) -> Vec<Value> {
        let problem = problem(self.post("/scoring-runs", spec).await, 422).await;
        problem["errors"].as_array().unwrap().clone()
    }

    /// The first rows of the newest version, as text, with the names of the columns.
    async fn rows(&self, dataset: &str) -> (Vec<String>, Vec<Vec<Option<String>>>) {
        let version = self.read(dataset).await;
        assert_eq!(version["status"], "ready", "{version}");
        let path = format!(
            "/datasets/{dataset}/versions/{}/preview",
            version["version"]
        );
        let preview = self.get(&path).await;
        (
            serde_json::from_value(preview["columns"].clone()).unwrap(),
            serde_json::from_value(preview["rows"].clone()).unwrap(),
        )
    }

    async fn predict(&self, path: &str, row: Value) -> f64 {
        let answer = until("the key to be served", async || {
            let answer = self.served.to(path, row.clone()).send().await.unwrap();
            (answer.status() == 200).then_some(answer)
        })
        .await;
        json(answer, 200).await["predictions"][0].as_f64().unwrap()
    }
}

const HOMES: &str = "rooms,area,place,flag,note\n\
    3,1.5,NEAR BAY,true,first\n\
    2,,INLAND,false,\n\
    7,0.1,ELSEWHERE,,third\n";

#[tokio::test]
async fn a_table_becomes_a_dataset_with_the_predictions_that_requests_get() {
    let ground = Ground::new().await;
    let _worker = ground.served.app.worker();
    ground.upload("homes", HOMES).await;
    let spec = body!({"dataset": "homes", "model": "house", "version": 1});
    let answer = ground.post("/scoring-runs", spec).await;
    let place = location(&answer).to_owned();
    let queued = json(answer, 202).await;
    let id = queued["id"].as_str().unwrap();
    assert_eq!(place, format!("{PROJECT}/scoring-runs/{id}"));
    let run = ground.ended(&format!("/scoring-runs/{id}")).await;
    let expected = body!({
        "status": "succeeded", "progress": 1.0, "total_rows": 3, "rows": 3, "rows_failed": 0, "refusals": [], "error": null,
        "dataset": "homes", "dataset_version": 1, "model": "house", "version": 1, "output": "homes-house-predictions",
        "output_version": 1, "keep_columns": null, "prediction_column": "prediction",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&run[field], value, "{field} in {run}");
    }

    let (columns, rows) = ground.rows("homes-house-predictions").await;
    assert_eq!(
        columns,
        [
            "rooms",
            "area",
            "place",
            "flag",
            "note",
            "prediction",
            "prediction_error"
        ]
    );
    let requests = [
        body!({"rooms": 3, "area": 1.5, "place": "NEAR BAY", "flag": true}),
        body!({"rooms": 2, "area": null, "place": "INLAND", "flag": false}),
        body!({"rooms": 7, "area": 0.1, "place": "ELSEWHERE", "flag": null}),
    ];
    for (row, request) in rows.iter().zip(requests) {
        let scored: f64 = row[5].as_deref().unwrap().parse().unwrap();
        let asked = ground.predict("/predict/house", request).await;
        assert_eq!(scored.to_bits(), asked.to_bits(), "{row:?}");
        assert_eq!(row[6], None);
    }
    assert_eq!(rows[0][4].as_deref(), Some("first"));
    assert_eq!(rows[1][4], None);

    let version = ground.get("/datasets/homes-house-predictions").await;
    assert_eq!(
        version["lineage"],
        body!({
            "scoring_run": id, "model": "house", "model_version": 1, "dataset": "homes", "dataset_version": 1,
        })
    );
    assert_eq!(version["format"], "parquet");
    assert!(ground.get("/datasets/homes").await.get("lineage").is_none());
    let ledger = ground.get("/ledger").await;
    let rows = ledger["items"].as_array().unwrap();
    let made = rows.iter().find(|row| row["action"] == "dataset.scored");
    assert_eq!(made.unwrap()["after"]["scoring_run"], id);
}

#[tokio::test]
async fn names_columns_and_an_alias_are_as_asked_and_a_known_dataset_gets_its_next_version() {
    let ground = Ground::new().await;
    let _worker = ground.served.app.worker();
    ground.upload("homes", HOMES).await;
    let alias = ground
        .send(
            Method::PUT,
            "/models/price/aliases/champion",
            Some(body!({"version": 2})),
        )
        .await;
    json(alias, 200).await;
    let spec = body!({
        "dataset": "homes", "dataset_version": 1, "model": "price", "version": "@champion", "output": "answers",
        "keep_columns": ["note", "rooms"], "prediction_column": "price",
    });
    let first = ground.score(spec.clone()).await;
    assert_eq!(
        (&first["version"], &first["output_version"]),
        (&body!(2), &body!(1)),
        "{first}"
    );
    let (columns, rows) = ground.rows("answers").await;
    assert_eq!(columns, ["note", "rooms", "price", "price_error"]);
    let texts: Vec<Option<&str>> = rows[0].iter().map(Option::as_deref).collect();
    assert_eq!(texts, [Some("first"), Some("3"), Some("23"), None]);
    let second = ground.score(spec).await;
    assert_eq!(second["output_version"], 2, "{second}");

    let page = ground.get("/scoring-runs?limit=1").await;
    assert_eq!(page["items"][0]["id"], second["id"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = ground
        .get(&format!("/scoring-runs?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(rest["items"][0]["id"], first["id"]);
    assert!(rest["next_cursor"].is_null());
    let late = format!("/scoring-runs/{}/cancel", first["id"].as_str().unwrap());
    let late = problem(ground.post(&late, body!({})).await, 409).await;
    assert_eq!(late["error_code"], "run_finished");
}

#[tokio::test]
async fn a_row_that_the_model_refuses_fails_alone_with_its_reason() {
    let ground = Ground::new().await;
    let _worker = ground.served.app.worker();
    let table = "rooms,area,place,flag\n1,1,INLAND,true\n2.5,1,INLAND,true\n,1,INLAND,true\n4,1,,true\n5,1,INLAND,true\n";
    ground.upload("homes", table).await;
    let run = ground
        .score(body!({"dataset": "homes", "model": "house", "version": 1}))
        .await;
    assert_eq!(
        (&run["status"], &run["rows"], &run["rows_failed"]),
        (&body!("succeeded"), &body!(5), &body!(3)),
        "{run}"
    );
    let refusals = run["refusals"].as_array().unwrap();
    let places: Vec<_> = refusals
        .iter()
        .map(|refusal| {
            (
                refusal["row"].as_u64().unwrap(),
                refusal["column"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(places, [(2, "rooms"), (3, "rooms"), (4, "place")]);
    assert_eq!(refusals[0]["reason"], "expected a whole number, got 2.5");
    let page = ground.get("/scoring-runs").await;
    let listed = &page["items"][0];
    assert_eq!(
        (&listed["id"], &listed["rows_failed"], &listed["refusals"]),
        (&run["id"], &body!(3), &body!([]))
    );
    let (_, rows) = ground.rows("homes-house-predictions").await;
    let failed: Vec<bool> = rows.iter().map(|row| row[5].is_some()).collect();
    assert_eq!(
        rows.iter().map(|row| row[4].is_none()).collect::<Vec<_>>(),
        failed
    );
    assert_eq!(failed, [false, true, true, true, false]);
    assert!(
        rows[3][5]
            .as_deref()
            .unwrap()
            .starts_with("place: expected")
    );
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_starts() {
    let ground = Ground::new().await;
    let _worker = ground.served.app.worker();
    ground
        .upload(
            "homes",
            "rooms,areas,place,flag,prediction\nmany,1,INLAND,true,1\n",
        )
        .await;
    let spec = |more: Value| {
        let mut spec = body!({"dataset": "homes", "model": "house", "version": 1, "prediction_column": "answer"});
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        spec
    };
    let errors = ground.refused(spec(body!({}))).await;
    assert_eq!(errors.len(), 2, "{errors:?}");
    let [rooms, area] = &errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!(
        (&rooms["code"], &area["code"]),
        (&body!("wrong_type"), &body!("missing"))
    );
    for (error, expected, got) in [
        (rooms, "\"rooms\" of integer", "string"),
        (area, "\"area\" of float", "areas"),
    ] {
        assert_eq!(error["pointer"], "/dataset");
        assert!(
            error["expected"].as_str().unwrap().contains(expected),
            "{error}"
        );
        assert!(error["got"].as_str().unwrap().contains(got), "{error}");
    }

    ground.upload("good", HOMES).await;
    ground.upload("taken", "rooms,prediction\n1,2\n").await;
    for (more, pointer) in [
        (body!({"dataset": "good", "version": 0}), "/version"),
        (
            body!({"dataset": "good", "version": "champion"}),
            "/version",
        ),
        (
            body!({"dataset": "good", "keep_columns": ["rooms", "aria"]}),
            "/keep_columns/1",
        ),
        (body!({"dataset": "good", "output": "good"}), "/output"),
        (body!({"dataset": "good", "output": "../etc"}), "/output"),
        (
            body!({"dataset": "good", "prediction_column": ""}),
            "/prediction_column",
        ),
        (
            body!({"dataset": "good", "prediction_column": "note"}),
            "/prediction_column",
        ),
        (
            body!({"dataset": "taken", "model": "price", "prediction_column": null}),
            "/prediction_column",
        ),
        (body!({"dataset": "good", "threads": 4}), "/threads"),
    ] {
        let errors = ground.refused(spec(more.clone())).await;
        assert_eq!(errors[0]["pointer"], pointer, "{more}: {errors:?}");
    }
    let taken = spec(body!({"dataset": "taken", "model": "price", "prediction_column": null}));
    let fix = ground.refused(taken).await[0]["expected"].to_string();
    assert!(
        fix.contains("prediction_column") && fix.contains("keep_columns"),
        "{fix}"
    );
    for more in [
        body!({"dataset": "none"}),
        body!({"dataset": "good", "dataset_version": 9}),
        body!({"dataset": "good", "model": "none"}),
        body!({"dataset": "good", "version": 9}),
        body!({"dataset": "good", "version": "@nobody"}),
    ] {
        problem(ground.post("/scoring-runs", spec(more)).await, 404).await;
    }

    let empty = ground.upload("empty", "rooms,area\n").await;
    assert_eq!(empty["status"], "failed");
    let empty = ground
        .post("/scoring-runs", spec(body!({"dataset": "empty"})))
        .await;
    let empty = problem(empty, 409).await;
    assert_eq!(empty["error_code"], "dataset_failed");
    assert!(
        empty["detail"].as_str().unwrap().contains("no rows"),
        "{empty}"
    );
    let runs = ground.get("/scoring-runs").await;
    assert_eq!(runs["items"], body!([]));
}

#[tokio::test]
async fn the_dashboards_form_starts_a_run() {
    let ground = Ground::new().await;
    let _worker = ground.served.app.worker();
    ground.upload("homes", HOMES).await;
    let app = &ground.served.app;
    let session = app.sign_in(ADMIN).await;
    let fields = [
        ("project", "default"),
        ("dataset", "homes/1"),
        ("model", "house/1"),
        ("output", ""),
        ("prediction_column", "prediction"),
    ];
    let form = app.form("/_fn/create_scoring_run", &fields);
    let started = form
        .header("cookie", &session)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(started.status(), 302);
    let page = location(&started).to_owned();
    let id = page.strip_prefix("/p/default").unwrap();
    assert_eq!(ground.ended(id).await["status"], "succeeded");
}
