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
}
