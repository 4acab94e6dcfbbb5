//! Other servers, each in a virtual environment of its own: their dependencies do not agree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::servers::{Contender, log};
use crate::process;
use crate::progress::step;
use crate::workspace::Workspace;

pub(super) const NAMES: [&str; 6] = [
    "fastapi", "bentoml", "litserve", "mlserver", "ray", "triton",
];

const INSTALL_LIMIT: Duration = Duration::from_mins(15);

/// Installs what is missing, and says how each is started.
pub(super) fn prepare(workspace: &Workspace, names: &[String]) -> Result<Vec<Contender>> {
    if let [name] = names
        && name == "none"
    {
        return Ok(Vec::new());
    }
    names
        .iter()
        .map(|name| {
            let known = NAMES.into_iter().find(|known| known == name);
            let name = known.with_context(|| {
                format!("no peer is called {name}: there are {}", NAMES.join(", "))
            })?;
            let environment = environment(workspace, name)?;
            contender(workspace, name, &environment)
        })
        .collect()
}

pub(super) fn environment(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let environment = workspace.target.join("bench/venv").join(name);
    let requirements = sources(workspace).join(format!("requirements/{name}.txt"));
    let wanted = fs::read(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let stamp = environment.join("installed.txt");
    step("bench", name, |step| {
        if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok("present");
        }
        step.note("pip install");
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&environment);
        process::capture(&mut venv, INSTALL_LIMIT)?;
        let mut pip = Command::new(environment.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements);
        process::capture(&mut pip, INSTALL_LIMIT)?;
        fs::write(&stamp, &wanted)?;
        Ok("installed")
    })?;
    Ok(environment)
}

fn contender(workspace: &Workspace, name: &'static str, environment: &Path) -> Result<Contender> {
    let sources = sources(workspace);
    let program = |program: &str| environment.join("bin").join(program);
    let server = |program, args: &str, port: u16, path: &str| -> Result<Contender> {
        let address = format!("http://127.0.0.1:{port}");
        Ok(Contender {
            name,
            program,
            args: args.split(' ').map(str::to_owned).collect(),
            envs: Vec::new(),
            dir: sources.clone(),
            url: format!("{address}{path}"),
            ready: format!("{address}/"),
            script: "features.lua",
            log: log(workspace, name)?,
        })
    };
    Ok(match name {
        "fastapi" => server(
            program("python"),
            "-m uvicorn fastapi_app:app --port 9101 --log-level warning --no-access-log",
            9101,
            "/predict",
        )?,
        "bentoml" => server(
            program("bentoml"),
            "serve bentoml_app:Linear --port 9102",
            9102,
            "/predict",
        )?,
        "litserve" => server(program("python"), "litserve_app.py 9103", 9103, "/predict")?,
        "ray" => {
            let mut ray = server(program("serve"), "run ray_app:app", 8000, "/")?;
            ray.envs.push(("RAY_USAGE_STATS_ENABLED", "0".to_owned()));
            ray
        }
        "mlserver" => mlserver(
            workspace,
            server(
                program("mlserver"),
                "start",
                9107,
                "/v2/models/linear/infer",
            )?,
        )?,
        "triton" => triton(
            environment,
            server(PathBuf::new(), "", 9105, "/v2/models/linear/infer")?,
        )?,
        _ => bail!("no command is known for {name}"),
    })
}

/// It serves a file, which is made here.
fn mlserver(workspace: &Workspace, server: Contender) -> Result<Contender> {
    let dir = workspace.target.join("bench/mlserver");
    fs::create_dir_all(dir.join("linear"))?;
    let sources = sources(workspace).join("mlserver");
    for file in ["settings.json", "linear/model-settings.json"] {
        fs::copy(sources.join(file), dir.join(file))?;
    }
    let mut python = Command::new(server.program.with_file_name("python"));
    python
        .args([
            "-c",
            "import joblib, linear; joblib.dump(linear.fit(), 'linear/model.joblib')",
        ])
        .env("PYTHONPATH", &server.dir)
        .current_dir(&dir);
    process::capture(&mut python, INSTALL_LIMIT)?;
    Ok(Contender {
        args: vec!["start".to_owned(), ".".to_owned()],
        dir,
        ready: "http://127.0.0.1:9107/v2/models/linear/ready".to_owned(),
        script: "oip.lua",
        ..server
    })
}

/// The server that the wheel of `nvidia-pytriton` carries.
fn triton(environment: &Path, server: Contender) -> Result<Contender> {
    let wheel = find(&environment.join("lib"), "tritonserver")
        .context("the wheel of nvidia-pytriton carries no tritonserver")?;
    let backends = wheel.join("backends");
    let python = backends.join("python");
    let stub = python.join("triton_python_backend_stub");
    if !stub.exists() {
        let stubs = wheel.join("python_backend_stubs");
        let version = process::capture(
            Command::new(environment.join("bin/python"))
                .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]),
            INSTALL_LIMIT,
        )?;
        fs::copy(
            stubs
                .join(version.trim())
                .join("triton_python_backend_stub"),
            &stub,
        )
        .context("the wheel carries no stub for this Python")?;
    }
    let models = server.dir.join("triton");
    let path = format!("{}:/usr/bin:/bin", environment.join("bin").display());
    Ok(Contender {
        program: wheel.join("bin/tritonserver"),
        args: vec![
            format!("--model-repository={}", models.display()),
            format!("--backend-directory={}", backends.display()),
            "--http-port=9105".to_owned(),
            "--allow-grpc=false".to_owned(),
            "--allow-metrics=false".to_owned(),
        ],
        envs: vec![
            ("PATH", path),
            (
                "LD_LIBRARY_PATH",
                wheel.join("external_libs").display().to_string(),
            ),
        ],
        ready: "http://127.0.0.1:9105/v2/models/linear/ready".to_owned(),
        script: "oip.lua",
        ..server
    })
}

/// The first directory of that name that holds `bin`.
fn find(below: &Path, name: &str) -> Option<PathBuf> {
    walkdir::WalkDir::new(below)
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .find(|path| path.ends_with(name) && path.join("bin").is_dir())
}

/// Rows a second that scikit-learn predicts when it parses them itself; `None` without the environment of FastAPI.
pub(super) fn batch(workspace: &Workspace, time: Duration) -> Result<Option<f64>> {
    let python = workspace.target.join("bench/venv/fastapi/bin/python");
    if !python.exists() {
        return Ok(None);
    }
    let mut command = Command::new("taskset");
    command
        .args(["-c", "0"])
        .arg(python)
        .args(["batch.py", &super::wrk::BATCH.to_string()])
        .arg(time.as_secs().to_string())
        .current_dir(sources(workspace));
    let printed = process::capture(&mut command, time + Duration::from_mins(1))?;
    Ok(Some(printed.trim().parse()?))
}

fn sources(workspace: &Workspace) -> PathBuf {
    workspace.root.join("bench/peers")
}
