use domain::Name;
use domain::events::Topic;
use domain::ids::TrainingRunId;
use domain::training_runs::{LogLine, RunStatus};
use leptos::prelude::*;

use crate::calls::read_when;
use crate::components::log_view::LogView;
use crate::components::refreshed::refreshed_part;
use crate::live::on_event;
use crate::server_fns::training_runs::TrainingRunLogs;

/// The lines so far, and then those that the stream brings.
pub(super) fn run_log(project: Name, id: TrainingRunId, status: Memo<RunStatus>) -> AnyView {
    let is_final = Memo::new(move |_| status.get().is_final());
    let missed = RwSignal::new(0_u64);
    let streamed = RwSignal::new(Vec::<LogLine>::new());
    // Read once more at the end and after every gap, so that no line is ever missing.
    let logs = read_when(
        move || missed.get() + u64::from(is_final.get()),
        move || TrainingRunLogs {
            project: project.clone(),
            id,
            after: 0,
        },
    );
    on_event(
        move || vec![Topic::Run(id)],
        move |event| match event.kind.as_str() {
            "log" => match serde_json::from_value::<LogLine>(event.data.clone()) {
                Ok(line) => streamed.update(|lines| lines.push(line)),
                Err(_) => missed.update(|count| *count += 1),
            },
            "reset" => missed.update(|count| *count += 1),
            _ => {}
        },
    );
    refreshed_part(logs, move |stored| {
        let lines = Signal::derive(move || merged(&stored.get(), &streamed.get()));
        view! { <LogView lines /> }.into_any()
    })
}

fn merged(stored: &[LogLine], streamed: &[LogLine]) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = stored.iter().chain(streamed).cloned().collect();
    lines.sort_unstable_by_key(|line| line.seq);
    lines.dedup_by_key(|line| line.seq);
    lines
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::training_runs::LogLevel;

    use super::*;

    #[test]
    fn a_line_that_came_twice_is_shown_once_and_in_its_place() {
        let line = |seq: i64| LogLine {
            seq,
            at: Timestamp::UNIX_EPOCH,
            level: LogLevel::Info,
            message: seq.to_string(),
        };
        let lines = merged(&[line(1), line(2)], &[line(4), line(2), line(3)]);
        assert_eq!(
            lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
            [1, 2, 3, 4]
        );
    }
}
