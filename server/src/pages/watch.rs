//! `cargo leptos watch`, which builds a site of its own, without bundling the style sheets, and tells open pages when it has
//! changed. Never in a release build.

use std::env;
use std::net::SocketAddr;
use std::path::Path;

use leptos::config::get_configuration;
use leptos::prelude::LeptosOptions;

/// The sheets that the main one imports, below the directory where cargo-leptos starts the server.
pub(super) const STYLE: &str = "style";

/// Whether this process was started by it.
pub(super) fn is_on() -> bool {
    cfg!(debug_assertions) && env::var_os("LEPTOS_WATCH").is_some()
}

/// Where its site is; `None` when it is not on.
pub(super) fn options(bound: SocketAddr) -> Option<LeptosOptions> {
    if !is_on() {
        return None;
    }
    let mut told = get_configuration(None).ok()?.leptos_options;
    let root = std::path::absolute(Path::new(&*told.site_root)).ok()?;
    told.site_root = root.to_string_lossy().into();
    told.site_addr = bound;
    Some(told)
}

/// Where pages listen for changes, as a page's policy has it.
pub(super) fn reload_source() -> Option<String> {
    let port = env::var("LEPTOS_RELOAD_PORT").ok().filter(|_| is_on())?;
    Some(format!("ws://*:{port}"))
}
