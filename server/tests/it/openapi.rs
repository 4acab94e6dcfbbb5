use crate::harness::{App, json};

#[test]
fn the_document_is_the_one_that_is_checked_in() {
    let made = server::openapi::text().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    // As values: a feature of a test's dependency changes the order of the members of an object.
    let [made, checked_in] = [made, checked_in]
        .map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default());
    assert!(made.is_object());
    assert!(
        made == checked_in,
        "docs/openapi.json is out of date: run `volary openapi > docs/openapi.json`"
    );
}

#[tokio::test]
async fn the_document_is_served_and_complete() {
    let app = App::start().await;
    let document = json(app.get("/api/openapi.json").send().await.unwrap(), 200).await;
    assert_eq!(
        document["openapi"].as_str().unwrap().split('.').next(),
        Some("3")
    );
    let mut operations = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(operations.insert(id.to_owned()), "{id} twice");
            assert!(
                operation["summary"].is_string(),
                "{method} {path} says nothing"
            );
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
