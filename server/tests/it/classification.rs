//! A classifier, from the table of the Titanic's passengers to everything that answers with it.

use domain::{Role, Scope};
use reqwest::{Method, Response};
use serde_json::{Value, json as body};
use serving::dialects::oip::messages::{
    InferInputTensor, InferTensorContents, ModelInferRequest, ModelInferResponse,
    ModelMetadataRequest, ModelMetadataResponse, ParameterChoice, Parameters,
};
use testkit::until;

use crate::grpc::client::Client;
use crate::harness::{App, json, location, problem};
use crate::served::header;

const PROJECT: &str = "/api/v1/projects/default";
const PASSENGERS: &str = include_str!("../../../crates/trainer/tests/data/titanic.csv");
const FEATURES: [&str; 7] = ["Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked"];

struct Ground {
    app: App,
    _worker: crate::harness::Process,
    key: String,
}

impl Ground {
    async fn new() -> Self {
        let app = App::start().await;
        let worker = app.worker();
        let key = app.key(&[Scope::Admin, Scope::Predict(None)]).await;
        Self {
            app,
            _worker: worker,
            key,
        }
    }

    async fn send(&self, method: Method, path: &str, send: &Value) -> Response {
        let request = self.app.request(method, path).bearer_auth(&self.key);
        request.json(send).send().await.unwrap()
    }

    async fn post(&self, path: &str, send: Value, status: u16) -> Value {
        json(self.send(Method::POST, path, &send).await, status).await
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.app.get(path).bearer_auth(&self.key);
        json(request.send().await.unwrap(), 200).await
    }

    async fn upload(&self, dataset: &str, table: impl Into<String>) {
        let upload = self
            .app
            .post(&format!("{PROJECT}/datasets?name={dataset}"))
            .bearer_auth(&self.key)
            .header("content-type", "text/csv")
            .body(table.into());
        json(upload.send().await.unwrap(), 201).await;
        self.ready(dataset).await;
    }

    /// The newest version of a dataset, once it is read.
    async fn ready(&self, dataset: &str) -> Value {
        until("the profile", async || {
            let found = self.get(&format!("{PROJECT}/datasets/{dataset}")).await;
            (found["status"] != "profiling").then_some(found)
        })
        .await
    }

    async fn train(&self, spec: Value) -> Value {
        let run = self
            .post(&format!("{PROJECT}/training-runs"), spec, 202)
            .await;
        let path = format!("{PROJECT}/training-runs/{}", run["id"].as_str().unwrap());
        until("training", async || {
            let run = self.get(&path).await;
            (!matches!(run["status"].as_str().unwrap(), "queued" | "running")).then_some(run)
        })
        .await
    }

    async fn deploy(&self, model: &str) {
        let path = format!("{PROJECT}/deployments/{model}");
        let deploy = body!({"model": model, "version": 1});
        json(self.send(Method::PUT, &path, &deploy).await, 200).await;
    }
}

fn survival(algorithm: &str) -> Value {
    body!({
        "dataset": "passengers", "target": "Survived", "model": algorithm, "algorithm": algorithm, "features": FEATURES,
        "split": {"seed": 0},
    })
}

/// A woman in first class and a man in third, of whose age nobody knows.
fn two() -> Value {
    body!([
        {"Pclass": 1, "Sex": "female", "Age": 30, "SibSp": 0, "Parch": 0, "Fare": 80.0, "Embarked": "C"},
        {"Pclass": 3, "Sex": "male", "Age": null, "SibSp": 0, "Parch": 0, "Fare": 8.0, "Embarked": "S"},
    ])
}

/// What a prediction says of the second class, once it is looked at whether it hangs together.
fn survives(prediction: &Value) -> f64 {
    let shares = prediction["probabilities"].as_object().unwrap();
    assert_eq!(shares.keys().collect::<Vec<_>>(), ["0", "1"]);
    let [died, survived] = ["0", "1"].map(|class| shares[class].as_f64().unwrap());
    assert!((died + survived - 1.0).abs() < 1e-12);
    let label = if survived > died { "1" } else { "0" };
    assert_eq!(prediction["label"], label, "{prediction}");
    survived
}

