#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test stands on has to be there"
)]

mod batcher;
mod built;
mod deployment;
mod explained;
mod invocations;
mod oip;
mod protobuf;
mod request;
mod room;
mod snapshot;
mod warmth;
