/// Jobs, and what their child processes may use.
#[derive(clap::Args, Clone, Debug)]
pub struct WorkConfig {
    /// Jobs to work on at the same time
    #[arg(long, env = "VOLARY_WORKER_CONCURRENCY", value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Jobs")]
    pub worker_concurrency: u16,
}

/// Ceilings of a training run's budget.
#[derive(clap::Args, Clone, Debug)]
pub struct TrainingLimits {
    /// Most memory a training run may ask for, in MiB
    #[arg(long, env = "VOLARY_MAX_TRAIN_MEMORY_MB", value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(256..=1_048_576), help_heading = "Jobs")]
    pub max_train_memory_mb: u32,
    /// Longest time a training run may ask for, in seconds
    #[arg(long, env = "VOLARY_MAX_TRAIN_SECONDS", value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=86_400), help_heading = "Jobs")]
    pub max_train_seconds: u32,
}
