//! Why a child process has no result, for people.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use domain::training_runs::RunError;
use jobs::child::{End, Exit};
use trainer::child::ChildLimits;

const KILLED: i32 = 9;

/// What a person can act on; the details go to the log.
pub(super) fn fate(end: &End, limits: ChildLimits) -> RunError {
    tracing::warn!(exit = ?end.exit, stderr = end.stderr, peak_memory = end.peak_memory, "a child process ended without a result");
    match end.exit {
        Exit::OutOfTime => error(
            "out_of_time",
            format!("it was not done after {} s", end.took.as_secs()),
            "Raise budget.seconds, or use fewer columns or rows.",
        ),
        Exit::Signalled(KILLED) if end.out_of_memory_kill => error(
            "out_of_memory",
            "the machine ran out of memory, and its kernel killed the process".to_owned(),
            "Lower budget.memory_mb to what the machine has free, or use fewer columns or rows.",
        ),
        Exit::LineTooLong => error(
            "crashed",
            "the process reported more than a message may hold".to_owned(),
            "Use a table with fewer columns or shorter values.",
        ),
        Exit::Signalled(signal) => {
            with_limit(trainer::child::death(ExitStatus::from_raw(signal)), limits)
        }
        Exit::Failed(code) => with_limit(
            trainer::child::death(ExitStatus::from_raw(code << 8)),
            limits,
        ),
        Exit::Succeeded | Exit::Stopped => trainer::child::death(ExitStatus::default()),
    }
}

/// Says how much memory was not enough.
fn with_limit(mut error: RunError, limits: ChildLimits) -> RunError {
    if error.code == "out_of_memory" {
        error.message = format!("{} within {} MiB", error.message, limits.memory_mb);
    }
    error
}

fn error(code: &str, message: String, fix: &str) -> RunError {
    RunError {
        code: code.to_owned(),
        message,
        fix: fix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_death_has_a_reason_and_a_fix() {
        let limits = ChildLimits {
            memory_mb: 512,
            cpu_seconds: 10,
        };
        for (exit, out_of_memory_kill, code) in [
            (Exit::OutOfTime, false, "out_of_time"),
            (Exit::Signalled(9), true, "out_of_memory"),
            (Exit::Signalled(9), false, "crashed"),
            (Exit::Signalled(6), false, "out_of_memory"),
            (Exit::Signalled(24), false, "out_of_time"),
            (Exit::Signalled(11), false, "crashed"),
            (Exit::Failed(1), false, "crashed"),
            (Exit::Succeeded, false, "crashed"),
            (Exit::LineTooLong, false, "crashed"),
        ] {
            let end = End {
                exit,
                stderr: String::new(),
                peak_memory: None,
                out_of_memory_kill,
                took: Duration::from_secs(3),
            };
            let error = fate(&end, limits);
            assert_eq!(error.code, code, "{exit:?}");
            assert!(
                !error.message.is_empty() && !error.fix.is_empty(),
                "{exit:?}"
            );
        }
    }
}
