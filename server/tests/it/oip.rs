//! The Open Inference Protocol, as its clients use and misuse it.

mod client;
mod refusals;
mod sameness;

use domain::Scope;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::harness::{App, json as body, name};
use crate::served::{SYSTEM, Served, header, house, parcel};

/// Deployments `price`, `house` and `parcel`.
async fn served() -> Served {
    let served = Served::start().await;
    served.deploy("house", &house()).await;
    served.deploy("parcel", &parcel()).await;
    served
}

fn infer(served: &Served, path: &str, request: &Value) -> RequestBuilder {
    let path = format!("/v2/models/{path}/infer");
    served
        .app
        .post(&path)
        .bearer_auth(&served.key)
        .body(request.to_string())
}

/// JSON with binary data behind it.
fn infer_binary(served: &Served, path: &str, request: &Value, binary: &[u8]) -> RequestBuilder {
    let json = request.to_string();
    let length = json.len();
    infer(served, path, request)
        .header("Inference-Header-Content-Length", length)
        .body([json.as_bytes(), binary].concat())
}

fn tensor(name: &str, datatype: &str, data: Value) -> Value {
    let rows = data.as_array().unwrap().len();
    json!({"name": name, "shape": [rows], "datatype": datatype, "data": data})
}

/// Three rooms in `price`.
fn rooms() -> Value {
    json!({"inputs": [tensor("rooms", "FP64", json!([3]))]})
}

async fn get(served: &Served, path: &str) -> Response {
    let request = served.app.get(path).bearer_auth(&served.key);
    request.send().await.unwrap()
}

