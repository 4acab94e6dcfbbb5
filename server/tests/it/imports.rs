//! ONNX files become versions, which are deployed, brought out as canaries and called like others.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use domain::{Role, Scope};
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use serde_json::{Map, Value, json as body};

use crate::harness::{ADMIN, App, json, location, problem};

const MODELS: &str = "/api/v1/projects/default/models";
const DEPLOYMENTS: &str = "/api/v1/projects/default/deployments";

fn fixture(name: &str) -> PathBuf {
    let path = format!("../crates/onnx/tests/fixtures/{name}");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("{name}.onnx"))).unwrap()
}

/// What onnxruntime was asked of a file and gave.
struct Recorded(Value);

impl Recorded {
    fn of(name: &str) -> Self {
        let text = std::fs::read_to_string(fixture(&format!("{name}.json"))).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    /// The rows of a file with an input for each column.
    fn rows(&self) -> Vec<Map<String, Value>> {
        let inputs = self.0["inputs"].as_array().unwrap();
        let count = inputs[0]["data"].as_array().unwrap().len();
        let value = |input: &Value, row: usize| match &input["data"][row] {
            Value::String(_) if input["element"] != "string" => Value::Null,
            value => value.clone(),
        };
        let row = |row: usize| {
            let named = inputs.iter().map(|input| {
                let name = input["name"].as_str().unwrap().to_owned();
                (name, value(input, row))
            });
            named.collect()
        };
        (0..count).map(row).collect()
    }

    /// All numbers of the last output.
    fn numbers(&self) -> Vec<f64> {
        let output = self.0["outputs"].as_array().unwrap().last().unwrap();
        let data = output["data"].as_array().unwrap().iter();
        data.map(|number| number.as_f64().unwrap()).collect()
    }
}

struct Importer {
    app: App,
    key: String,
}

impl Importer {
    async fn start() -> Self {
        let app = App::start().await;
        let scopes = [Scope::Write, Scope::Read, Scope::Predict(None)];
        let key = app.key(&scopes).await;
        Self { app, key }
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.app.post(path).bearer_auth(&self.key)
    }

    async fn send(&self, model: &str, file: Vec<u8>, signature: Option<Value>) -> Response {
        let mut form = Form::new().part("file", Part::bytes(file));
        if let Some(signature) = signature {
            form = form.text("signature", signature.to_string());
        }
        let post = self.post(&format!("{MODELS}/{model}/versions"));
        post.multipart(form).send().await.unwrap()
    }

    async fn import(&self, model: &str, name: &str) -> Value {
        json(self.send(model, file(name), None).await, 201).await
    }

    async fn deploy(&self, deployment: &str, model: &str, version: i64) {
        let put = self
            .app
            .request(reqwest::Method::PUT, &format!("{DEPLOYMENTS}/{deployment}"))
            .bearer_auth(&self.key)
            .json(&body!({"model": model, "version": version}));
        json(put.send().await.unwrap(), 200).await;
    }

    async fn predict(&self, deployment: &str, inputs: &Value) -> Response {
        let post = self.post(&format!("/predict/{deployment}"));
        post.json(&body!({ "inputs": inputs }))
            .send()
            .await
            .unwrap()
    }

