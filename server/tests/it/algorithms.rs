//! Runs of algorithms other than linear regression, as a program asks for them.

use domain::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json as body};
use testkit::until;

use crate::harness::{App, ended, json, location, problem};

const PROJECT: &str = "/api/v1/projects/default";

/// `price` jumps with `size` and depends on `city`; some sizes are missing.
fn table() -> String {
    let row = |i: u32| {
        let (size, city) = (20 + i % 37, ["Bern", "Chur", "Genf"][i as usize % 3]);
        let price = if size < 40 { 100 } else { 300 } + 50 * (i % 3) + i % 7;
        let size = if i.is_multiple_of(29) {
            String::new()
        } else {
            size.to_string()
        };
        format!("{size},{city},{price}\n")
    };
    std::iter::once("size,city,price\n".to_owned())
        .chain((0..600).map(row))
        .collect()
}

async fn call(app: &App, key: &str, method: Method, path: &str, send: Value, status: u16) -> Value {
    let request = app.request(method, path).bearer_auth(key).json(&send);
    json(request.send().await.unwrap(), status).await
}

async fn get(app: &App, key: &str, path: &str) -> Value {
    let request = app.request(Method::GET, &format!("{PROJECT}{path}"));
    json(request.bearer_auth(key).send().await.unwrap(), 200).await
}

async fn upload(app: &App, key: &str) {
    let upload = app
        .post(&format!("{PROJECT}/datasets?name=flats"))
        .bearer_auth(key)
        .header("content-type", "text/csv")
        .body(table());
    json(upload.send().await.unwrap(), 201).await;
    until("the profile", async || {
        (get(app, key, "/datasets/flats").await["status"] == "ready").then_some(())
    })
    .await;
}

fn spec(algorithm: &str, params: Value) -> Value {
    body!({"dataset": "flats", "target": "price", "model": algorithm, "algorithm": algorithm, "params": params})
}

