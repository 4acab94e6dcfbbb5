use leptos::prelude::*;

use super::code::CodeBlock;
use super::icon::{Glyph, Icon};
use crate::context::use_site;

/// The call that gives what the page shows: last on every page.
#[component]
pub fn ApiPanel(
    /// Such as `GET`.
    #[prop(default = "GET")]
    method: &'static str,
    /// From `/api/v1/` or `/predict/` on.
    #[prop(into)]
    path: Signal<String>,
    /// A JSON body.
    #[prop(optional, into)]
    body: Option<Signal<String>>,
) -> impl IntoView {
    let base = use_site().base_url;
    let curl = Signal::derive(move || {
        curl(
            &base,
            method,
            &path.get(),
            body.map(|body| body.get()).as_deref(),
        )
    });
    view! {
        <details class="api-panel">
            <summary><Icon glyph=Glyph::Code/>"API"</summary>
            <CodeBlock code=curl label="curl"/>
            <p class="hint">
                "Make the key on the page API keys. " <a href="/api/docs" rel="external">"All calls"</a>
            </p>
        </details>
    }
    .into_any()
}

/// A call as a shell command that asks for the key in `VOLARY_KEY`.
#[must_use]
pub fn curl(base: &str, method: &str, path: &str, body: Option<&str>) -> String {
    let method = if method == "GET" {
        String::new()
    } else {
        format!(" -X {method}")
    };
    let body = body
        .map(|body| {
            format!(
                " \\\n  -H 'content-type: application/json' \\\n  -d '{}'",
                body.replace('\'', "'\\''")
            )
        })
        .unwrap_or_default();
    format!("curl -sS{method} {base}{path} \\\n  -H \"authorization: Bearer $VOLARY_KEY\"{body}")
}

#[cfg(test)]
mod tests {
    use super::curl;

    #[test]
    fn a_body_is_quoted_for_the_shell() {
        assert_eq!(
            curl("http://h", "POST", "/x", Some(r#"{"a":"it's"}"#)),
            "curl -sS -X POST http://h/x \\\n  -H \"authorization: Bearer $VOLARY_KEY\" \\\n  -H 'content-type: application/json' \\\n  -d '{\"a\":\"it'\\''s\"}'"
        );
    }
}
