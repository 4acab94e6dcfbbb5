//! Where the build put what Leptos does not know of.

use leptos::prelude::LeptosOptions;

/// The path of the chart library: its name carries a hash. Empty when the site has not been built with it.
#[cfg(feature = "ssr")]
pub(crate) fn charts(options: &LeptosOptions) -> String {
    use std::sync::OnceLock;

    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let file = std::path::Path::new(&*options.site_root).join("assets.json");
        std::fs::read(file)
            .ok()
            .and_then(|text| {
                serde_json::from_slice::<std::collections::BTreeMap<String, String>>(&text).ok()
            })
            .and_then(|assets| assets.get("echarts").map(|path| format!("/{path}")))
            .unwrap_or_default()
    })
    .clone()
}

#[cfg(not(feature = "ssr"))]
pub(crate) fn charts(_options: &LeptosOptions) -> String {
    String::new()
}
