use domain::models::GivenSignature;
use reqwest::Method;
use serde_json::{Value, json as body};
use serving::dialects::oip::messages::{
    InferInputTensor, InferTensorContents, ModelInferRequest, ModelInferResponse,
};

use super::engine::{Engine, Mode};
use super::{Caller, PRICE, row};
use crate::grpc::client::Client;
use crate::harness::{json, problem};

/// What `row` says, as a message.
pub(super) fn message() -> ModelInferRequest {
    let tensor = |name: &str, datatype: &str, contents: InferTensorContents| InferInputTensor {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: vec![1],
        contents: Some(Box::new(contents)),
        ..InferInputTensor::default()
    };
    ModelInferRequest {
        model_name: "price".to_owned(),
        inputs: vec![
            tensor(
                "rooms",
                "INT64",
                InferTensorContents {
                    int64_contents: vec![3],
                    ..Default::default()
                },
            ),
            tensor(
                "area",
                "FP64",
                InferTensorContents {
                    fp64_contents: vec![1.5],
                    ..Default::default()
                },
            ),
            tensor(
                "place",
                "BYTES",
                InferTensorContents {
                    bytes_contents: vec![b"NEAR BAY".to_vec()],
                    ..Default::default()
                },
            ),
        ],
        ..ModelInferRequest::default()
    }
}

#[tokio::test]
async fn every_door_leads_to_the_engine() {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    caller.connect(&engine, body!({})).await;
    caller.deploy(1).await;
    let alias = caller.at(
        Method::PUT,
        "/api/v1/projects/default/models/price/aliases/best",
    );
    json(
        alias.json(&body!({"version": 1})).send().await.unwrap(),
        200,
    )
    .await;
    let answered = async |path: &str, sent: Value| {
        let answer = caller.post(path).json(&sent).send().await.unwrap();
        json(answer, 200).await
    };
    let invocations = "/deployments/price/invocations";

    for (path, route) in [
        ("/predict/price", "stable"),
        ("/predict/price/1", "pinned"),
        ("/predict/price/@best", "pinned"),
    ] {
        let answer = caller.ask(path).send().await.unwrap();
        assert_eq!(answer.headers()["x-model-version"], "1");
        let answer = json(answer, 200).await;
        assert_eq!(answer["predictions"], body!([PRICE]), "{path}");
        assert_eq!(answer["route"], route);
    }
    // Each column as the engine wants it, and texts as they are.
    let sent = engine.last();
    assert_eq!(
        sent["inputs"],
        body!([
            {"name": "rooms", "shape": [1], "datatype": "INT64", "data": [3]},
            {"name": "area", "shape": [1, 1], "datatype": "FP32", "data": [1.5]},
            {"name": "place", "shape": [1], "datatype": "BYTES", "data": ["NEAR BAY"]},
        ])
    );

    let tensors = body!({"inputs": [
        {"name": "rooms", "shape": [2], "datatype": "INT64", "data": [3, 1]},
        {"name": "area", "shape": [2], "datatype": "FP64", "data": [1.5, 0.5]},
        {"name": "place", "shape": [2], "datatype": "BYTES", "data": ["NEAR BAY", "Großstadt \"x\""]},
    ]});
    let answer = answered("/v2/models/price/infer", tensors).await;
    assert_eq!(answer["outputs"][0]["data"], body!([PRICE, 2.5]));
    assert_eq!(engine.last()["inputs"][2]["data"][1], "Großstadt \"x\"");

    let records = body!({"dataframe_records": [row(), {"rooms": 1, "area": 0, "place": "INLAND"}]});
    let answer = answered(invocations, records).await;
    assert_eq!(answer["predictions"], body!([PRICE, 2.0]));
    assert_eq!(engine.last()["inputs"][2]["data"][1], "INLAND");

    // Texts that look like something else, and rows without names.
    let table = caller
        .post(invocations)
        .header("content-type", "text/csv")
        .body("place,rooms,area\n12345,3,1.5\ntrue,1,0\n");
    let answer = json(table.send().await.unwrap(), 200).await;
    assert_eq!(answer["predictions"], body!([7.5, 2.0]));
    assert_eq!(engine.last()["inputs"][2]["data"], body!(["12345", "true"]));
    let lists = body!({"instances": [[3, 1.5, "INLAND"], [1, 0, "NEAR BAY"]]});
    let answer = answered(invocations, lists).await;
    assert_eq!(answer["predictions"], body!([7.5, 1002.0]));

    let client = Client::connect(caller.app.address).await;
    let answer = client
        .call("ModelInfer")
        .key(&caller.key)
        .send(&message())
        .await;
    let answer: ModelInferResponse = answer.message();
    let contents = answer.outputs[0].contents.as_ref().unwrap();
    assert_eq!(contents.fp64_contents, [PRICE]);

    // A body over 64 KiB.
    let rows: Vec<Value> = (0..2000).map(|_| row()).collect();
    let answer = answered("/predict/price", body!({ "inputs": rows })).await;
    assert_eq!(answer["predictions"].as_array().unwrap().len(), 2000);
    assert!(
        answer["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|price| *price == PRICE)
    );

    let later = caller
        .ask("/predict/price/async")
        .header("prefer", "wait=20");
    let answer = json(later.send().await.unwrap(), 200).await;
    assert_eq!(answer["predictions"], body!([PRICE]));
}

#[tokio::test]
async fn what_the_engine_can_not_take_never_gets_there() {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    caller.connect(&engine, body!({})).await;
    caller.deploy(1).await;
    let before = engine.seen().len();
    for (member, value, code) in [
        ("rooms", body!(1.5), "wrong_type"),
        ("rooms", body!("3"), "wrong_type"),
        ("area", body!(1e39), "out_of_range"),
        ("area", body!(null), "missing"),
        ("place", body!(7), "wrong_type"),
    ] {
        let mut row = row();
        row[member] = value;
        let ask = caller
            .post("/predict/price")
            .json(&body!({ "inputs": row }));
        let refused = problem(ask.send().await.unwrap(), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], format!("/inputs/{member}"));
        assert_eq!(refused["errors"][0]["code"], code);
    }
    let explained = caller
        .ask("/predict/price?explain=true")
        .send()
        .await
        .unwrap();
    assert_eq!(
        problem(explained, 422).await["error_code"],
        "not_explainable"
    );
    assert_eq!(engine.seen().len(), before);
}

