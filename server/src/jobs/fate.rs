//! Why a child process has no result, for people.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use domain::training_runs::RunError;
use jobs::Abandoned;
use jobs::child::{End, Exit};
use trainer::child::ChildLimits;

const KILLED: i32 = 9;

/// What to do about it, for a job whose limits are nobody's to raise.
#[derive(Clone, Copy)]
pub(super) struct Fixes {
    /// It took too much time or memory.
    pub(super) too_much: &'static str,
    pub(super) otherwise: &'static str,
}

/// What a person can act on; the details go to the log. Without `fixes` it is what to change about a training run.
pub(super) fn fate(end: &End, limits: ChildLimits, fixes: Option<Fixes>) -> RunError {
    let error = death(end, limits);
    let Some(fixes) = fixes else { return error };
    let fix = match error.code.as_str() {
        "out_of_time" | "out_of_memory" => fixes.too_much,
        _ => fixes.otherwise,
    };
    RunError {
        fix: fix.to_owned(),
        ..error
    }
}

/// Why a run ends whose job gets no further attempt; `None` when somebody asked for that. `did` and `doing` tell what the
/// job was for: "the worker that ... was lost", "the server failed while it ...".
pub(super) fn abandoned(why: &Abandoned, did: &str, doing: &str) -> Option<RunError> {
    match why {
        Abandoned::Cancelled => None,
        Abandoned::WorkerLost => Some(RunError::new(
            "crashed",
            format!("the worker that {did} was lost, several times over"),
            "Look at the server's log for why it stops, then start the run again.",
        )),
        Abandoned::Failed(_) => Some(RunError::new(
            "internal",
            format!("the server failed several times while it {doing}"),
            "Look at the server's log for the cause, then start the run again.",
        )),
    }
}

fn death(end: &End, limits: ChildLimits) -> RunError {
    tracing::warn!(exit = ?end.exit, stderr = end.stderr, peak_memory = end.peak_memory, "a child process ended without a result");
    match end.exit {
        Exit::OutOfTime => RunError::new(
            "out_of_time",
            format!("it was not done after {} s", end.took.as_secs()),
            "Raise budget.seconds, or use fewer columns or rows.",
        ),
        Exit::Signalled(KILLED) if end.out_of_memory_kill => RunError::new(
            "out_of_memory",
            "the machine ran out of memory, and its kernel killed the process",
            "Lower budget.memory_mb to what the machine has free, or use fewer columns or rows.",
        ),
        Exit::LineTooLong => RunError::new(
            "crashed",
            "the process reported more than a message may hold",
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
        let fixes = Fixes {
            too_much: "use less",
            otherwise: "look",
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
            let error = fate(&end, limits, None);
            assert_eq!(error.code, code, "{exit:?}");
            let told = fate(&end, limits, Some(fixes));
            let is_too_much = code.starts_with("out_of");
            assert_eq!(told.fix, if is_too_much { "use less" } else { "look" });
            assert_eq!(
                (told.code, told.message),
                (error.code, error.message.clone())
            );
            assert!(
                !error.message.is_empty() && !error.fix.is_empty(),
                "{exit:?}"
            );
        }
    }
}
