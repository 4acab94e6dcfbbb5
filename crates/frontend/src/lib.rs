//! The browser's entry point: takes over the page that the server rendered.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::wasm_bindgen;

#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
pub async fn hydrate() {
    console_error_panic_hook::set_once();
    // Hydration does not wait. Without its part, the page stays as the server wrote it, and works that way.
    if app::parts::load_current().await {
        leptos::mount::hydrate_body(app::App);
    }
}