#[tokio::test]
async fn a_classifier_is_trained_deployed_and_answers_in_every_dialect() {
    let ground = Ground::new().await;
    ground.upload("passengers", PASSENGERS).await;
    for algorithm in ["logistic_regression", "gradient_boosting"] {
        let run = ground.train(survival(algorithm)).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        assert_eq!(run["spec"]["task"], "classification");
        assert_eq!(run["spec"]["split"]["method"], "stratified");
        let metric = |name: &str| run["metrics"][name].as_f64().unwrap();
        assert!(
            metric("log_loss") < 0.48 && metric("roc_auc") > 0.82,
            "{run}"
        );
        assert!(metric("baseline_log_loss") > 0.6);
        let evaluation = &run["evaluation"]["classification"];
        assert_eq!(evaluation["classes"], body!(["0", "1"]));
        assert_eq!(evaluation["thresholds"].as_array().unwrap().len(), 19);
        let version = ground
            .get(&format!("{PROJECT}/models/{algorithm}/versions/1"))
            .await;
        assert_eq!(
            version["signature"]["output"],
            body!({"name": "Survived", "task": "classification", "classes": ["0", "1"]})
        );
        ground.deploy(algorithm).await;
        answers(&ground, algorithm).await;
    }
    scored(&ground).await;
}

async fn answers(ground: &Ground, name: &str) {
    let answer = ground
        .post(&format!("/predict/{name}"), body!({"inputs": two()}), 200)
        .await;
    let predictions = answer["predictions"].as_array().unwrap().clone();
    let [first, second] = [0, 1].map(|row| survives(&predictions[row]));
    assert!(first > 0.8 && second < 0.3, "{answer}");

    // MLflow's shape has the labels.
    let records = body!({"dataframe_records": two()});
    let invoked = ground
        .post(&format!("/deployments/{name}/invocations"), records, 200)
        .await;
    assert_eq!(invoked, body!({"predictions": ["1", "0"]}));

    // A prediction that nobody waits for has what the one at once had.
    let accepted = ground
        .post(
            &format!("/predict/{name}/async"),
            body!({"inputs": two()}),
            202,
        )
        .await;
    let path = format!(
        "/api/v1/predictions/{}",
        accepted["request_id"].as_str().unwrap()
    );
    let ended = until("the prediction's end", async || {
        let found = ground.get(&path).await;
        (found["status"] == "succeeded").then_some(found)
    })
    .await;
    assert_eq!(
        ended["result"]["predictions"],
        Value::from(predictions.clone())
    );

    let document = ground.get(&format!("/predict/{name}/openapi.json")).await;
    let schema = &document["components"]["schemas"]["PredictResponse"]["properties"]["predictions"];
    assert_eq!(
        schema["items"]["properties"]["label"]["enum"],
        body!(["0", "1"])
    );
    tensors(ground, name, [first, second]).await;
    messages(ground, name, [first, second]).await;
}

fn inputs() -> Value {
    let rows = two();
    let tensor = |name: &str, datatype: &str| {
        let data: Vec<Value> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[name].clone())
            .collect();
        body!({"name": name, "datatype": datatype, "shape": [2], "data": data})
    };
    body!([
        tensor("Pclass", "INT64"),
        tensor("Sex", "BYTES"),
        tensor("Age", "FP64"),
        tensor("SibSp", "INT64"),
        tensor("Parch", "INT64"),
        tensor("Fare", "FP64"),
        tensor("Embarked", "BYTES"),
    ])
}

