use domain::Scope;
use domain::api_keys::{NewApiKey, RateLimit};
use serde_json::{Value, json};

use super::{get, infer, infer_binary, refused, rooms, served, tensor};
use crate::harness::name;
use crate::served::{SYSTEM, header, signature};

const PATHS: [(&str, &str); 7] = [
    ("GET", "/v2"),
    ("GET", "/v2/models/price"),
    ("GET", "/v2/models/price/ready"),
    ("POST", "/v2/models/price/infer"),
    ("GET", "/v2/models/price/versions/1"),
    ("GET", "/v2/models/price/versions/1/ready"),
    ("POST", "/v2/models/price/versions/1/infer"),
];

#[tokio::test]
async fn only_a_good_key_with_the_scope_is_told_anything() {
    let served = served().await;
    let app = &served.app;
    let own = app.key(&[Scope::Predict(Some(name("price")))]).await;
    let other = app
        .key(&[Scope::Predict(Some(name("house"))), Scope::Read])
        .await;
    let project = app.platform.new_project("other").await;
    let (foreign, _) = app.platform.key(&project, &[Scope::Predict(None)]).await;
    for (method, path) in PATHS {
        let ask = || {
            let request = app.request(method.parse().unwrap(), path);
            request.body(rooms().to_string())
        };
        let nameless = "Bearer realm=\"volary\"";
        let wrong = "Bearer realm=\"volary\", error=\"invalid_token\"";
        for (nobody, challenge) in [
            (ask(), nameless),
            (ask().bearer_auth("vol_nonsense"), wrong),
            (ask().header("cookie", "volary=x"), nameless),
        ] {
            let answer = nobody.try_clone().unwrap().send().await.unwrap();
            assert_eq!(header(&answer, "www-authenticate"), challenge);
            assert!(refused(nobody, 401).await.contains("API key"), "{path}");
        }
        if path == "/v2" {
            continue;
        }
        let error = refused(ask().bearer_auth(&other), 403).await;
        assert!(error.contains("predict:"), "{path}: {error}");
        if path.contains("versions") {
            assert!(
                refused(ask().bearer_auth(&own), 403)
                    .await
                    .contains("predict:*")
            );
        } else {
            let answer = ask().bearer_auth(&own).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
        }
        // What is of another project looks like what there is not.
        let absent = app.request(method.parse().unwrap(), &path.replace("price", "absent"));
        let absent = absent.body(rooms().to_string()).bearer_auth(&served.key);
        let foreign = refused(ask().bearer_auth(&foreign.key), 404).await;
        assert_eq!(foreign, refused(absent, 404).await);
    }
    // A model without a deployment is there for those alone who may ask every version.
    let spare = model::encode(&crate::served::parcel()).unwrap();
    let wanted = name("spare");
    app.platform
        .version(&served.project, &wanted, &spare, &signature())
        .await;
    app.state.platform.live.refresh().await;
    let narrow = app.key(&[Scope::Predict(Some(wanted))]).await;
    let ask = |key: &str| app.get("/v2/models/spare").bearer_auth(key);
    refused(ask(&narrow), 404).await;
    assert_eq!(ask(&served.key).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_bad_request_is_told_what_is_wrong() {
    let served = served().await;
    let house = |tensors: Value| json!({"inputs": tensors});
    let rooms_and =
        |tensor: Value| house(json!([self::tensor("rooms", "INT64", json!([3])), tensor]));
    let place = tensor("place", "BYTES", json!(["INLAND"]));
    let cases = [
        (
            house(json!([])),
            "/inputs: expected a tensor for each input: the model takes rooms, area, place, flag",
        ),
        (
            house(json!([place])),
            "/inputs/rooms: expected a tensor of shape [1] and datatype INT64",
        ),
        (
            rooms_and(tensor("place", "BYTES", json!(["a", "b"]))),
            "/inputs/place/shape: expected 1 rows, as rooms has, got [2]",
        ),
        (
            rooms_and(tensor("place", "FP64", json!([1]))),
            "/inputs/place/datatype: expected BYTES, got FP64",
        ),
        (
            rooms_and(tensor("place", "BYTES", json!([null]))),
            "row 0, /inputs/place: expected a value, since this input has no null, got null",
        ),
        (
            rooms_and(tensor("colour", "BYTES", json!(["red"]))),
            "/inputs/colour: expected no such input: the model takes rooms, area, place, flag",
        ),
        (
            house(json!([tensor("rooms", "INT8", json!([300])), place])),
            "row 0, /inputs/rooms: expected a whole number from -128 to 127, as INT8 has it, got 300",
        ),
        (
            house(
                json!([{"name": "rooms", "shape": [1_000_000_000, 1_000_000_000], "datatype": "INT64", "data": [3]}, place]),
            ),
            "/inputs/rooms/shape: expected at most 10000 rows, got [1000000000,1000000000]",
        ),
        (
            json!({"inputs": [tensor("rooms", "INT64", json!([3])), place], "outputs": [{"name": "price"}]}),
            "/outputs: expected no such output: the model gives prediction, got price",
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(
            refused(infer(&served, "house", &request), 400).await,
            expected
        );
    }
    let raw = |text: &str| infer(&served, "house", &json!({})).body(text.to_owned());
    for (text, part) in [
        ("", "the body: expected valid JSON"),
        ("{", "the body: expected valid JSON"),
        (
            r#"{"inputs":[{"name":"rooms","shape":[1],"datatype":"FP64","data":[NaN]}]}"#,
            "no NaN",
        ),
        ("{}", "missing field `inputs`"),
        (r#"{"inputs":[{"name":"rooms"}]}"#, "missing field `shape`"),
        (&format!(r#"{{"inputs":{}"#, "[".repeat(10_000)), "the body"),
    ] {
        let error = refused(raw(text), 400).await;
        assert!(error.contains(part), "{text:.50}: {error}");
    }

    let nan = json!({"inputs": [
        {"name": "width", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}},
        tensor("depth", "INT64", json!([1])),
    ]});
    for (number, got) in [(f64::NAN, "NaN"), (f64::NEG_INFINITY, "-inf")] {
        let request = infer_binary(&served, "parcel", &nan, &number.to_le_bytes());
        let error = refused(request, 400).await;
        assert_eq!(
            error,
            format!("row 0, /inputs/width: expected a finite number, got {got}")
        );
    }
    for length in ["x", "-1", "999999", "99999999999999999999999"] {
        let request = infer(&served, "price", &rooms());
        refused(
            request.header("Inference-Header-Content-Length", length),
            400,
        )
        .await;
    }
    for (encoding, status) in [("gzip", 400), ("br", 415)] {
        let request = infer(&served, "price", &rooms()).header("content-encoding", encoding);
        assert!(refused(request, status).await.contains(if status == 415 {
            "Content-Encoding"
        } else {
            encoding
        }));
    }
    let large = infer(&served, "price", &rooms()).body(" ".repeat((1 << 20) + 1));
    assert!(refused(large, 413).await.contains("1048576"));
    let forced = infer(&served, "price", &rooms()).header("x-canary", "perhaps");
    refused(forced, 400).await;
}

#[tokio::test]
async fn every_other_refusal_has_the_same_form() {
    let served = served().await;
    let app = &served.app;
    for path in [
        "/v2/nothing",
        "/v2/models",
        "/v2/models/price/versions/9",
        "/v2/models/price/versions/x",
    ] {
        let browser = app
            .get(path)
            .bearer_auth(&served.key)
            .header("accept", "text/html");
        refused(browser, 404).await;
    }
    for path in ["/v2", "/v2/health/live", "/v2/models/price/"] {
        refused(app.post(path).bearer_auth(&served.key), 405).await;
    }
    refused(
        app.get("/v2/models/price/infer").bearer_auth(&served.key),
        405,
    )
    .await;
    refused(app.get("/v2").header("host", "evil.example"), 421).await;

    // Version 3 fails on more than one room, and there is nobody to stand in for it.
    let error = refused(infer(&served, "price/versions/3", &rooms()), 500).await;
    assert!(error.contains("version 3 of model price failed"), "{error}");

    let platform = &app.platform;
    platform
        .version(
            &served.project,
            &name("broken"),
            b"not an artifact",
            &signature(),
        )
        .await;
    served.put("broken", "broken", 1).await;
    for path in [
        "/v2/models/broken",
        "/v2/models/broken/ready",
        "/v2/models/broken/versions/1/ready",
    ] {
        let answer = get(&served, path).await;
        assert!(header(&answer, "retry-after").parse::<u64>().unwrap() >= 1);
        let error = refused(app.get(path).bearer_auth(&served.key), 503).await;
        assert!(error.contains("is not ready"), "{error}");
    }
    refused(infer(&served, "broken", &rooms()), 503).await;

    let new = NewApiKey {
        name: "small".to_owned(),
        scopes: vec![Scope::Predict(None)],
        expires_at: None,
        rate_limit: Some(RateLimit {
            requests: 1,
            per_seconds: 3600,
        }),
        budget: None,
    };
    let key = platform::api_keys::create(platform, &SYSTEM, &served.project, new)
        .await
        .unwrap()
        .key;
    let ask = || app.get("/v2/models/price").bearer_auth(&key);
    assert_eq!(ask().send().await.unwrap().status(), 200);
    let answer = ask().send().await.unwrap();
    assert!(header(&answer, "retry-after").parse::<u64>().unwrap() >= 1);
    assert!(refused(ask(), 429).await.contains("too many requests"));
}

/// Whatever is done to a good request, the answer is an answer or says what is wrong.
#[tokio::test]
async fn no_mangled_request_is_a_fault_of_ours() {
    let served = served().await;
    let json = json!({"id": "7", "inputs": [
        {"name": "rooms", "shape": [2], "datatype": "INT32", "parameters": {"binary_data_size": 8}},
        {"name": "area", "shape": [2, 1], "datatype": "FP64", "data": [[1.5], [null]]},
        {"name": "place", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 14}},
    ], "outputs": [{"name": "prediction", "parameters": {"binary_data": true}}]});
    let good = json.to_string();
    let binary = b"\x03\0\0\0\x04\0\0\0\x06\0\0\0INLAND\0\0\0\0";
    let length = good.len();
    let whole = [good.as_bytes(), binary].concat();
    let replaced = [
        ("[2]", "[1000000000,1000000000]"),
        ("[2]", "[-2]"),
        ("[2]", "[]"),
        ("[2]", "[18446744073709551615]"),
        ("[2]", "[2,2]"),
        ("[2]", "null"),
        ("8}", "18446744073709551615}"),
        ("8}", "-8}"),
        ("14}", "0}"),
        ("INT32", "INT64"),
        ("INT32", "BYTES"),
        ("1.5", "1e999"),
        ("1.5", "\"1,5\""),
        ("null", "{}"),
        ("null", "NaN"),
        ("rooms", "area"),
        ("prediction", ""),
    ];
    let replaced = replaced.map(|(from, to)| {
        let json = good.replace(from, to);
        (json.len(), [json.as_bytes(), binary].concat())
    });
    let cut = (0..whole.len())
        .step_by(7)
        .map(|end| (length, whole[..end].to_vec()));
    let flipped = (0..whole.len()).step_by(3).map(|at| {
        let mut body = whole.clone();
        body[at] ^= 1 << (at % 8);
        (length, body)
    });
    let lengths = [
        0,
        1,
        length - 1,
        length + 1,
        whole.len(),
        whole.len() + 1,
        usize::MAX,
    ];
    let lengths = lengths.map(|length| (length, whole.clone()));
    let mut statuses = std::collections::BTreeMap::new();
    let bodies = replaced
        .into_iter()
        .chain(cut)
        .chain(flipped)
        .chain(lengths);
    for (length, body) in bodies {
        let request = infer(&served, "house", &json!({}))
            .header("Inference-Header-Content-Length", length)
            .body(body.clone());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = String::from_utf8_lossy(&body);
        assert!(matches!(status, 200 | 400), "{status}: {text}");
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert!(statuses[&400] > 80 && statuses[&200] > 0, "{statuses:?}");
}
