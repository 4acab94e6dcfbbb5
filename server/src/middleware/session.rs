//! The session cookie.

use platform::Platform;
use platform::sessions::Sessions;
use tower_sessions::SessionManagerLayer;
use tower_sessions::cookie::SameSite;

/// Reads and sets the cookie. It lives as long as the browser runs, or shorter: the store ends sessions by its own clock.
pub fn layer(platform: &Platform, is_secure: bool) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(Sessions::new(platform))
        .with_name(cookie_name(is_secure))
        .with_secure(is_secure)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
}

/// The `__Host-` prefix makes the browser refuse the cookie from anywhere but this host over TLS.
pub fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-volary" } else { "volary" }
}