#[tokio::test]
async fn every_algorithm_becomes_a_version_that_answers() {
    let app = App::start().await;
    let _worker = app.worker();
    let key = app.key(&[Scope::Admin, Scope::Predict(None)]).await;
    upload(&app, &key).await;
    for (algorithm, params, filled) in [
        ("ridge", body!({}), body!({"penalty": 0.01})),
        ("lasso", body!({"penalty": 0.2}), body!({"penalty": 0.2})),
        (
            "elastic_net",
            body!({"l1_ratio": 0.9}),
            body!({"l1_ratio": 0.9, "penalty": 0.01}),
        ),
        ("poisson", body!({}), body!({"penalty": 0.001})),
        ("gamma", body!({"penalty": 0.1}), body!({"penalty": 0.1})),
        (
            "tweedie",
            body!({"power": 1.2}),
            body!({"penalty": 0.001, "power": 1.2}),
        ),
        (
            "decision_tree",
            body!({}),
            body!({"max_depth": 8, "min_leaf_rows": 20}),
        ),
        (
            "random_forest",
            body!({"trees": 30, "feature_share": 1}),
            body!({"trees": 30, "max_depth": 30, "min_leaf_rows": 3, "feature_share": 1.0, "seed": 42}),
        ),
        (
            "gradient_boosting",
            body!({"budget": 0.5}),
            body!({"budget": 0.5, "seed": 42}),
        ),
        (
            "histogram_boosting",
            body!({"trees": 40, "learning_rate": 0.2}),
            body!({
                "trees": 40, "learning_rate": 0.2, "max_leaves": 31, "min_leaf_rows": 20, "penalty": 1.0,
                "row_share": 1.0, "feature_share": 1.0, "seed": 42,
            }),
        ),
    ] {
        let runs = format!("{PROJECT}/training-runs");
        let asked = spec(algorithm, params);
        let run = call(&app, &key, Method::POST, &runs, asked, 202).await;
        assert_eq!(run["spec"]["params"], filled);
        let path = format!("/training-runs/{}", run["id"].as_str().unwrap());
        let run = ended(async || get(&app, &key, &path).await).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        let is_trees = [
            "decision_tree",
            "random_forest",
            "gradient_boosting",
            "histogram_boosting",
        ]
        .contains(&algorithm);
        let has_log_link = ["poisson", "gamma", "tweedie"].contains(&algorithm);
        let evaluation = &run["evaluation"];
        assert_eq!(
            evaluation["importances"].as_array().is_some(),
            is_trees,
            "{evaluation}"
        );
        assert_eq!(
            evaluation["coefficients"].as_array().unwrap().is_empty(),
            is_trees,
            "{evaluation}"
        );
        if is_trees {
            assert!(run["metrics"]["r2"].as_f64().unwrap() > 0.9, "{run}");
        }

        let version = get(&app, &key, &format!("/models/{algorithm}/versions/1")).await;
        assert_eq!(
            (&version["algorithm"], &version["params"]),
            (&body!(algorithm), &filled)
        );
        let path = format!("{PROJECT}/deployments/{algorithm}");
        let deploy = body!({"model": algorithm, "version": 1});
        call(&app, &key, Method::PUT, &path, deploy, 200).await;
        let inputs = body!({"inputs": [
            {"size": 30, "city": "Bern"},
            {"size": 50, "city": "Genf"},
            {"size": null, "city": "Paris"},
        ]});
        let predict = format!("/predict/{algorithm}?explain=true");
        let answer = call(&app, &key, Method::POST, &predict, inputs, 200).await;
        let predictions: Vec<f64> = answer["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|prediction| prediction.as_f64().unwrap())
            .collect();
        assert_eq!(predictions.len(), 3);
        assert!(
            predictions[0] < predictions[1],
            "{algorithm}: {predictions:?}"
        );
        let scale = if has_log_link {
            "log_prediction"
        } else {
            "prediction"
        };
        explained(&answer, &predictions, scale);
        let permutation = &evaluation["permutation"];
        assert_eq!(permutation["metric"], "rmse", "{evaluation}");
        assert_eq!(permutation["importances"].as_array().unwrap().len(), 2);
        if is_trees {
            assert!((predictions[0] - 103.0).abs() < 15.0, "{predictions:?}");
            assert!((predictions[1] - 403.0).abs() < 15.0, "{predictions:?}");
        }
    }
}

/// What the inputs add makes the prediction, or its logarithm, of what is said on average.
fn explained(answer: &Value, predictions: &[f64], scale: &str) {
    let explanations = answer["explanations"].as_array().unwrap();
    assert_eq!(explanations.len(), predictions.len());
    for (explanation, predicted) in explanations.iter().zip(predictions) {
        assert_eq!(explanation["scale"], scale, "{answer}");
        let added = explanation["contributions"].as_object().unwrap().values();
        let sum = added.fold(explanation["base"].as_f64().unwrap(), |sum, part| {
            sum + part.as_f64().unwrap()
        });
        let says = if scale == "prediction" {
            sum
        } else {
            sum.exp()
        };
        assert!(
            (says - predicted).abs() < 1e-9 * predicted.abs(),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_all_named() {
    let app = App::start().await;
    let _worker = app.worker();
    let key = app.key(&[Scope::Admin]).await;
    upload(&app, &key).await;
    let refused = async |spec: Value| {
        let request = app.post(&format!("{PROJECT}/training-runs"));
        let answer = request.bearer_auth(&key).json(&spec).send().await.unwrap();
        let problem = problem(answer, 422).await;
        let errors = problem["errors"].as_array().unwrap().iter();
        let mut errors: Vec<(String, String)> = errors
            .map(|error| {
                let text = |field: &str| error[field].as_str().unwrap().to_owned();
                (text("pointer"), text("expected"))
            })
            .collect();
        errors.sort();
        errors
    };
    let errors = refused(spec(
        "gradient_boosting",
        body!({"budget": 3, "seed": -1, "depth": 4}),
    ))
    .await;
    let expected = [
        ("/params/budget", "a number from 0.1 to 2"),
        (
            "/params/depth",
            "no such parameter: gradient_boosting takes budget, seed",
        ),
        ("/params/seed", "a whole number from 0 to 9007199254740991"),
    ];
    let expected: Vec<(String, String)> = expected
        .into_iter()
        .map(|(pointer, text)| (pointer.to_owned(), text.to_owned()))
        .collect();
    assert_eq!(errors, expected);
    let errors = refused(spec(
        "elastic_net",
        body!({"penalty": "high", "l1_ratio": 1.01}),
    ))
    .await;
    assert_eq!(errors[0].1, "a number from 0 to 1");
    assert_eq!(errors[1].1, "a number from 0 to 1000000");
    let errors = refused(spec("linear_regression", body!({"penalty": 1}))).await;
    assert_eq!(
        errors[0].1,
        "no such parameter: linear_regression takes none"
    );
}

/// As a browser sends the form before the page is hydrated: with the fields of all algorithms.
#[tokio::test]
async fn the_form_takes_the_chosen_algorithms_parameters() {
    let app = App::start().await;
    let _worker = app.worker();
    let key = app.key(&[Scope::Admin]).await;
    upload(&app, &key).await;
    let session = app.member("editor@example.com", Role::Editor).await;
    let page = app
        .get("/p/default/training-runs/new?dataset=flats&algorithm=lasso&lasso-penalty=0.25")
        .header("cookie", &session)
        .header("accept", "text/html");
    let page = page.send().await.unwrap().text().await.unwrap();
    for part in [
        "name=\"form[params][lasso-penalty]\"",
        "name=\"form[params][gradient_boosting-budget]\"",
        "value=\"0.25\"",
        "Hundreds of decision trees",
    ] {
        assert!(page.contains(part), "the page lacks {part}");
    }
    let fields = [
        ("project", "default"),
        ("form[dataset]", "flats"),
        ("form[dataset_version]", "1"),
        ("form[target]", "price"),
        ("form[features][]", "size"),
        ("form[features][]", "city"),
        ("form[model]", "price"),
        ("form[algorithm]", "gradient_boosting"),
        ("form[params][ridge-penalty]", "0.01"),
        ("form[params][gradient_boosting-budget]", "0.5"),
        ("form[params][gradient_boosting-seed]", "9"),
        ("form[test_fraction]", "0.2"),
        ("form[seed]", "42"),
        ("form[seconds]", "60"),
        ("form[memory_mb]", "1024"),
    ];
    let send = async |fields: &[(&str, &str)]| {
        let form = app.form("/_fn/create_training_run", fields);
        let form = form
            .header("cookie", &session)
            .header("accept", "text/html");
        form.send().await.unwrap()
    };
    let answer = send(&fields).await;
    let place = location(&answer).to_owned();
    let id = place.rsplit('/').next().unwrap();
    let run = get(&app, &key, &format!("/training-runs/{id}")).await;
    assert_eq!(run["spec"]["algorithm"], "gradient_boosting");
    assert_eq!(run["spec"]["params"], body!({"budget": 0.5, "seed": 9}));
}