/// What a refused request was answered with, checked for its form.
async fn refused(request: RequestBuilder, status: u16) -> String {
    let answer = request.send().await.unwrap();
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert!(answer.headers().contains_key("x-request-id"));
    let body = body(answer, status).await;
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    body["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_server_says_what_it_is_and_whether_it_is_ready() {
    let served = served().await;
    for slash in ["", "/"] {
        let server = get(&served, &format!("/v2{slash}")).await;
        assert!(header(&server, "ratelimit").starts_with("\"key\";r="));
        let server = body(server, 200).await;
        assert_eq!(server["name"], "volary");
        assert_eq!(server["extensions"], json!(["binary_tensor_data"]));
        for (path, expected) in [
            ("health/live", json!({"live": true})),
            ("health/ready", json!({"ready": true})),
        ] {
            let open = served.app.get(&format!("/v2/{path}{slash}"));
            assert_eq!(body(open.send().await.unwrap(), 200).await, expected);
        }
        for path in ["house", "price/versions/3"] {
            let ready = get(&served, &format!("/v2/models/{path}/ready{slash}")).await;
            let name = path.split('/').next();
            assert_eq!(body(ready, 200).await, json!({"name": name, "ready": true}));
        }
        for (path, prediction) in [("price", 13.0), ("price/versions/2", 23.0)] {
            let path = format!("/v2/models/{path}/infer{slash}");
            let request = served.app.post(&path).bearer_auth(&served.key);
            let answer = request.body(rooms().to_string()).send().await.unwrap();
            assert_eq!(
                body(answer, 200).await["outputs"][0]["data"],
                json!([prediction])
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_goes_or_has_lost_the_database_is_not_ready() {
    let served = served().await;
    served.app.platform.database.set_reachable(false).await;
    assert_eq!(
        get(&served, "/v2/health/ready").await.status(),
        200,
        "warm predictions go on"
    );
    let answer = infer(&served, "price", &rooms()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    served.app.platform.database.set_reachable(true).await;

    // With nothing that it could predict with, and nobody who told it.
    let cold = App::start().await;
    cold.state.shutdown.cancel();
    let state = cold.state.clone();
    let ready = server::router::build(&state);
    let request = http::Request::get("/v2/health/ready")
        .header("host", cold.address.to_string())
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = tower::ServiceExt::oneshot(ready, request).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn metadata_says_what_is_taken_and_given() {
    let served = served().await;
    let house = body(get(&served, "/v2/models/house").await, 200).await;
    let output = json!([{"name": "prediction", "datatype": "FP64", "shape": [-1]}]);
    let nullable = json!({"nullable": true});
    let expected = json!({
        "name": "house",
        "versions": ["1"],
        "platform": "volary",
        "inputs": [
            {"name": "rooms", "datatype": "INT64", "shape": [-1]},
            {"name": "area", "datatype": "FP64", "shape": [-1], "parameters": nullable},
            {"name": "place", "datatype": "BYTES", "shape": [-1]},
            {"name": "flag", "datatype": "BOOL", "shape": [-1], "parameters": nullable},
        ],
        "outputs": output,
    });
    assert_eq!(house, expected);
    let version = body(get(&served, "/v2/models/house/versions/1").await, 200).await;
    assert_eq!(version, expected);
    let price = body(get(&served, "/v2/models/price/versions/3/").await, 200).await;
    assert_eq!(price["versions"], json!(["1", "2", "3"]));
}

#[tokio::test]
async fn a_name_is_a_deployment_or_else_a_model() {
    let served = served().await;
    served.put("live", "price", 1).await;
    let answer = async |path: &str| {
        let answer = infer(&served, path, &rooms()).send().await.unwrap();
        let version = header(&answer, "x-model-version").to_owned();
        let answer = body(answer, 200).await;
        assert_eq!(answer["model_version"], version);
        assert_eq!(answer["model_name"], path.split('/').next().unwrap());
        (answer["outputs"][0]["data"][0].as_f64().unwrap(), version)
    };
    assert_eq!(answer("live").await, (13.0, "1".to_owned()));
    assert_eq!(answer("live/versions/2").await, (23.0, "2".to_owned()));
    assert_eq!(answer("price/versions/1").await, (13.0, "1".to_owned()));
    let (platform, project) = (&served.app.platform, &served.project);
    let champion = name("champion");
    platform::models::set_alias(platform, &SYSTEM, project, &served.price, &champion, 2)
        .await
        .unwrap();
    assert_eq!(
        answer("live/versions/@champion").await,
        (23.0, "2".to_owned())
    );

    let spare = name("spare");
    for artifact in [house(), parcel()] {
        let bytes = model::encode(&artifact).unwrap();
        platform
            .version(project, &spare, &bytes, &artifact.signature)
            .await;
    }
    served.app.state.platform.live.refresh().await;
    let spare = body(get(&served, "/v2/models/spare").await, 200).await;
    assert_eq!(
        (&spare["versions"], &spare["inputs"][0]["name"]),
        (&json!(["1", "2"]), &json!("width"))
    );
    let matrix =
        json!({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}]});
    let answer = infer(&served, "spare", &matrix).send().await.unwrap();
    assert_eq!(header(&answer, "x-model-version"), "2");
}

#[tokio::test]
async fn a_tensor_for_each_column() {
    let served = served().await;
    let request = json!({"id": "order \"7\"", "inputs": [
        tensor("place", "BYTES", json!(["INLAND", "NEAR BAY", "MOON"])),
        tensor("rooms", "INT32", json!([1, 2, 3])),
        tensor("flag", "BOOL", json!([true, false, null])),
    ], "outputs": [{"name": "prediction"}], "parameters": {"priority": 1}});
    let answer = infer(&served, "house", &request)
        .header("x-request-id", "order-7")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert_eq!(header(&answer, "x-request-id"), "order-7");
    assert_eq!(header(&answer, "x-model-version"), "1");
    assert_eq!(header(&answer, "ratelimit"), "\"key\";r=9999;t=1");
    assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=10000;w=10");
    assert!(header(&answer, "server-timing").contains("predict;dur="));
    let expected = json!({
        "model_name": "house",
        "model_version": "1",
        "id": "order \"7\"",
        "outputs": [{"name": "prediction", "datatype": "FP64", "shape": [3], "data": [9.0, 1004.0, 1.0]}],
    });
    assert_eq!(body(answer, 200).await, expected);
}

#[tokio::test]
async fn one_matrix_of_all_columns() {
    let served = served().await;
    for data in [
        json!([1.5, 2, 3, 4, 5, null]),
        json!([[1.5, 2, 3], [4, 5, null]]),
    ] {
        let request = json!({"inputs": [{"name": "input-0", "shape": [2, 3], "datatype": "FP32", "data": data}]});
        let answer = body(
            infer(&served, "parcel", &request).send().await.unwrap(),
            200,
        )
        .await;
        assert_eq!(answer["outputs"][0]["data"], json!([321.5, 54.0]));
        assert_eq!(answer.get("id"), None);
    }
    let matrix = |shape: Value, datatype: &str| json!({"inputs": [{"name": "x", "shape": shape, "datatype": datatype, "data": [1.5, 2.5, 3]}]});
    let error = refused(
        infer(&served, "parcel", &matrix(json!([1, 3]), "FP64")),
        400,
    )
    .await;
    assert_eq!(
        error,
        "row 0, /inputs/depth: expected a whole number, got 2.5"
    );
    let error = refused(
        infer(&served, "parcel", &matrix(json!([3, 1]), "FP64")),
        400,
    )
    .await;
    assert!(
        error.starts_with("/inputs/x/shape: expected [3, 3]"),
        "{error}"
    );
    for request in [matrix(json!([1, 3]), "BYTES"), matrix(json!([3]), "FP64")] {
        refused(infer(&served, "parcel", &request), 400).await;
    }
    // Its inputs are not all numbers.
    refused(infer(&served, "house", &matrix(json!([1, 3]), "FP64")), 400).await;
}

#[tokio::test]
async fn binary_data_goes_both_ways() {
    let served = served().await;
    let bytes = |name: &str, datatype: &str, size: usize| json!({"name": name, "shape": [2, 1], "datatype": datatype, "parameters": {"binary_data_size": size}});
    let request = |parameters: Value, outputs: Value| {
        json!({"id": "7", "inputs": [
            bytes("rooms", "INT16", 4),
            bytes("area", "FP16", 4),
            bytes("place", "BYTES", 22),
            tensor("flag", "BOOL", json!([true, false])),
        ], "parameters": parameters, "outputs": outputs})
    };
    let binary = [
        [1, 0, 2, 0].as_slice(),
        // 1.5, and NaN for none.
        &[0x00, 0x3e, 0x00, 0x7e],
        b"\x08\0\0\0NEAR BAY\x06\0\0\0INLAND",
    ]
    .concat();
    let prediction = |parameters: Value| json!([{"name": "prediction", "parameters": parameters}]);
    for (parameters, outputs) in [
        (json!({"binary_data_output": true}), json!(null)),
        (
            json!({"binary_data_output": true}),
            json!([{"name": "prediction"}]),
        ),
        (json!({}), prediction(json!({"binary_data": true}))),
        (
            json!({"binary_data_output": false}),
            prediction(json!({"binary_data": true})),
        ),
    ] {
        let request = infer_binary(&served, "house", &request(parameters, outputs), &binary);
        let answer = request.send().await.unwrap();
        assert_eq!(header(&answer, "content-type"), "application/octet-stream");
        let length: usize = header(&answer, "inference-header-content-length")
            .parse()
            .unwrap();
        let answer = answer.bytes().await.unwrap();
        let (json, data) = answer.split_at(length);
        let json: Value = serde_json::from_slice(json).unwrap();
        let output = json!({"name": "prediction", "datatype": "FP64", "shape": [2], "parameters": {"binary_data_size": 16}});
        assert_eq!(json["outputs"], json!([output]));
        assert_eq!(json["id"], "7");
        assert_eq!(
            data,
            [1010.5_f64.to_le_bytes(), 4.0_f64.to_le_bytes()].concat()
        );
    }
    for outputs in [json!(null), prediction(json!({"binary_data": false}))] {
        let request = request(
            json!({"binary_data_output": outputs.is_null().then_some(false)}),
            outputs,
        );
        let answer = infer_binary(&served, "house", &request, &binary)
            .send()
            .await
            .unwrap();
        assert!(
            !answer
                .headers()
                .contains_key("inference-header-content-length")
        );
        assert_eq!(
            body(answer, 200).await["outputs"][0]["data"],
            json!([1010.5, 4.0])
        );
    }
}

#[tokio::test]
async fn a_canary_has_its_share_and_the_same_one_through_every_door() {
    let served = served().await;
    served.canary(2, 50.0).await;
    let mut shares = std::collections::BTreeMap::new();
    for n in 0..200 {
        let key = format!("customer-{n}");
        let here = infer(&served, "price", &rooms()).header("x-route-key", &key);
        let there = served.ask().header("x-route-key", &key);
        let [here, there] = [here, there].map(RequestBuilder::send);
        let (here, there) = (here.await.unwrap(), there.await.unwrap());
        let version = header(&here, "x-model-version").to_owned();
        assert_eq!(header(&there, "x-model-version"), version);
        assert_eq!(body(here, 200).await["model_version"], version);
        *shares.entry(version).or_insert(0) += 1;
    }
    assert!(
        shares.len() == 2 && shares["2"] > 60 && shares["1"] > 60,
        "{shares:?}"
    );

    let both = served.app.key(&[Scope::Predict(None), Scope::Write]).await;
    for (value, version) in [("always", "2"), ("never", "1")] {
        let forced = infer(&served, "price", &rooms()).header("x-canary", value);
        refused(forced.try_clone().unwrap(), 403).await;
        let path = "/v2/models/price/infer";
        let forced = served
            .app
            .post(path)
            .bearer_auth(&both)
            .header("x-canary", value);
        let answer = forced.body(rooms().to_string()).send().await.unwrap();
        assert_eq!(header(&answer, "x-model-version"), version);
    }
    // Metadata is of the stable version, and of all versions there are.
    let metadata = body(get(&served, "/v2/models/price").await, 200).await;
    assert_eq!(metadata["versions"], json!(["1", "2", "3"]));
}
