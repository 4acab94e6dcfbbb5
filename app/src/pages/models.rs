mod aliases;
pub mod detail;
mod import;
pub mod list;
pub mod version;
