use domain::training_runs::{LogLevel, LogLine};
use leptos::html::Div;
use leptos::prelude::*;

use super::field::CheckField;

/// Lines of a log, newest last. It follows the end until the reader scrolls up; new lines are read out only on demand.
#[component]
pub fn LogView(#[prop(into)] lines: Signal<Vec<LogLine>>) -> impl IntoView {
    let frame = NodeRef::<Div>::new();
    let (announced, set_announced) = signal(false);
    let (follows, set_follows) = signal(true);
    let on_scroll = move |_| {
        if let Some(frame) = frame.get_untracked() {
            set_follows
                .set(frame.scroll_height() - frame.scroll_top() - frame.client_height() < 24);
        }
    };
    Effect::new(move |_| {
        lines.track();
        #[cfg(feature = "hydrate")]
        if follows.get_untracked()
            && let Some(frame) = frame.get()
        {
            crate::browser::scroll_to_end(&frame);
        }
    });
    view! {
        <div class="log">
            <div class="log-tools">
                <span class="hint">{move || format!("{} lines", lines.with(Vec::len))}</span>
                <span class="hint needs-script">{move || if follows.get() { "following" } else { "scroll to the end to follow" }}</span>
                <div class="needs-script" on:change=move |_| set_announced.update(|on| *on = !*on)>
                    <CheckField name="announce" value="on" label="Announce new lines"/>
                </div>
            </div>
            <div class="log-lines" role="log" aria-label="Log" aria-live=move || if announced.get() { "polite" } else { "off" } tabindex="0" node_ref=frame on:scroll=on_scroll>
                <For each=move || lines.get() key=|line| line.seq let:line>
                    <LogRow line/>
                </For>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn LogRow(line: LogLine) -> impl IntoView {
    let (level, tone) = match line.level {
        LogLevel::Info => ("info", "neutral"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Error => ("error", "danger"),
    };
    let at = line.at.to_string();
    let time = at.get(11..19).unwrap_or(&at).to_owned();
    view! {
        <p class="log-line" data-tone=tone>
            <time datetime=at.clone()>{time}</time>
            <span class="log-level">{level}</span>
            <span class="log-text">{line.message}</span>
        </p>
    }
}
