//! What handlers take from a request. Each refuses with an `ApiError`, never with plain text.

pub mod actor;
pub mod client_ip;
pub mod form;
pub mod json;
pub mod path;
pub mod query;
pub mod request_id;
pub mod revision;

pub use actor::{Caller, MaybeCaller};
pub use client_ip::ClientIp;
pub use form::Form;
pub use json::Json;
pub use path::Path;
pub use query::{PageQuery, Query};
pub use request_id::RequestId;
