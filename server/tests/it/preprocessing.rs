//! Columns that are prepared as asked for, from the form and the API to a prediction and its explanation.

use domain::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json as body};
use testkit::until;

use crate::harness::{App, Process, ended, json, location, problem};

const PROJECT: &str = "/api/v1/projects/default";

/// Rents of 60 streets: those begun on a weekend cost more, and those whose size nobody knows most.
fn table() -> String {
    let row = |i: u32| {
        let (street, day) = (i * 7 % 60, i * 11 % 28);
        let size = if i.is_multiple_of(9) {
            String::new()
        } else {
            (20 + i % 41).to_string()
        };
        let unknown = if i.is_multiple_of(9) { 500 } else { i % 41 };
        // 2026-02-01 is a Sunday.
        let weekend = if matches!(day % 7, 0 | 6) { 90 } else { 0 };
        format!(
            "s{street},2026-02-{:02},{size},the {i}th of many flats,{}\n",
            1 + day,
            street * 10 + weekend + unknown
        )
    };
    std::iter::once("street,begun,size,note,rent\n".to_owned())
        .chain((0..600).map(row))
        .collect()
}

fn spec() -> Value {
    body!({
        "dataset": "flats", "target": "rent", "model": "rent", "algorithm": "linear_regression",
        "preprocessing": {
            "street": {"encode": "target", "min_count": 2},
            "size": {"impute": {"constant": 0}, "missing_indicator": true},
        },
    })
}

