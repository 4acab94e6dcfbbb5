//! Bodies that a client packed.

use serde_json::{Value, json};
use testkit::packed::{Pack, deflate, gzip, zstd};

use crate::harness::{json as body, problem};
use crate::served::{Served, header};

const ENCODINGS: [(&str, Pack); 3] = [("gzip", gzip), ("deflate", deflate), ("zstd", zstd)];

fn inputs(inputs: &Value) -> Vec<u8> {
    json!({ "inputs": inputs }).to_string().into_bytes()
}

#[tokio::test]
async fn a_packed_body_is_answered_as_a_plain_one_is() {
    let served = Served::start().await;
    let batch = json!(vec![json!({"rooms": 3}); 2000]);
    for (encoding, pack) in ENCODINGS {
        for (rows, expected) in [(json!({"rooms": 3}), 1), (batch.clone(), 2000)] {
            let ask = served.raw(pack(&inputs(&rows)));
            let answer = ask
                .header("content-encoding", encoding)
                .send()
                .await
                .unwrap();
            let answer = body(answer, 200).await;
            assert_eq!(
                answer["predictions"],
                json!(vec![13.0; expected]),
                "{encoding}"
            );
        }
    }
}

#[tokio::test]
async fn a_small_body_that_grows_large_is_refused_by_the_limit_of_plain_ones() {
    let served = Served::start().await;
    for (encoding, pack) in ENCODINGS {
        let bomb = pack(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 512 << 10);
        let ask = served.raw(bomb).header("content-encoding", encoding);
        let refused = problem(ask.send().await.unwrap(), 413).await;
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("1048576 bytes"), "{detail}");
    }
}

#[tokio::test]
async fn a_body_that_can_not_be_unpacked_is_refused() {
    let served = Served::start().await;
    let plain = inputs(&json!({"rooms": 3}));
    for (encoding, pack) in ENCODINGS {
        let packed = pack(&plain);
        for broken in [&plain[..], &packed[..packed.len() - 2]] {
            let ask = served.raw(broken.to_vec());
            let answer = ask.header("content-encoding", encoding).send().await;
            let refused = problem(answer.unwrap(), 400).await;
            let detail = refused["detail"].as_str().unwrap();
            assert!(detail.contains(encoding), "{detail}");
        }
    }
    for encoding in ["br", "gzip, gzip", "compress"] {
        let ask = served.raw(plain.clone());
        let answer = ask
            .header("content-encoding", encoding)
            .send()
            .await
            .unwrap();
        assert_eq!(
            header(&answer, "accept-encoding"),
            "gzip, deflate, zstd, identity"
        );
        let refused = problem(answer, 415).await;
        assert_eq!(refused["error_code"], "unsupported_content_encoding");
    }
}

#[tokio::test]
async fn other_doors_and_management_unpack_as_well() {
    let served = Served::start().await;
    let tensor =
        json!({"inputs": [{"name": "rooms", "shape": [1], "datatype": "FP64", "data": [3.0]}]});
    let records = json!({"dataframe_records": [{"rooms": 3}]});
    let alias = json!({"version": 1});
    let key = served.app.key(&[domain::Scope::Write]).await;
    for (encoding, pack) in ENCODINGS {
        let send = |method: &str, path: &str, key: &str, content: &Value| {
            served
                .app
                .request(method.parse().unwrap(), path)
                .bearer_auth(key)
                .header("content-type", "application/json")
                .header("content-encoding", encoding)
                .body(pack(content.to_string().as_bytes()))
                .send()
        };
        let answer = send("POST", "/v2/models/price/infer", &served.key, &tensor).await;
        let answer = body(answer.unwrap(), 200).await;
        assert_eq!(answer["outputs"][0]["data"], json!([13.0]));
        let answer = send(
            "POST",
            "/deployments/price/invocations",
            &served.key,
            &records,
        )
        .await;
        assert_eq!(
            body(answer.unwrap(), 200).await["predictions"],
            json!([13.0])
        );
        let path = format!(
            "/api/v1/projects/{}/models/price/aliases/packed",
            served.project
        );
        let answer = send("PUT", &path, &key, &alias).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}
