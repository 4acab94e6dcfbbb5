mod aliases;
pub mod detail;
mod import;
pub mod list;
mod retraining;
pub mod version;
