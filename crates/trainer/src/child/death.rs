use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use domain::training_runs::RunError;
use rustix::process::Signal;

use crate::failure::{failure, out_of_memory};

/// Why a child ended that gave no result. A run that the server itself ended, for its time or because it was
/// cancelled, is the server's to explain.
#[must_use]
pub fn death(status: ExitStatus) -> RunError {
    let is = |signal: Signal| status.signal() == Some(signal.as_raw());
    if is(Signal::ABORT) {
        // What the standard library does when an allocation fails.
        out_of_memory("this table")
    } else if is(Signal::XCPU) {
        failure(
            "out_of_time",
            "the processor time of the run's budget is spent",
            "Raise budget.seconds, or train on fewer columns or rows.",
        )
    } else if is(Signal::KILL) {
        failure(
            "crashed",
            "the process was killed from outside, as the system does when its memory is short",
            "Start the run again; if it is killed again, lower budget.memory_mb or give the machine more memory.",
        )
    } else {
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("by signal {signal}"),
            (None, Some(code)) => format!("with exit code {code}"),
            (None, None) => "without a reason".to_owned(),
        };
        failure(
            "crashed",
            format!("the process ended {how} before it had a result"),
            "Start the run again; if it ends the same way, leave out columns to find the one at fault.",
        )
    }
}
