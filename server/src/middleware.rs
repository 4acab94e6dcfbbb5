//! What every request passes through. `edge` is outermost; `router` says which of the others a group of routes has.

pub mod body_limit;
pub mod content_encoding;
pub mod cors;
pub mod csrf;
pub mod edge;
pub mod headers;
pub mod hosts;
pub mod idempotency;
pub mod login_limit;
pub mod pace;
pub mod rate_limit;
pub mod session;
pub mod timeout;