    /// The pointer and the text of a refusal.
    async fn refused(&self, answer: Response, status: u16) -> (String, String) {
        let problem = problem(answer, status).await;
        let pointer = problem["errors"][0]["pointer"].as_str().unwrap_or_default();
        (
            pointer.to_owned(),
            problem["detail"].as_str().unwrap().to_owned(),
        )
    }
}

fn near(number: &Value, expected: f64) {
    let number = number.as_f64().unwrap();
    let off = (number - expected).abs();
    assert!(
        off <= 1e-5 * expected.abs().max(1.0),
        "{number}, not {expected}"
    );
}

#[tokio::test]
async fn a_pipeline_with_texts_answers_as_onnxruntime_does() {
    let importer = Importer::start().await;
    let answer = importer
        .send("survival", file("titanic_logistic"), None)
        .await;
    assert_eq!(location(&answer), format!("{MODELS}/survival/versions/1"));
    let version = json(answer, 201).await;
    assert_eq!(version["algorithm"], "onnx");
    assert_eq!(
        version["params"]["file_bytes"],
        file("titanic_logistic").len()
    );
    assert_eq!(
        (&version["dataset"], &version["training_run"]),
        (&Value::Null, &Value::Null)
    );
    let inputs = version["signature"]["inputs"].as_array().unwrap();
    let sex = inputs.iter().find(|input| input["name"] == "Sex").unwrap();
    assert_eq!(sex["categories"], body!(["female", "male"]));
    assert_eq!(version["signature"]["output"]["task"], "classification");
    let read = importer.app.get(&format!("{MODELS}/survival/versions/1"));
    let read = read.bearer_auth(&importer.key).send().await.unwrap();
    assert_eq!(json(read, 200).await, version);

    importer.deploy("survival", "survival", 1).await;
    let recorded = Recorded::of("titanic_logistic");
    let rows = recorded.rows();
    let classes = version["signature"]["output"]["classes"]
        .as_array()
        .unwrap();
    let batch = importer.predict("survival", &body!(rows)).await;
    let batch = json(batch, 200).await;
    let numbers = recorded.numbers();
    for (row, numbers) in rows
        .iter()
        .zip(numbers.chunks(classes.len()))
        .enumerate()
        .take(20)
    {
        let (inputs, numbers) = numbers;
        let alone = json(importer.predict("survival", &body!(inputs)).await, 200).await;
        assert_eq!(alone["predictions"][0], batch["predictions"][row]);
        for (class, number) in classes.iter().zip(numbers) {
            let class = class.as_str().unwrap();
            near(&alone["predictions"][0]["probabilities"][class], *number);
        }
    }
}

#[tokio::test]
async fn a_regressor_answers_as_onnxruntime_does_and_comes_out_as_a_canary() {
    let importer = Importer::start().await;
    assert_eq!(
        importer.import("price", "housing_ridge").await["version"],
        1
    );
    importer.deploy("price", "price", 1).await;
    let recorded = Recorded::of("housing_ridge");
    let rows = recorded.rows();
    let answer = json(importer.predict("price", &body!(rows)).await, 200).await;
    for (row, number) in recorded.numbers().into_iter().enumerate() {
        near(&answer["predictions"][row], number);
    }

    assert_eq!(
        importer.import("price", "housing_gradient").await["version"],
        2
    );
    let rollout = importer
        .post(&format!("{DEPLOYMENTS}/price/rollouts"))
        .json(&body!({"version": 2, "mode": "canary", "steps": [{"weight": 100, "seconds": 0}]}));
    json(rollout.send().await.unwrap(), 201).await;
    let answer = json(importer.predict("price", &body!(rows)).await, 200).await;
    assert_eq!(
        (&answer["version"], &answer["route"]),
        (&body!(2), &body!("canary"))
    );
    let expected = Recorded::of("housing_gradient").numbers();
    for (row, number) in expected.into_iter().enumerate() {
        near(&answer["predictions"][row], number);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_before_the_model_is_asked() {
    let importer = Importer::start().await;
    importer.import("price", "housing_ridge").await;
    importer.deploy("price", "price", 1).await;
    let mut row = Recorded::of("housing_ridge").rows()[0].clone();
    row.insert("median_income".to_owned(), body!(1e39));
    let refused = problem(importer.predict("price", &body!(row)).await, 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/inputs/median_income");
    assert_eq!(refused["errors"][0]["code"], "out_of_range");
    row.insert("median_income".to_owned(), body!(3.0));
    row.insert("ocean_proximity".to_owned(), body!("ON THE MOON"));
    json(importer.predict("price", &body!(row)).await, 200).await;
}

#[tokio::test]
async fn what_is_given_of_the_signature_holds() {
    let importer = Importer::start().await;
    let given = body!({
        "inputs": [{"name": "Age", "min": 0, "max": 90, "example": 30}],
        "output": {"name": "survived", "classes": ["died", "lived"]},
    });
    let answer = importer
        .send("m", file("titanic_logistic"), Some(given))
        .await;
    let signature = &json(answer, 201).await["signature"];
    let inputs = signature["inputs"].as_array().unwrap();
    let age = inputs.iter().find(|input| input["name"] == "Age").unwrap();
    assert_eq!((&age["max"], &age["example"]), (&body!(90.0), &body!(30)));
    assert_eq!(signature["output"]["name"], "survived");
    assert_eq!(signature["output"]["classes"], body!(["died", "lived"]));

    for (given, pointer) in [
        (
            body!({"inputs": [{"name": "age"}]}),
            "/signature/inputs/0/name",
        ),
        (
            body!({"inputs": [{"name": "Age", "type": "text"}]}),
            "/signature/inputs/0/type",
        ),
        (
            body!({"output": {"classes": ["a", "b", "c"]}}),
            "/signature/output/classes",
        ),
        (body!({"columns": []}), "/signature/columns"),
    ] {
        let answer = importer
            .send("m", file("titanic_logistic"), Some(given.clone()))
            .await;
        assert_eq!(importer.refused(answer, 422).await.0, pointer, "{given}");
    }
}

#[tokio::test]
async fn files_that_can_not_be_run_are_refused_with_the_reason() {
    let importer = Importer::start().await;
    for (name, word) in [
        ("refused/not_a_model", "not an ONNX model"),
        ("refused/external_above", "in a file of its own"),
        ("refused/external_absolute", "in a file of its own"),
        ("refused/custom_domain", "not of the ONNX standard"),
        ("housing_two_targets", "one number for each row"),
    ] {
        let (pointer, text) = importer
            .refused(importer.send("m", file(name), None).await, 422)
            .await;
        assert_eq!(pointer, "/file");
        assert!(text.contains(word), "{name}: {text}");
    }
    let missing = importer
        .app
        .get(&format!("{MODELS}/m"))
        .bearer_auth(&importer.key);
    problem(missing.send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_while_it_is_sent() {
    let importer = Importer::start().await;
    let large = vec![0_u8; (64 << 20) + 1];
    let (_, text) = importer
        .refused(importer.send("m", large, None).await, 413)
        .await;
    assert!(text.contains("67108864 bytes (64 MiB)"), "{text}");
    let (pointer, _) = importer
        .refused(importer.send("m", Vec::new(), None).await, 422)
        .await;
    assert_eq!(pointer, "/file");
}

#[tokio::test]
async fn a_form_has_a_file_and_no_more_than_a_signature() {
    let importer = Importer::start().await;
    let path = format!("{MODELS}/m/versions");
    let post = |form: Form| importer.post(&path).multipart(form).send();
    let none = post(Form::new().text("signature", "{}")).await.unwrap();
    assert_eq!(importer.refused(none, 422).await.0, "/file");
    let part = || Part::bytes(file("housing_ridge"));
    let twice = Form::new().part("file", part()).part("file", part());
    problem(post(twice).await.unwrap(), 422).await;
    let other = Form::new().part("file", part()).text("algorithm", "x");
    problem(post(other).await.unwrap(), 422).await;
    let raw = importer.post(&path).body(file("housing_ridge"));
    problem(raw.send().await.unwrap(), 415).await;
    let bad_name = importer.send("..%2Fetc", file("housing_ridge"), None).await;
    problem(bad_name, 404).await;
}

#[tokio::test]
async fn a_model_of_another_task_takes_no_such_version() {
    let importer = Importer::start().await;
    importer.import("price", "housing_ridge").await;
    let answer = importer.send("price", file("titanic_logistic"), None).await;
    let refused = problem(answer, 409).await;
    assert_eq!(refused["error_code"], "task_differs");
    let model = importer
        .app
        .get(&format!("{MODELS}/price"))
        .bearer_auth(&importer.key);
    let model = json(model.send().await.unwrap(), 200).await;
    assert_eq!(model["versions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_import_is_in_the_ledger_and_done_once() {
    let importer = Importer::start().await;
    let send = || {
        let form = Form::new().part("file", Part::bytes(file("housing_ridge")));
        importer
            .post(&format!("{MODELS}/price/versions"))
            .header("idempotency-key", "once")
            .multipart(form)
            .send()
    };
    let first = json(send().await.unwrap(), 201).await;
    let again = send().await.unwrap();
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(json(again, 201).await, first);
    let ledger = importer.app.get("/api/v1/projects/default/ledger");
    let ledger = json(ledger.bearer_auth(&importer.key).send().await.unwrap(), 200).await;
    let items = ledger["items"].as_array().unwrap();
    let imported: Vec<_> = items
        .iter()
        .filter(|entry| entry["action"] == "model_version.imported")
        .collect();
    assert_eq!(imported.len(), 1);
    assert_eq!(imported[0]["subject"], "model/price");
    assert_eq!(imported[0]["after"]["sha256"], first["sha256"]);
}

#[tokio::test]
async fn only_who_may_write_imports() {
    let importer = Importer::start().await;
    let viewer = importer.app.member("vera@example.com", Role::Viewer).await;
    let form = Form::new().part("file", Part::bytes(file("housing_ridge")));
    let refused = importer
        .app
        .post(&format!("{MODELS}/m/versions"))
        .header("cookie", &viewer)
        .header("origin", importer.app.origin())
        .multipart(form);
    problem(refused.send().await.unwrap(), 403).await;
}

#[tokio::test]
async fn the_dashboards_form_imports_too() {
    let app = App::start().await;
    let admin = app.sign_in(ADMIN).await;
    let post = |form: Form, accept: &str| {
        app.post("/p/default/imports")
            .header("cookie", &admin)
            .header("origin", app.origin())
            .header("accept", accept.to_owned())
            .multipart(form)
            .send()
    };
    let part = || Part::bytes(file("housing_ridge")).file_name("House prices (v2).onnx");
    let named = Form::new()
        .text("model", "price")
        .part("file", part())
        .text("signature", " ");
    let answer = post(named, "text/html").await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), location(&answer)),
        (303, "/p/default/models/price/versions/1")
    );
    let unnamed = Form::new().text("model", "").part("file", part());
    let answer = post(unnamed, "application/json").await.unwrap();
    assert_eq!(json(answer, 201).await["model"], "House-prices-v2");
    let page = app
        .get("/p/default/models/price/versions/1")
        .header("cookie", &admin);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("imported from a file") && page.contains("SHA-256"),
        "{page}"
    );

    let bad = || {
        Form::new()
            .text("model", "x")
            .part("file", Part::text("a,b").file_name("x.csv"))
    };
    let answer = post(bad(), "application/json").await.unwrap();
    assert_eq!(problem(answer, 422).await["errors"][0]["pointer"], "/file");
    let answer = post(bad(), "text/html").await.unwrap();
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("not an ONNX model"), "{page}");
}

/// As the system does when its memory is short.
#[tokio::test]
async fn a_child_that_is_killed_is_a_reason_to_try_again() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("child");
    let options = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o755)
        .open(&program);
    options
        .unwrap()
        .write_all(b"#!/bin/sh\nkill -9 $$\n")
        .unwrap();
    let importer = Importer::start().await;
    importer.app.state.imports.use_program(program);
    let killed = importer.send("m", file("housing_ridge"), None).await;
    assert!(killed.headers().contains_key("retry-after"));
    let (_, text) = importer.refused(killed, 503).await;
    assert!(text.contains("was killed"), "{text}");
    let temporary = importer.app.platform.directory.path().join("blobs/tmp");
    assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0);
    let own = env!("CARGO_BIN_EXE_volary").into();
    importer.app.state.imports.use_program(own);
    assert_eq!(importer.import("m", "housing_ridge").await["version"], 1);
}

#[tokio::test]
async fn more_at_once_than_there_are_places_for_try_again() {
    let importer = Importer::start().await;
    let places = importer.app.state.imports.occupy().unwrap();
    let busy = importer.send("m", file("housing_ridge"), None).await;
    let wait: u64 = busy.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(wait >= 1);
    assert_eq!(problem(busy, 503).await["error_code"], "overloaded");
    drop(places);
    importer.import("m", "housing_ridge").await;
}
