//! Where the build put what Leptos does not know of.

use leptos::prelude::*;

/// The path of the chart library: its name carries a hash. Empty when the site has not been built with it.
pub(crate) fn charts(options: &LeptosOptions) -> String {
    path(options, "echarts").unwrap_or_default()
}

/// Lets the browser load the part with this page at once, not only when the main module asks for it.
pub(crate) fn preload(options: &LeptosOptions) -> impl IntoView + use<> {
    let part = crate::context::requested_part();
    let kinds = part.map(|part| [format!("part:{}", part.name()), "part:shared".to_owned()]);
    let files = kinds.into_iter().flatten();
    files
        .filter_map(|kind| path(options, &kind))
        .map(|href| view! { <link rel="preload" href=href r#as="fetch" type="application/wasm" crossorigin="anonymous"/> })
        .collect_view()
}

#[cfg(feature = "ssr")]
fn path(options: &LeptosOptions, kind: &str) -> Option<String> {
    use std::collections::BTreeMap;
    use std::sync::OnceLock;

    static ASSETS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let assets = ASSETS.get_or_init(|| {
        let file = std::path::Path::new(&*options.site_root).join("assets.json");
        std::fs::read(file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    });
    assets.get(kind).map(|path| format!("/{path}"))
}

#[cfg(not(feature = "ssr"))]
fn path(_options: &LeptosOptions, _kind: &str) -> Option<String> {
    None
}
