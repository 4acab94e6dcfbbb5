use leptos::prelude::*;
use serde_json::Value;

use crate::components::code::Identifier;
use crate::components::numbers;

/// What is known of the file that a version was imported from; nothing of other versions.
pub(super) fn facts(params: &Value) -> Vec<(&'static str, AnyView)> {
    let Some(sha256) = params["file_sha256"].as_str() else {
        return Vec::new();
    };
    let mut facts = vec![(
        "ONNX file's SHA-256",
        view! { <Identifier text=sha256.to_owned() shown=16 /> }.into_any(),
    )];
    if let Some(bytes) = params["file_bytes"].as_u64() {
        facts.push(("ONNX file's size", numbers::bytes(bytes).into_any()));
    }
    if let Some(producer) = params["producer"].as_str() {
        facts.push(("Written by", producer.to_owned().into_any()));
    }
    let notes = params["notes"].as_array().into_iter().flatten();
    for note in notes.filter_map(Value::as_str) {
        facts.push(("Note", note.to_owned().into_any()));
    }
    facts
}
