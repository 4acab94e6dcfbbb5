/// Predictions, and what is kept of them.
#[derive(clap::Args, Clone, Debug)]
pub struct PredictionConfig {
    /// Share of the predictions that is logged with inputs and answer, from 0 (none) to 1; with any share above 0, the first of each minute is too
    #[arg(long, env = "VOLARY_PREDICTION_LOG_SAMPLE", value_name = "SHARE", default_value_t = 0.01, value_parser = parse_share, help_heading = "Predictions")]
    pub prediction_log_sample: f64,
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
