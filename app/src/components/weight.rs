use leptos::prelude::*;

/// A share of the traffic in per cent: a slider and a number that follow each other, and a few presets. The number is
/// the control of that `name`: without WebAssembly it is the one that is sent.
#[component]
pub fn WeightInput(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    value: RwSignal<f64>,
    /// Said beneath, such as `about 120 requests a minute go to version 7`.
    #[prop(optional, into)]
    consequence: Signal<String>,
) -> impl IntoView {
    let id = name.clone();
    let slider_label = format!("{label}, slider");
    let text = move || value.get().to_string();
    let set = move |text: String| {
        if let Ok(number) = text.parse::<f64>() {
            value.set(number.clamp(0.0, 100.0));
        }
    };
    let preset = move |weight: f64| {
        view! {
            <button type="button" class="button small needs-script" aria-pressed=move || ((value.get() - weight).abs() < f64::EPSILON).to_string() on:click=move |_| value.set(weight)>
                {format!("{weight} %")}
            </button>
        }
    };
    view! {
        <div class="field weight">
            <label for=id.clone()>{label}</label>
            <div class="weight-row">
                <input
                    class="needs-script"
                    type="range"
                    min="0"
                    max="100"
                    step="1"
                    aria-label=slider_label
                    prop:value=text
                    value=value.get_untracked().to_string()
                    on:input=move |event| set(event_target_value(&event))
                />
                <span class="input-unit">
                    <input
                        class="input num"
                        id=id
                        name=name
                        type="number"
                        min="0"
                        max="100"
                        step="any"
                        required=true
                        prop:value=text
                        value=value.get_untracked().to_string()
                        on:change=move |event| set(event_target_value(&event))
                    />
                    <span aria-hidden="true">"%"</span>
                </span>
            </div>
            <div class="weight-presets">{[1.0, 5.0, 25.0, 50.0, 100.0].into_iter().map(preset).collect_view()}</div>
            <p class="field-note">{move || consequence.get()}</p>
        </div>
    }
    .into_any()
}