struct Ground {
    app: App,
    _worker: Process,
    key: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start().await;
        let key = app.key(&[Scope::Admin, Scope::Predict(None)]).await;
        let ground = Self {
            _worker: app.worker(),
            app,
            key,
        };
        let upload = ground
            .app
            .post(&format!("{PROJECT}/datasets?name=flats"))
            .bearer_auth(&ground.key)
            .header("content-type", "text/csv")
            .body(table());
        json(upload.send().await.unwrap(), 201).await;
        until("the profile", async || {
            (ground.get("/datasets/flats").await["status"] == "ready").then_some(())
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
        ended(async || self.get(&path).await).await
    }

    async fn page(&self, session: &str, path: &str) -> String {
        let page = self.app.get(path);
        let page = page.header("cookie", session).header("accept", "text/html");
        page.send().await.unwrap().text().await.unwrap()
    }

    async fn predict(&self, path: &str, inputs: &Value, status: u16) -> Value {
        let request = self.app.post(path).bearer_auth(&self.key);
        let request = request.json(&body!({ "inputs": inputs }));
        json(request.send().await.unwrap(), status).await
    }
}

#[tokio::test]
async fn a_prepared_model_says_what_it_does_and_does_it() {
    let ground = Ground::new().await;
    let columns = ground.get("/datasets/flats").await["columns"].clone();
    assert_eq!(
        (&columns[1]["format"], &columns[0]["format"]),
        (&body!("date"), &Value::Null)
    );

    let run = json(ground.ask(&spec()).await, 202).await;
    assert_eq!(
        run["spec"]["preprocessing"]["begun"],
        body!({"date_parts": ["year", "month", "day", "weekday", "days_since_epoch"]})
    );
    let run = ground.ended(run["id"].as_str().unwrap()).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let dropped = run["evaluation"]["dropped"].to_string();
    assert!(dropped.contains("600 different values"), "{dropped}");
    let segments = run["evaluation"]["segments"].as_array().unwrap();
    let of_size = segments.iter().find(|of| of["column"] == "size").unwrap();
    let names = of_size["segments"].to_string();
    assert!(names.contains("(missing)"), "{names}");

    let version = ground.get("/models/rent/versions/1").await;
    let inputs = version["signature"]["inputs"].as_array().unwrap();
    let input = |name: &str| inputs.iter().find(|input| input["name"] == name).unwrap();
    assert_eq!(input("begun")["format"], "date");
    assert_eq!(input("size")["impute"], "constant 0, and marked as missing");
    let unseen = input("street")["unseen"].as_str().unwrap();
    assert!(unseen.contains("mean of the target"), "{unseen}");

    let deployment = body!({"model": "rent", "version": 1});
    let deploy = ground
        .app
        .request(Method::PUT, &format!("{PROJECT}/deployments/flats"));
    let deploy = deploy.bearer_auth(&ground.key).json(&deployment);
    json(deploy.send().await.unwrap(), 200).await;
    let row = body!({"street": "s30", "begun": "2026-02-04", "size": 40});
    until("the deployment to answer", async || {
        let request = ground.app.post("/predict/flats").bearer_auth(&ground.key);
        let request = request.json(&body!({ "inputs": row }));
        (request.send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    let of = async |row: Value| {
        let answer = ground.predict("/predict/flats", &row, 200).await;
        answer["predictions"][0].as_f64().unwrap()
    };
    let known = of(row.clone()).await;
    let unknown = of(body!({"street": "s30", "begun": "2026-02-04"})).await;
    assert!(unknown - known > 300.0, "{known} {unknown}");
    let low = of(body!({"street": "s1", "begun": "2026-02-04", "size": 40})).await;
    assert!(known - low > 200.0, "{low} {known}");
    of(body!({"street": "nowhere", "begun": "2031-12-24T18:00:00+01:00", "size": 40})).await;

    let wrong = body!({"street": "s30", "begun": "04.02.2026", "size": 40});
    let wrong = ground.predict("/predict/flats", &wrong, 422).await;
    let error = &wrong["errors"][0];
    assert_eq!(
        (&error["pointer"], &error["code"]),
        (&body!("/inputs/begun"), &body!("invalid"))
    );
    assert!(error["expected"].as_str().unwrap().contains("2026-01-31"));

    let explained = ground
        .predict("/predict/flats?explain=true", &row, 200)
        .await;
    let explanation = &explained["explanations"][0];
    let parts = explanation["contributions"].as_object().unwrap();
    assert_eq!(parts.len(), 3, "{explanation}");
    let whole: f64 = parts.values().map(|part| part.as_f64().unwrap()).sum();
    let whole = whole + explanation["base"].as_f64().unwrap();
    assert!((whole - known).abs() < 1e-6, "{whole} {known}");

    let document = ground
        .get("/deployments/flats/openapi.json")
        .await
        .to_string();
    for part in [
        "constant 0, and marked as missing",
        "A date such as 2026-01-31",
    ] {
        assert!(document.contains(part), "{document}");
    }
    let session = ground.app.member("viewer@example.com", Role::Viewer).await;
    let page = ground
        .page(&session, "/p/default/models/rent/versions/1")
        .await;
    for part in [
        "constant 0, and marked as missing",
        "Where it does better and worse",
        "Parts of size",
    ] {
        assert!(page.contains(part), "the version's page lacks {part}");
    }
    let page = ground
        .page(&session, "/p/default/deployments/flats/try")
        .await;
    assert!(
        page.contains("marked as missing"),
        "the playground lacks what is missing"
    );
}

#[tokio::test]
async fn what_does_not_fit_a_column_is_refused_before_anything_is_queued() {
    let ground = Ground::new().await;
    let refused = async |column: &str, asked: Value| {
        let mut spec = spec();
        spec["preprocessing"] = body!({ column: asked });
        let errors = problem(ground.ask(&spec).await, 422).await["errors"].clone();
        let of = |field: &str| errors[0][field].as_str().unwrap().to_owned();
        (of("pointer"), of("expected"))
    };
    for (column, asked, pointer, expected) in [
        (
            "size",
            body!({"encode": "target"}),
            "/preprocessing/size/encode",
            "impute, missing_indicator, scale",
        ),
        (
            "size",
            body!({"impute": {"constant": "none"}}),
            "/preprocessing/size/impute/constant",
            "a number",
        ),
        (
            "street",
            body!({"impute": "median"}),
            "/preprocessing/street/impute",
            "most_frequent, constant",
        ),
        (
            "street",
            body!({"date_parts": ["year"]}),
            "/preprocessing/street/date_parts",
            "such as 2026-01-31",
        ),
        (
            "street",
            body!({"max_categories": 1}),
            "/preprocessing/street/max_categories",
            "from 2 to 1000",
        ),
        (
            "street",
            body!({"smoothing": 3}),
            "/preprocessing/street/smoothing",
            "encode: target",
        ),
        (
            "strete",
            body!({"encode": "target"}),
            "/preprocessing/strete",
            "street",
        ),
        (
            "rent",
            body!({"impute": "mean"}),
            "/preprocessing/rent",
            "learned from",
        ),
        (
            "begun",
            body!({"date_parts": ["day", "day"]}),
            "/preprocessing/begun/date_parts",
            "once",
        ),
    ] {
        let (at, what) = refused(column, asked).await;
        assert_eq!(at, pointer);
        assert!(what.contains(expected), "{what}");
    }
    // Free text can not be known before it is read.
    let mut free_text = spec();
    free_text["preprocessing"] = body!({"note": {"encode": "one_hot"}});
    let run = json(ground.ask(&free_text).await, 202).await;
    let run = ground.ended(run["id"].as_str().unwrap()).await;
    assert_eq!(
        (&run["status"], &run["error"]["code"]),
        (&body!("failed"), &body!("invalid_features"))
    );
    let message = run["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("\"note\"") && message.contains("600 different values"),
        "{message}"
    );
}

/// As a browser without scripts sends it: a row for each column, most of them as they are.
#[tokio::test]
async fn the_form_has_a_row_for_each_column() {
    let ground = Ground::new().await;
    let session = ground.app.member("editor@example.com", Role::Editor).await;
    let page = ground
        .page(
            &session,
            "/p/default/training-runs/new?dataset=flats&target=rent",
        )
        .await;
    for part in [
        "Preprocessing, column by column",
        "name=\"form[preprocessing][0][treatment]\"",
        "name=\"form[preprocessing][2][impute]\"",
        "As usual: taken apart into year",
        "67 are missing.",
    ] {
        assert!(page.contains(part), "the page lacks {part}");
    }
    let mut fields = vec![
        ("project", "default"),
        ("form[dataset]", "flats"),
        ("form[dataset_version]", "1"),
        ("form[target]", "rent"),
        ("form[features][]", "street"),
        ("form[features][]", "begun"),
        ("form[features][]", "size"),
        ("form[model]", "rent"),
        ("form[algorithm]", "ridge"),
        ("form[test_fraction]", "0.2"),
        ("form[seed]", "42"),
        ("form[seconds]", "60"),
        ("form[memory_mb]", "1024"),
    ];
    fields.extend([
        ("form[preprocessing][0][column]", "street"),
        ("form[preprocessing][0][kind]", "string"),
        ("form[preprocessing][0][impute]", ""),
        ("form[preprocessing][0][treatment]", "target"),
        ("form[preprocessing][0][min_count]", "5"),
        ("form[preprocessing][2][column]", "size"),
        ("form[preprocessing][2][kind]", "integer"),
        ("form[preprocessing][2][impute]", "constant"),
        ("form[preprocessing][2][constant]", "12"),
        ("form[preprocessing][2][indicator]", "on"),
        ("form[preprocessing][3][column]", "note"),
        ("form[preprocessing][3][kind]", "string"),
        ("form[preprocessing][3][treatment]", "one_hot"),
    ]);
    let form = ground.app.form("/_fn/create_training_run", &fields);
    let form = form
        .header("cookie", &session)
        .header("accept", "text/html");
    let place = location(&form.send().await.unwrap()).to_owned();
    let id = place.rsplit('/').next().unwrap();
    let run = ground.get(&format!("/training-runs/{id}")).await;
    assert_eq!(
        run["spec"]["preprocessing"],
        body!({
            "street": {"encode": "target", "min_count": 5},
            "begun": {"date_parts": ["year", "month", "day", "weekday", "days_since_epoch"]},
            "size": {"impute": {"constant": 12}, "missing_indicator": true},
        }),
        "a column that is not learned from is left out"
    );
}
