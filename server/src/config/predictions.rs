/// Predictions, and what is kept of them.
#[derive(clap::Args, Clone, Debug)]
pub struct PredictionConfig {
    /// Share of the predictions that is logged with inputs and answer, from 0 (none) to 1; with any share above 0, the first of each minute is too
    #[arg(long, env = "VOLARY_PREDICTION_LOG_SAMPLE", value_name = "SHARE", default_value_t = 0.01, value_parser = parse_share, help_heading = "Predictions")]
    pub prediction_log_sample: f64,

    /// Memory for models that no deployment keeps loaded, in MiB: those that were asked for longest ago are let go first
    #[arg(
        long,
        env = "VOLARY_MODEL_CACHE_MB",
        value_name = "MIB",
        default_value_t = 1024,
        help_heading = "Predictions"
    )]
    pub model_cache_mb: u32,

    /// Seconds after which a model that no deployment serves, and nobody asks for, is let go
    #[arg(
        long,
        env = "VOLARY_MODEL_IDLE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Predictions"
    )]
    pub model_idle_seconds: u32,

    /// Whole days that logged predictions are kept
    #[arg(long, env = "VOLARY_PREDICTION_LOG_DAYS", value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650), help_heading = "Predictions")]
    pub prediction_log_days: u16,

    /// Inputs whose values are not logged: null stands in the log instead
    #[arg(
        long,
        env = "VOLARY_PREDICTION_LOG_REDACT",
        value_name = "INPUT",
        value_delimiter = ',',
        help_heading = "Predictions"
    )]
    pub prediction_log_redact: Vec<String>,
    /// How long the answer to a prediction that nobody waited for is kept, in seconds
    #[arg(long, env = "VOLARY_ASYNC_RETENTION", value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(60..=31_536_000), help_heading = "Predictions")]
    pub async_retention: u32,
    /// Most predictions of one deployment that may wait to be answered; others get 503
    #[arg(long, env = "VOLARY_ASYNC_QUEUE_LIMIT", value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000), help_heading = "Predictions")]
    pub async_queue_limit: u32,
    /// The same over all deployments
    #[arg(long, env = "VOLARY_ASYNC_TOTAL_LIMIT", value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000), help_heading = "Predictions")]
    pub async_total_limit: u32,
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is not a share: use a number from 0 to 1, such as 0.01"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_between_nothing_and_all() {
        assert_eq!(parse_share("0.25"), Ok(0.25));
        for bad in ["", "-0.1", "1.1", "NaN", "1 %"] {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
    }
}
