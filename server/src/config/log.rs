/// What is logged. Logs go to standard error, one JSON object a line.
#[derive(clap::Args, Clone, Debug)]
pub struct LogConfig {
    /// Least level that is logged, by target: `info`, or `info,access=warn` to leave requests out
    #[arg(
        long,
        env = "VOLARY_LOG",
        value_name = "FILTER",
        default_value = "info",
        help_heading = "Logs"
    )]
    pub log: String,
    /// Lines a second that the access log has of predictions that went well, at most; all other requests are logged. 0 logs none
    #[arg(
        long,
        env = "VOLARY_ACCESS_LOG_RATE",
        value_name = "LINES",
        default_value_t = 1000,
        help_heading = "Logs"
    )]
    pub access_log_rate: u32,
}
