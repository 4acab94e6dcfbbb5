//! One server as the engine of another.

use std::path::PathBuf;

use domain::Scope;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json as body};

use super::{Caller, MODELS, refused};
use crate::harness::json;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("../crates/onnx/tests/fixtures/{name}.onnx");
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

async fn import(far: &Caller, model: &str, file: &str) -> Value {
    let form = Form::new().part("file", Part::bytes(fixture(file)));
    let post = far.post(&format!("{MODELS}/{model}/versions"));
    json(post.multipart(form).send().await.unwrap(), 201).await
}

#[tokio::test]
async fn a_server_is_an_engine_for_another_with_a_key_as_its_token() {
    let (near, far) = (Caller::start().await, Caller::start().await);
    for (model, file) in [("survival", "titanic_logistic"), ("price", "housing_ridge")] {
        let there = import(&far, model, file).await;
        let remote = |token: Value| body!({"remote": {"protocol": "oip_v2", "url": far.app.origin(), "model": model, "version": "1", "token": token}});
        let (pointer, ..) = refused(near.make(model, &remote(body!("wrong"))).await).await;
        assert_eq!(pointer, "/remote/token");
        let only = far.app.key(&[Scope::Predict(None)]).await;
        let here = json(near.make(model, &remote(body!(only))).await, 201).await;

        // It says what it takes, and what it tells apart.
        let kinds = |version: &Value| {
            let inputs = version["signature"]["inputs"].as_array().unwrap();
            let told = inputs.iter().map(|input| {
                let name = input["name"].as_str().unwrap().to_owned();
                (name, input["type"].clone(), input["nullable"].clone())
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(kinds(&here), kinds(&there));
        assert_eq!(
            here["signature"]["output"]["classes"],
            there["signature"]["output"]["classes"]
        );

        let inputs = there["signature"]["inputs"].as_array().unwrap();
        let row = |number: f64, category: usize| {
            let value = |input: &Value| match input["type"].as_str().unwrap() {
                "string" => input["categories"]
                    .get(category)
                    .cloned()
                    .unwrap_or_else(|| body!("unheard of")),
                "boolean" => body!(true),
                "integer" => body!(number.trunc()),
                _ => body!(number),
            };
            let row = inputs
                .iter()
                .map(|input| (input["name"].as_str().unwrap().to_owned(), value(input)));
            Value::Object(row.collect())
        };
        let rows = body!({"inputs": [row(1.25, 0), row(3.5, 1), row(40.0, 0)]});
        let ask = async |caller: &Caller| {
            let post = caller.post(&format!("/predict/{model}/1")).json(&rows);
            json(post.send().await.unwrap(), 200).await["predictions"].clone()
        };
        assert_eq!(ask(&near).await, ask(&far).await);
    }
}
