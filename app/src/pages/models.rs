mod aliases;
pub mod detail;
pub mod list;
pub mod version;