#[tokio::test]
async fn a_classifier_tells_labels_and_probabilities_as_the_engine_does() {
    let caller = Caller::start().await;
    let inputs = body!([{"name": "a", "datatype": "BOOL", "shape": [-1]}]);
    let probabilities = body!({"name": "p", "datatype": "FP32", "shape": [-1, 3]});
    let label = body!({"name": "l", "datatype": "INT64", "shape": [-1]});
    let second = body!({"name": "s", "datatype": "FP32", "shape": [-1]});
    let classes3 = body!({"output": {"classes": ["0", "1", "2"]}});
    let classes2 = body!({"output": {"classes": ["no", "yes"]}});
    for (outputs, given, shape, data, expected) in [
        (
            body!([probabilities, label]),
            &classes3,
            body!([1, 3]),
            body!([[0.25, 0.5, 0.25]]),
            body!({"label": "1", "probabilities": {"0": 0.25, "1": 0.5, "2": 0.25}}),
        ),
        (
            body!([label]),
            &classes3,
            body!([1, 1]),
            body!([2]),
            body!({"label": "2", "probabilities": {"0": 0.0, "1": 0.0, "2": 1.0}}),
        ),
        (
            body!([second]),
            &classes2,
            body!([1]),
            body!([0.75]),
            body!({"label": "yes", "probabilities": {"no": 0.25, "yes": 0.75}}),
        ),
    ] {
        serde_json::from_value::<GivenSignature>(given.clone()).unwrap();
        let engine = Engine::start(body!({"inputs": inputs, "outputs": outputs})).await;
        let name = outputs[0]["name"].clone();
        let one = body!([{"name": name, "datatype": outputs[0]["datatype"], "shape": shape, "data": data}]);
        // Of two rows the probe needs two.
        let twice = |value: &Value| {
            let rows = value.as_array().unwrap();
            Value::Array(rows.iter().chain(rows).cloned().collect())
        };
        let mut shape2 = shape.clone();
        shape2[0] = body!(2);
        let two = body!([{"name": name, "datatype": outputs[0]["datatype"], "shape": shape2, "data": twice(&data)}]);
        engine.set(Mode::ByRows(vec![one, two]));
        let new = body!({"remote": {"protocol": "oip_v2", "url": engine.url(), "model": "m"}, "signature": given});
        let model = format!("c{}", name.as_str().unwrap());
        let version = json(caller.make(&model, &new).await, 201).await;
        assert_eq!(version["signature"]["output"]["task"], "classification");
        let asked = async || {
            let ask = caller.post(&format!("/predict/{model}/1"));
            let ask = ask.json(&body!({"inputs": {"a": true}}));
            ask.send().await.unwrap()
        };
        assert_eq!(
            json(asked().await, 200).await["predictions"],
            body!([expected])
        );
        assert_eq!(engine.last()["inputs"][0]["data"], body!([true]));

        // Not what such a classifier can say.
        for data in [
            body!([7]),
            body!([[0.9, 0.9, 0.9]]),
            body!([null]),
            body!(["?"]),
        ] {
            let wrong = body!([{"name": name, "datatype": outputs[0]["datatype"], "shape": shape, "data": data}]);
            engine.set(Mode::Outputs(wrong));
            assert_eq!(
                problem(asked().await, 502).await["error_code"],
                "engine_failed",
                "{data}"
            );
        }
    }
}

#[tokio::test]
async fn a_table_is_not_scored_by_an_engine() {
    let (caller, engine) = (Caller::start().await, Engine::of_prices().await);
    caller.connect(&engine, body!({})).await;
    let upload = caller.post("/api/v1/projects/default/datasets?name=flats");
    let upload = upload
        .header("content-type", "text/csv")
        .body("rooms,area,place\n3,1.5,INLAND\n1,2.5,INLAND\n");
    json(upload.send().await.unwrap(), 201).await;
    let _worker = caller.app.worker();
    testkit::until("the table to be ready", async || {
        let dataset = caller
            .get("/api/v1/projects/default/datasets/flats/versions/1")
            .await;
        (dataset["status"] == "ready").then_some(())
    })
    .await;
    let run = caller.post("/api/v1/projects/default/scoring-runs");
    let run = run.json(&body!({"dataset": "flats", "model": "price", "version": 1}));
    let refused = problem(run.send().await.unwrap(), 422).await;
    assert_eq!(refused["error_code"], "not_scorable");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("another engine")
    );
}
