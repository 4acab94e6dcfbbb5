//! The nouns and rules of Volary: identifiers, checked inputs, the shapes that travel over the wire, and the
//! decisions that need no I/O. Everything here compiles for wasm32 too, so the dashboard and the server agree by type.

pub mod access;
pub mod api_keys;
pub mod async_predictions;
pub mod budgets;
pub mod callbacks;
pub mod comparisons;
pub mod datasets;
pub mod dates;
pub mod deployments;
pub mod error;
pub mod events;
pub mod figures;
pub mod ids;
pub mod ledger;
pub mod members;
pub mod metrics;
pub mod model_cards;
pub mod models;
pub mod names;
#[cfg(feature = "openapi")]
mod openapi;
pub mod overview;
pub mod page;
pub mod predictions;
pub mod problem;
pub mod projects;
pub mod retraining;
pub mod rollouts;
pub mod routing;
pub mod scoring_runs;
pub mod serving;
pub mod signing_keys;
pub mod timestamp;
pub mod training_runs;
pub mod users;
pub mod warmth;
pub mod webhook_secrets;

pub use access::{Actor, Permission, Role, Scope};
pub use error::{EngineFault, Error, FieldError, Result};
pub use names::Name;
pub use page::Page;
pub use timestamp::Timestamp;
