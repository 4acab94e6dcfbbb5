//! The same request in three languages, for copying. The key is a placeholder: no secret is ever put into a page.

use std::fmt::Write as _;

use serde_json::Value;

/// What a reader replaces with their own key.
pub const KEY_PLACEHOLDER: &str = "$VOLARY_KEY";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Curl,
    Python,
    JavaScript,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Curl, Self::Python, Self::JavaScript];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
        }
    }

    /// A program that sends `inputs` (one row, or a list of rows) to `url`.
    #[must_use]
    pub fn snippet(self, url: &str, inputs: &Value) -> String {
        match self {
            Self::Curl => curl(url, inputs),
            Self::Python => python(url, inputs),
            Self::JavaScript => javascript(url, inputs),
        }
    }
}

fn curl(url: &str, inputs: &Value) -> String {
    let body = serde_json::json!({ "inputs": inputs }).to_string();
    // Within single quotes a shell takes everything as it stands, but for the quote itself.
    let quoted = body.replace('\'', r"'\''");
    format!(
        "curl -X POST '{url}' \\\n  -H \"Authorization: Bearer {KEY_PLACEHOLDER}\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{quoted}'"
    )
}

fn python(url: &str, inputs: &Value) -> String {
    let mut literal = String::new();
    write_python(&mut literal, inputs, 8);
    format!(
        r#"import os
import requests

response = requests.post(
    "{url}",
    headers={{"Authorization": f"Bearer {{os.environ['VOLARY_KEY']}}"}},
    json={{
        "inputs": {literal},
    }},
    timeout=10,
)
response.raise_for_status()
print(response.json()["predictions"])"#
    )
}

fn javascript(url: &str, inputs: &Value) -> String {
    let pretty =
        serde_json::to_string_pretty(&serde_json::json!({ "inputs": inputs })).unwrap_or_default();
    let body = pretty.replace('\n', "\n  ");
    format!(
        r#"const response = await fetch("{url}", {{
  method: "POST",
  headers: {{
    Authorization: `Bearer ${{process.env.VOLARY_KEY}}`,
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({body}),
}});
if (!response.ok) throw new Error((await response.json()).detail);
console.log((await response.json()).predictions);"#
    )
}

/// JSON is nearly Python, but for the names of its constants.
fn write_python(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                let _ = write!(out, "\n{:indent$}    ", "");
                write_python(out, item, indent + 4);
                out.push(',');
            }
            if !items.is_empty() {
                let _ = write!(out, "\n{:indent$}", "");
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (name, field) in fields {
                let _ = write!(out, "\n{:indent$}    {}: ", "", Value::String(name.clone()));
                write_python(out, field, indent + 4);
                out.push(',');
            }
            if !fields.is_empty() {
                let _ = write!(out, "\n{:indent$}", "");
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quote_in_a_value_stays_within_the_shell_word() {
        let text = Language::Curl.snippet("http://h/predict/d", &json!({ "name": "it's" }));
        assert!(
            text.ends_with(r#"-d '{"inputs":{"name":"it'\''s"}}'"#),
            "{text}"
        );
    }

    #[test]
    fn python_gets_its_own_constants() {
        let text = Language::Python.snippet(
            "http://h/predict/d",
            &json!({ "a": null, "b": true, "c": "x", "d": [1.5] }),
        );
        assert!(text.contains("\"a\": None,"), "{text}");
        assert!(text.contains("\"b\": True,"), "{text}");
        assert!(text.contains("\"c\": \"x\","), "{text}");
        assert!(text.contains("\"inputs\": {\n            \"a\""), "{text}");
    }

    #[test]
    fn no_snippet_carries_more_of_a_key_than_its_placeholder() {
        for language in Language::ALL {
            let text = language.snippet("http://h/predict/d", &json!({}));
            assert!(text.contains("VOLARY_KEY"), "{text}");
            assert!(!text.contains("vol_"), "{text}");
        }
    }
}
