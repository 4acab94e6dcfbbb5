use std::error::Error;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, Scope,
};
use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
};

use super::ChildRequest;

/// The child opens its inputs and its output.
const FILES: u64 = 64;

/// No artifact is larger.
const OUTPUT_BYTES: u64 = model::MAX_BYTES as u64;

/// Seconds between the signal that tells of spent processor time and the one that only kills.
const CPU_GRACE: u64 = 5;

/// Limits this process for good: memory, processor time, files and, where the kernel has Landlock, which files it may
/// open, and the network. It dies with the thread that started it.
pub(super) fn apply(request: &ChildRequest) -> Result<(), Box<dyn Error>> {
    let (limits, inputs, output, largest) = match request {
        ChildRequest::Profile { path, limits, .. } => {
            (limits, vec![path.as_path()], None, OUTPUT_BYTES)
        }
        ChildRequest::Train {
            path,
            rival,
            output,
            limits,
            ..
        } => {
            // The boosting library asks how much memory there is, and panics where it is not told.
            let mut inputs = vec![path.as_path(), Path::new("/proc/meminfo")];
            inputs.extend(rival.as_ref().map(|rival| rival.artifact.as_path()));
            (limits, inputs, Some(output.as_path()), OUTPUT_BYTES)
        }
        ChildRequest::Score {
            path,
            spec,
            artifact,
            output,
            limits,
            ..
        } => (
            limits,
            vec![path.as_path(), artifact.as_path()],
            Some(output.as_path()),
            spec.max_bytes,
        ),
        ChildRequest::Import {
            path,
            output,
            limits,
            ..
        } => (
            limits,
            vec![path.as_path()],
            Some(output.as_path()),
            OUTPUT_BYTES,
        ),
    };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let memory = (u64::from(limits.memory_mb) << 20) + mapped_bytes();
    lower(Resource::As, memory, 0)?;
    lower(Resource::Cpu, u64::from(limits.cpu_seconds), CPU_GRACE)?;
    lower(Resource::Nofile, FILES, 0)?;
    lower(Resource::Fsize, largest, 0)?;
    lower(Resource::Core, 0, 0)?;
    confine(&inputs, output)
}

/// What the process has mapped already: its program, and what its allocator put aside.
fn mapped_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| {
        line.strip_prefix("VmSize:")?
            .trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
    });
    kilobytes.unwrap_or_default() << 10
}

/// `grace` is what the hard limit lies above the limit.
fn lower(resource: Resource, limit: u64, grace: u64) -> Result<(), Box<dyn Error>> {
    let within = |limit: u64| {
        getrlimit(resource)
            .maximum
            .map_or(limit, |maximum| maximum.min(limit))
    };
    let limits = Rlimit {
        current: Some(within(limit)),
        maximum: Some(within(limit.saturating_add(grace))),
    };
    Ok(setrlimit(resource, limits)?)
}

/// As far as the kernel goes along: read the inputs, write the output, reach nothing by TCP.
fn confine(inputs: &[&Path], output: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    // A missing input is told by whoever opens it.
    for input in inputs {
        if let Ok(file) = PathFd::new(input) {
            rules = rules.add_rule(PathBeneath::new(file, AccessFs::ReadFile))?;
        }
    }
    let rules = match output.map(PathFd::new) {
        Some(Ok(file)) => rules.add_rule(PathBeneath::new(file, AccessFs::WriteFile))?,
        _ => rules,
    };
    rules.restrict_self()?;
    Ok(())
}
