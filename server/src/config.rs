//! What the owner of the platform can set, one file a section. Everything is read and checked when the process starts.

pub mod auth;
pub mod database;
pub mod http;
pub mod log;
pub mod network;
pub mod outbound;
pub mod predictions;
pub mod secret;
pub mod storage;
pub mod tls;
pub mod work;

pub use auth::AuthConfig;
pub use database::DatabaseConfig;
pub use http::HttpConfig;
pub use log::LogConfig;
pub use network::Network;
pub use outbound::{Allowed, OutboundConfig};
pub use predictions::PredictionConfig;
pub use storage::StorageConfig;
pub use tls::{TlsConfig, TlsFiles};
pub use work::{TrainingLimits, WorkConfig};

/// What any process on the database needs.
#[derive(clap::Args, Clone, Debug)]
pub struct BaseConfig {
    #[command(flatten)]
    pub database: DatabaseConfig,
    #[command(flatten)]
    pub storage: StorageConfig,
    #[command(flatten)]
    pub auth: AuthConfig,
    #[command(flatten)]
    pub training: TrainingLimits,
    #[command(flatten)]
    pub log: LogConfig,
}

/// What `volary serve` takes.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    #[command(flatten)]
    pub base: BaseConfig,
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten)]
    pub predictions: PredictionConfig,
    #[command(flatten)]
    pub outbound: OutboundConfig,
    #[command(flatten)]
    pub work: WorkConfig,
}