/// The Open Inference Protocol: two outputs, as JSON and as bytes.
async fn tensors(ground: &Ground, name: &str, survives: [f64; 2]) {
    let metadata = ground.get(&format!("/v2/models/{name}")).await;
    assert_eq!(
        metadata["outputs"],
        body!([
            {"name": "label", "datatype": "BYTES", "shape": [-1], "parameters": {"classes": ["0", "1"]}},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2], "parameters": {"classes": ["0", "1"]}},
        ])
    );
    let infer = format!("/v2/models/{name}/infer");
    let answer = ground.post(&infer, body!({"inputs": inputs()}), 200).await;
    let [label, probabilities] = [0, 1].map(|place| &answer["outputs"][place]);
    assert_eq!(
        (&label["name"], &label["shape"], &label["data"]),
        (&body!("label"), &body!([2]), &body!(["1", "0"]))
    );
    assert_eq!(probabilities["shape"], body!([2, 2]));
    let numbers: Vec<f64> = serde_json::from_value(probabilities["data"].clone()).unwrap();
    assert_eq!(
        [numbers[1], numbers[3]].map(f64::to_bits),
        survives.map(f64::to_bits)
    );

    let only = body!({"inputs": inputs(), "outputs": [{"name": "probabilities"}]});
    let answer = ground.post(&infer, only, 200).await;
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 1);
    assert_eq!(answer["outputs"][0]["name"], "probabilities");

    let asked = body!({"inputs": inputs(), "outputs": [
        {"name": "label", "parameters": {"binary_data": true}},
        {"name": "probabilities", "parameters": {"binary_data": true}},
    ]});
    let answer = ground.send(Method::POST, &infer, &asked).await;
    let length: usize = header(&answer, "inference-header-content-length")
        .parse()
        .unwrap();
    let bytes = answer.bytes().await.unwrap();
    let (head, binary) = bytes.split_at(length);
    let head: Value = serde_json::from_slice(head).unwrap();
    let sizes =
        [0, 1].map(|place| head["outputs"][place]["parameters"]["binary_data_size"].clone());
    assert_eq!(sizes, [body!(10), body!(32)]);
    let (labels, numbers) = binary.split_at(10);
    assert_eq!(labels, b"\x01\0\0\x001\x01\0\0\x000");
    let numbers: Vec<f64> = numbers
        .chunks(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert_eq!(
        [numbers[1], numbers[3]].map(f64::to_bits),
        survives.map(f64::to_bits)
    );

    for (wrong, expected) in [
        (body!([{"name": "prediction"}]), "label and probabilities"),
        (
            body!([{"name": "label"}, {"name": "label"}]),
            "the output label once",
        ),
    ] {
        let asked = body!({"inputs": inputs(), "outputs": wrong});
        let refused = json(ground.send(Method::POST, &infer, &asked).await, 400).await;
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

/// The same over gRPC.
async fn messages(ground: &Ground, name: &str, survives: [f64; 2]) {
    let client = Client::connect(ground.app.address).await;
    let metadata: ModelMetadataResponse = client
        .call("ModelMetadata")
        .key(&ground.key)
        .send(&ModelMetadataRequest {
            name: name.to_owned(),
            version: String::new(),
        })
        .await
        .message();
    let classes = metadata.outputs[1].parameters["classes"].clone();
    assert_eq!(
        classes.parameter_choice,
        Some(ParameterChoice::StringParam("[\"0\",\"1\"]".to_owned()))
    );
    let tensors = inputs();
    let tensors = tensors.as_array().unwrap().iter().map(|tensor| {
        let data = tensor["data"].as_array().unwrap();
        let mut contents = InferTensorContents::default();
        match tensor["datatype"].as_str().unwrap() {
            "INT64" => {
                contents.int64_contents =
                    data.iter().map(|value| value.as_i64().unwrap()).collect();
            }
            "FP64" => {
                contents.fp64_contents = data
                    .iter()
                    .map(|value| value.as_f64().unwrap_or(f64::NAN))
                    .collect();
            }
            _ => {
                let texts = data
                    .iter()
                    .map(|value| value.as_str().unwrap().as_bytes().to_vec());
                contents.bytes_contents = texts.collect();
            }
        }
        InferInputTensor {
            name: tensor["name"].as_str().unwrap().to_owned(),
            datatype: tensor["datatype"].as_str().unwrap().to_owned(),
            shape: vec![2],
            parameters: Parameters::new(),
            contents: Some(Box::new(contents)),
        }
    });
    let request = ModelInferRequest {
        model_name: name.to_owned(),
        inputs: tensors.collect(),
        ..ModelInferRequest::default()
    };
    let answer: ModelInferResponse = client
        .call("ModelInfer")
        .key(&ground.key)
        .send(&request)
        .await
        .message();
    let [label, probabilities] = answer.outputs.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (label.name.as_str(), label.datatype.as_str()),
        ("label", "BYTES")
    );
    let labels = &label.contents.as_ref().unwrap().bytes_contents;
    assert_eq!(labels.as_slice(), [b"1".to_vec(), b"0".to_vec()]);
    assert_eq!(probabilities.shape, [2, 2]);
    let numbers = &probabilities.contents.as_ref().unwrap().fp64_contents;
    assert_eq!(
        [numbers[1], numbers[3]].map(f64::to_bits),
        survives.map(f64::to_bits)
    );
}

/// A table of them: a column for the label and one for each class.
async fn scored(ground: &Ground) {
    let spec = body!({"dataset": "passengers", "model": "logistic_regression", "output": "told", "keep_columns": ["PassengerId"]});
    let runs = format!("{PROJECT}/scoring-runs");
    let run = ground.post(&runs, spec, 202).await;
    let path = format!("{runs}/{}", run["id"].as_str().unwrap());
    let run = until("scoring", async || {
        let run = ground.get(&path).await;
        (!matches!(run["status"].as_str().unwrap(), "queued" | "running")).then_some(run)
    })
    .await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let told = ground.ready("told").await;
    let columns: Vec<(&str, &str)> = told["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            (
                column["name"].as_str().unwrap(),
                column["type"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("PassengerId", "integer"),
        ("prediction", "string"),
        ("probability_0", "float"),
        ("probability_1", "float"),
        ("prediction_error", "string"),
    ];
    assert_eq!(columns, expected);
    assert_eq!(told["rows"], 891);
    let labels = &told["columns"][1];
    assert_eq!(
        (&labels["distinct"], &labels["missing"]),
        (&body!(2), &body!(0))
    );

    // A name that the table has already.
    ground.upload("taken", "Pclass,probability_1\n1,2\n").await;
    let spec = body!({"dataset": "taken", "model": "logistic_regression", "output": "again"});
    let refused = problem(ground.send(Method::POST, &runs, &spec).await, 422).await;
    let pointers: Vec<&str> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert!(pointers.contains(&"/keep_columns"), "{refused}");
}

#[tokio::test]
async fn what_a_target_can_not_be_is_named() {
    let ground = Ground::new().await;
    ground.upload("passengers", PASSENGERS).await;
    let refused = async |change: Value| {
        let mut spec = survival("auto");
        for (name, value) in change.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let runs = format!("{PROJECT}/training-runs");
        let problem = problem(ground.send(Method::POST, &runs, &spec).await, 422).await;
        let error = problem["errors"][0].clone();
        let text = |field: &str| error[field].as_str().unwrap().to_owned();
        (text("pointer"), text("expected"))
    };
    for (change, pointer, expected) in [
        (
            body!({"target": "Sex", "features": ["Age"], "task": "regression"}),
            "/target",
            "set task to classification",
        ),
        (
            body!({"target": "Name", "features": ["Age"]}),
            "/target",
            "at most 100 different values",
        ),
        (
            body!({"target": "Fare", "features": ["Age"], "task": "classification"}),
            "/target",
            "set task to regression",
        ),
        (
            body!({"algorithm": "ridge"}),
            "/algorithm",
            "auto, logistic_regression, gradient_boosting",
        ),
        (
            body!({"algorithm": "logistic_regression", "task": "regression"}),
            "/algorithm",
            "for a regression, one of auto, linear_regression",
        ),
        (
            body!({"algorithm": "ridge", "task": "regression", "split": {"method": "stratified"}}),
            "/split/method",
            "random for a regression",
        ),
        (
            body!({"algorithm": "logistic_regression", "params": {"penalty": 0}}),
            "/params/penalty",
            "a number from 0.000001",
        ),
    ] {
        let (found, text) = refused(change).await;
        assert_eq!(found, pointer, "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

/// What people see of it, and the form as a browser sends it before the page is hydrated.
#[tokio::test]
async fn the_pages_show_a_classifier() {
    let ground = Ground::new().await;
    ground.upload("passengers", PASSENGERS).await;
    let session = ground.app.member("editor@example.com", Role::Editor).await;
    let page = async |path: &str| {
        let page = ground.app.get(path).header("cookie", &session);
        let page = page.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        page.text().await.unwrap()
    };
    let has = |page: &str, parts: &[&str]| {
        for part in parts {
            assert!(page.contains(part), "the page lacks {part}");
        }
    };
    let form = page("/p/default/training-runs/new?dataset=passengers&target=Sex").await;
    has(
        &form,
        &[
            "name=\"form[task]\"",
            "Logistic regression",
            "Sex (string)",
            "too many for classes",
            "the most probable one as the label",
        ],
    );
    let mut fields = vec![
        ("project", "default"),
        ("form[dataset]", "passengers"),
        ("form[dataset_version]", "1"),
        ("form[target]", "Survived"),
        ("form[task]", ""),
        ("form[model]", "survival"),
        ("form[algorithm]", "auto"),
        ("form[split_method]", ""),
        ("form[test_fraction]", "0.2"),
        ("form[seed]", "0"),
        ("form[seconds]", "60"),
        ("form[memory_mb]", "2048"),
    ];
    fields.extend(FEATURES.map(|feature| ("form[features][]", feature)));
    let sent = ground.app.form("/_fn/create_training_run", &fields);
    let sent = sent
        .header("cookie", &session)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    let place = location(&sent).to_owned();
    let id = place.rsplit('/').next().unwrap().to_owned();
    let run = until("training", async || {
        let run = ground.get(&format!("{PROJECT}/training-runs/{id}")).await;
        (!matches!(run["status"].as_str().unwrap(), "queued" | "running")).then_some(run)
    })
    .await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["spec"]["task"], "classification");
    assert_eq!(run["evaluation"]["candidates"][0]["metric"], "log_loss");
    let shown = [
        "Log loss",
        "ROC AUC",
        "Saying the classes",
        "Confusion matrix",
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Thresholds",
        "Lowest cost",
        "What was tried",
    ];
    has(
        &page(&format!("/p/default/training-runs/{id}")).await,
        &shown,
    );
    has(&page("/p/default/models/survival/versions/1").await, &shown);
    has(
        &page("/p/default/models").await,
        &["Log loss 0.", "accuracy"],
    );
    has(&page("/p/default/models/survival").await, &["ROC AUC ↑"]);
    has(&page("/p/default/training-runs").await, &["Log loss 0."]);
}
