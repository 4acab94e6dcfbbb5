//! A running server for one test, and clients for it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clap::Parser as _;
use domain::{Name, Role, Scope};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use server::cli::{Cli, Command as CliCommand};
use server::config::Config;
use server::state::{AppState, Role as ProcessRole};
use server::tls::Tls;
use server::{listen, router, start};
use testkit::{PASSWORD, TestPlatform, until};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const ADMIN: &str = "ada@example.com";

/// A server of its own; stops when dropped.
pub(crate) struct App {
    pub(crate) platform: Arc<TestPlatform>,
    pub(crate) state: AppState,
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
}

impl Drop for App {
    fn drop(&mut self) {
        self.state.shutdown.cancel();
    }
}

impl App {
    /// With an admin, `ada@example.com`, and the clock of the system.
    pub(crate) async fn start() -> Self {
        Self::start_with(TestPlatform::with_clock(platform::Clock::System).await, &[]).await
    }

    /// Started with these options of `volary serve`.
    pub(crate) async fn start_with(platform: TestPlatform, options: &[&str]) -> Self {
        let app = Self::start_empty(platform, options).await;
        app.platform.admin().await;
        app
    }

    /// With other limits than the platform's own.
    pub(crate) async fn start_limited(platform: TestPlatform, limited: platform::Platform) -> Self {
        let app = Self::start_on(Arc::new(platform), limited, &[]).await;
        app.platform.admin().await;
        app
    }

    /// Without any user.
    pub(crate) async fn start_empty(platform: TestPlatform, options: &[&str]) -> Self {
        let copy = platform.platform();
        Self::start_on(Arc::new(platform), copy, options).await
    }

    /// Another server on the same database and files, as after a restart.
    pub(crate) async fn again(&self, options: &[&str]) -> Self {
        let served = platform::Platform {
            live: platform::Live::default(),
            ..self.platform.platform()
        };
        Self::start_on(Arc::clone(&self.platform), served, options).await
    }

    /// Ends the server, and returns once nothing of it runs any more.
    pub(crate) async fn stop(&self) {
        self.state.shutdown.cancel();
        self.state.tasks.close();
        self.state.tasks.wait().await;
    }

    async fn start_on(
        platform: Arc<TestPlatform>,
        served: platform::Platform,
        options: &[&str],
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = config(platform.directory.path(), options);
        let shutdown = CancellationToken::new();
        let tls = config.http.tls.files().unwrap();
        let tls = tls.map(|files| Tls::open(files, served.clock.now()).unwrap());
        let role = ProcessRole::Gateway;
        let state = AppState::new(served, config, role, address, tls, shutdown);
        state
            .imports
            .use_program(env!("CARGO_BIN_EXE_volary").into());
        state.readiness.schema_is_current();
        start::background(&state).await.unwrap();
        let router = router::build(&state);
        state
            .tasks
            .spawn(listen::serve(listener, router, state.clone()));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            platform,
            state,
            address,
            client,
        }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.origin()))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A form as a browser of this site posts it.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut body = fields
            .iter()
            .fold(form_urlencoded(), |mut form, (name, value)| {
                form.append_pair(name, value);
                form
            });
        self.post(path)
            .header("origin", self.origin())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = self.get("/metrics").send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// The session cookie of somebody who signed in.
    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let answer = self
            .form("/auth/sign-in", &[("email", email), ("password", PASSWORD)])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        cookie(&answer).expect("a session cookie")
    }

    /// A new member of `default`, signed in.
    pub(crate) async fn member(&self, email: &str, role: Role) -> String {
        self.platform
            .member(&self.platform.project(), email, role)
            .await;
        self.sign_in(email).await
    }

    /// A new key of `default`.
    pub(crate) async fn key(&self, scopes: &[Scope]) -> String {
        self.platform
            .key(&self.platform.project(), scopes)
            .await
            .0
            .key
    }

    /// A worker process on this server's database and files.
    pub(crate) fn worker(&self) -> Process {
        let mut command = volary(self.platform.directory.path());
        command
            .arg("worker")
            .env("DATABASE_URL", self.platform.database.url());
        Process(command.spawn().unwrap())
    }
}

/// Dies with the test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The real binary, without what is set around the test.
pub(crate) fn volary(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volary"));
    for (variable, _) in std::env::vars_os() {
        if variable
            .to_str()
            .is_some_and(|name| name.starts_with("VOLARY_") || name.starts_with("DATABASE_URL"))
        {
            command.env_remove(variable);
        }
    }
    command
        .env("VOLARY_DATA_DIR", data_dir)
        .env("VOLARY_LOG", "warn")
        .stdin(Stdio::null());
    command
}

fn config(data_dir: &Path, options: &[&str]) -> Config {
    let data_dir = data_dir.to_str().unwrap();
    let fixed = [
        "volary",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        data_dir,
        "--site-root",
        data_dir,
    ];
    match Cli::try_parse_from(fixed.iter().chain(options))
        .unwrap()
        .command
    {
        CliCommand::Serve(args) => args.config,
        other => panic!("{other:?}"),
    }
}

fn form_urlencoded() -> url::form_urlencoded::Serializer<'static, String> {
    url::form_urlencoded::Serializer::new(String::new())
}

/// `name=value` of the session cookie that the answer sets.
pub(crate) fn cookie(answer: &Response) -> Option<String> {
    let set = answer.headers().get("set-cookie")?.to_str().unwrap();
    Some(set.split(';').next().unwrap().to_owned())
}

pub(crate) fn location(answer: &Response) -> &str {
    answer.headers()["location"].to_str().unwrap()
}

/// The problem that a refused request was answered with, checked for its form.
pub(crate) async fn problem(answer: Response, status: u16) -> Value {
    let found = answer.status().as_u16();
    let media = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let request_id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let text = answer.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    assert_eq!(media, "application/problem+json");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], request_id);
    assert_eq!(problem["detail"], problem["message"]);
    for member in ["type", "title", "error_code", "timestamp"] {
        assert!(problem[member].is_string(), "{member} in {problem}");
    }
    problem
}

pub(crate) async fn json(answer: Response, status: u16) -> Value {
    let found = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// A training or scoring run, once it has ended.
pub(crate) async fn ended(mut read: impl AsyncFnMut() -> Value) -> Value {
    until("the run to end", async || {
        let run = read().await;
        (!matches!(run["status"].as_str().unwrap(), "queued" | "running")).then_some(run)
    })
    .await
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
