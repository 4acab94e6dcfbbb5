use std::path::Path;
use std::time::Duration;

use jobs::child::{Child, Command, End, Exit};
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_mins(1);

fn command(program: &str, arguments: &[&str], limit: Duration) -> Command {
    let arguments = arguments.iter().map(Into::into).collect();
    // A child has no environment, and so no PATH of its own.
    let program = ["/usr/bin", "/bin"]
        .iter()
        .map(|place| Path::new(place).join(program))
        .find(|path| path.exists())
        .unwrap();
    Command {
        program,
        arguments,
        limit,
        max_line: 1000,
    }
}

async fn run(command: &Command, request: &str, stop: CancellationToken) -> (Vec<String>, End) {
    let mut child = Child::spawn(command, request.as_bytes().to_vec(), stop).unwrap();
    let mut lines = Vec::new();
    while let Some(line) = child.next_line().await {
        lines.push(line);
    }
    (lines, child.end().await.unwrap())
}

#[tokio::test]
async fn the_request_arrives_and_every_line_comes_back() {
    let (lines, end) = run(
        &command("head", &["-n", "1"], LONG),
        r#"{"a":1}"#,
        CancellationToken::new(),
    )
    .await;
    assert_eq!(lines, [r#"{"a":1}"#]);
    assert_eq!((end.exit, end.stderr.as_str()), (Exit::Succeeded, ""));
}

#[tokio::test]
async fn many_lines_are_not_lost_when_nobody_hurries_to_read_them() {
    let (lines, end) = run(
        &command("seq", &["20000"], LONG),
        "",
        CancellationToken::new(),
    )
    .await;
    assert_eq!(
        (lines.len(), lines[19_999].as_str(), end.exit),
        (20_000, "20000", Exit::Succeeded)
    );
}

#[tokio::test]
async fn a_child_sees_nothing_of_our_environment() {
    let (lines, end) = run(&command("env", &[], LONG), "", CancellationToken::new()).await;
    assert_eq!(lines, ["MIMALLOC_ARENA_RESERVE=64M"]);
    assert_eq!(end.exit, Exit::Succeeded);
}

#[tokio::test]
async fn a_failure_tells_its_status_and_its_last_words() {
    let (_, end) = run(
        &command("ls", &["/nowhere"], LONG),
        "",
        CancellationToken::new(),
    )
    .await;
    assert!(matches!(end.exit, Exit::Failed(_)), "{end:?}");
    assert!(end.stderr.contains("/nowhere"), "{end:?}");
}

#[tokio::test]
async fn time_that_is_up_kills() {
    let (lines, end) = run(
        &command("sleep", &["60"], Duration::from_millis(200)),
        "",
        CancellationToken::new(),
    )
    .await;
    assert_eq!((lines.len(), end.exit), (0, Exit::OutOfTime));
    assert!(end.took < Duration::from_secs(10), "{end:?}");
    assert!(end.peak_memory.is_some());
}

#[tokio::test]
async fn a_stop_kills_even_while_nobody_reads() {
    let stop = CancellationToken::new();
    let child = Child::spawn(&command("yes", &[], LONG), Vec::new(), stop.clone()).unwrap();
    stop.cancel();
    assert_eq!(child.end().await.unwrap().exit, Exit::Stopped);
}

#[tokio::test]
async fn a_kill_from_outside_is_told_apart() {
    // `timeout` ends itself by the signal that it sends.
    let (_, end) = run(
        &command("timeout", &["-s", "KILL", "0.1", "/bin/sleep", "60"], LONG),
        "",
        CancellationToken::new(),
    )
    .await;
    assert_eq!(end.exit, Exit::Signalled(9));
}

#[tokio::test]
async fn a_line_without_end_is_not_kept() {
    let (lines, end) = run(
        &command("head", &["-c", "10000000", "/dev/zero"], LONG),
        "",
        CancellationToken::new(),
    )
    .await;
    assert_eq!((lines.len(), end.exit), (0, Exit::LineTooLong));
}

#[tokio::test]
async fn a_child_that_nobody_waits_for_is_killed() {
    let mut child = Child::spawn(
        &command("tail", &["-n", "+1", "-f", "/proc/self/stat"], LONG),
        Vec::new(),
        CancellationToken::new(),
    )
    .unwrap();
    let stat = child.next_line().await.unwrap();
    let process = stat.split(' ').next().unwrap().to_owned();
    assert!(std::path::Path::new("/proc").join(&process).exists());
    drop(child);
    testkit::until("the child is gone", async || {
        is_gone(&process).then_some(())
    })
    .await;
}

/// Killed, whether or not it has been waited for yet.
fn is_gone(process: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        Err(_) => true,
        Ok(stat) => stat
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z')),
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let command = Command {
        program: "/nowhere/volary".into(),
        ..command("env", &[], LONG)
    };
    assert!(Child::spawn(&command, Vec::new(), CancellationToken::new()).is_err());
}
