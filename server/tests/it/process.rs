//! The program itself: its commands, its start, its end.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::TestDatabase;

use crate::harness::{Process, volary};

fn output(command: &mut Command) -> (bool, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A server, once it has said that it is ready; and the lines it printed until then and after.
fn serve(
    command: &mut Command,
) -> (
    Process,
    std::io::Lines<BufReader<std::process::ChildStdout>>,
    String,
) {
    let mut process = Process(
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let ready = lines.next().expect("a first line").unwrap();
    let address = ready
        .strip_prefix("volary ready on http://")
        .unwrap_or_else(|| panic!("{ready}"))
        .to_owned();
    (process, lines, address)
}

fn stop(process: &mut Process) -> Duration {
    let started = Instant::now();
    let pid = rustix::process::Pid::from_child(&process.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(process.0.wait().unwrap().success());
    started.elapsed()
}

#[tokio::test]
async fn without_a_database_url_a_private_postgres_runs_in_the_data_directory() {
    // Root runs Postgres under another account, which must reach the directory.
    let parent = if rustix::process::geteuid().is_root() {
        "/var/tmp"
    } else {
        env!("CARGO_TARGET_TMPDIR")
    };
    let dir = tempfile::Builder::new()
        .prefix("volary-test-")
        .tempdir_in(parent)
        .unwrap();
    std::fs::set_permissions(
        dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o711),
    )
    .unwrap();
    let data = dir.path().join("data");

    let (mut process, mut lines, address) = serve(&mut volary(&data));
    let link = lines.next().unwrap().unwrap();
    assert!(
        link.contains(&format!("http://{address}/setup?token=")),
        "{link}"
    );
    let live = client()
        .get(format!("http://{address}/livez"))
        .send()
        .await
        .unwrap();
    assert_eq!(live.text().await.unwrap(), "ok\n");

    // Commands work on the running server's database.
    let (ok, key, error) =
        output(volary(&data).args(["keys", "create", "--name", "ci", "--scope", "read"]));
    assert!(ok, "{error}");
    assert!(domain::api_keys::is_well_formed(key.trim()), "{key}");

    // A killed server leaves Postgres behind; the next one takes it over, quickly.
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    let started = Instant::now();
    let (mut process, _, _) = serve(&mut volary(&data));
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    stop(&mut process);
    assert!(
        !data.join("postgres/data/postmaster.pid").exists(),
        "Postgres stopped with the server"
    );

    // A stale pid file is in nobody's way.
    std::fs::write(data.join("postgres/data/postmaster.pid"), "1\n/nowhere\n").unwrap();
    let (mut process, _, _) = serve(&mut volary(&data));
    stop(&mut process);
}

#[tokio::test]
async fn a_server_waits_for_its_database_and_stops_when_asked() {
    let database = TestDatabase::create().await;
    database.set_reachable(false).await;
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut command = volary(dir.path());
    command
        .args(["serve", "--listen", &address])
        .env("DATABASE_URL", database.url())
        .env("VOLARY_LOG", "error")
        .stdout(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let status = |path: &'static str| {
        let url = format!("http://{address}{path}");
        async move {
            client()
                .get(url)
                .send()
                .await
                .ok()
                .map(|answer| answer.status().as_u16())
        }
    };
    testkit::until("the listener", async || status("/livez").await).await;
    assert_eq!(status("/livez").await, Some(200));
    assert_eq!(status("/readyz").await, Some(503));
    database.set_reachable(true).await;
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let ready = tokio::task::spawn_blocking(move || lines.next().unwrap().unwrap())
        .await
        .unwrap();
    assert_eq!(ready, format!("volary ready on http://{address}"));
    assert_eq!(status("/readyz").await, Some(200));
    assert!(stop(&mut process) < Duration::from_secs(10));
}

#[test]
fn the_command_line_explains_itself_and_its_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        output(
            volary(dir.path())
                .args(arguments)
                .envs(environment.iter().copied()),
        )
    };
    let (ok, document, _) = run(&["openapi"], &[]);
    assert!(
        ok && document.starts_with("{\n  \"openapi\""),
        "{document:.100}"
    );
    let (ok, script, _) = run(&["completions", "bash"], &[]);
    assert!(ok && script.contains("_volary"));
    let (ok, help, _) = run(&["--help"], &[]);
    assert!(
        ok && help.contains("serve") && !help.contains("child"),
        "{help}"
    );

    let (ok, _, error) = run(&["serve"], &[("VOLARY_LISTEN", "nowhere")]);
    assert!(
        !ok && error.contains("VOLARY_LISTEN") && error.contains("nowhere"),
        "{error}"
    );
    let (ok, _, error) = run(
        &["serve", "--listen", "127.0.0.1:0"],
        &[("DATABASE_URL", "mysql://user:geheim@host/db")],
    );
    assert!(
        !ok && error.contains("DATABASE_URL") && !error.contains("geheim"),
        "{error}"
    );
    let (ok, _, error) = run(
        &["migrate"],
        &[("DATABASE_URL", "x"), ("DATABASE_URL_FILE", "/y")],
    );
    assert!(!ok && error.contains("DATABASE_URL_FILE"), "{error}");
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}
