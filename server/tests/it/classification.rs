//! A classifier, from the table of the Titanic's passengers to everything that answers with it.

mod dialects;
mod exports;
mod pages;

use domain::Scope;
use reqwest::{Method, Response};
use serde_json::{Value, json as body};
use testkit::until;

use crate::harness::{App, Process, ended, json, problem};
use dialects::answers;

const PROJECT: &str = "/api/v1/projects/default";
const PASSENGERS: &str = include_str!("../../../crates/trainer/tests/data/titanic.csv");
const FEATURES: [&str; 7] = ["Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked"];

struct Ground {
    app: App,
    _worker: Process,
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
        ended(async || self.get(&path).await).await
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
    for algorithm in [
        "logistic_regression",
        "naive_bayes",
        "random_forest",
        "gradient_boosting",
        "histogram_boosting",
    ] {
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
        if [
            "logistic_regression",
            "gradient_boosting",
            "histogram_boosting",
        ]
        .contains(&algorithm)
        {
            explained(&ground, algorithm).await;
        }
    }
    scored(&ground).await;
    kept_apart(&ground).await;
}

/// What the inputs add makes the logarithm of the odds of what is said on average.
async fn explained(ground: &Ground, deployment: &str) {
    let path = format!("/predict/{deployment}?explain=true");
    let answer = ground.post(&path, body!({"inputs": two()}), 200).await;
    let predictions = answer["predictions"].as_array().unwrap();
    let explanations = answer["explanations"].as_array().unwrap();
    assert_eq!(explanations.len(), 2);
    for (prediction, explanation) in predictions.iter().zip(explanations) {
        assert_eq!(
            (&explanation["scale"], &explanation["class"]),
            (&body!("log_odds"), &body!("1"))
        );
        let survives = survives(prediction);
        let added = explanation["contributions"].as_object().unwrap();
        let sum = added
            .values()
            .fold(explanation["base"].as_f64().unwrap(), |sum, part| {
                sum + part.as_f64().unwrap()
            });
        assert!(
            (sum - (survives / (1.0 - survives)).ln()).abs() < 1e-9,
            "{answer}"
        );
    }
    let sex = |row: usize| explanations[row]["contributions"]["Sex"].as_f64().unwrap();
    assert!(sex(0) > 0.3 && sex(1) < -0.1, "{answer}");
}

/// Who calls a name gets labels or numbers, not now these and now those.
async fn kept_apart(ground: &Ground) {
    let mut spec = survival("linear_regression");
    spec["model"] = body!("logistic_regression");
    spec["task"] = body!("regression");
    let run = ground.train(spec).await;
    assert_eq!(
        (&run["status"], &run["version"]),
        (&body!("succeeded"), &body!(2)),
        "{run}"
    );
    let path = format!("{PROJECT}/deployments/logistic_regression/rollouts");
    let canary = body!({"version": 2, "mode": "canary", "steps": [{"weight": 10, "seconds": 600}]});
    let refused = problem(ground.send(Method::POST, &path, &canary).await, 422).await;
    let error = &refused["errors"][0];
    assert_eq!(error["pointer"], "/version", "{refused}");
    let expected = error["expected"].as_str().unwrap();
    assert!(
        expected.contains("a classification, as the stable version is"),
        "{expected}"
    );
}

/// A table of them: a column for the label and one for each class.
async fn scored(ground: &Ground) {
    let spec = body!({"dataset": "passengers", "model": "logistic_regression", "version": 1, "output": "told", "keep_columns": ["PassengerId"]});
    let runs = format!("{PROJECT}/scoring-runs");
    let run = ground.post(&runs, spec, 202).await;
    let path = format!("{runs}/{}", run["id"].as_str().unwrap());
    let run = ended(async || ground.get(&path).await).await;
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
    let spec = body!({"dataset": "taken", "model": "logistic_regression", "version": 1, "output": "again"});
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
            "auto, logistic_regression, naive_bayes, k_nearest_neighbors, decision_tree, random_forest, gradient_boosting, histogram_boosting",
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
