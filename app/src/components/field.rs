//! Parts of forms. Each has a label, an optional hint, and room for what is wrong with the value.

use leptos::prelude::*;

/// The frame of any control: pass it as the child, with `id` as its id and `{id}-note` in `aria-describedby`.
#[component]
pub fn Field(
    /// The control's id.
    #[prop(into)]
    id: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    /// What is wrong with the value.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    let note = format!("{id}-note");
    let hint = hint.filter(|hint| !hint.is_empty());
    view! {
        <div class="field" class:is-invalid=move || error.with(Option::is_some)>
            <label for=id>{label}</label>
            {children()}
            <p class="field-note" id=note>
                {move || match error.get() {
                    Some(error) => view! { <span class="field-error">{error}</span> }.into_any(),
                    None => hint.clone().into_any(),
                }}
            </p>
        </div>
    }
    .into_any()
}

/// What stands in a `<textarea>` at first. Into a page that comes from the server such text is written as it is, unlike all other
/// text: whoever wrote it could end the field and go on with tags of his own.
pub fn area_text(text: &str) -> String {
    if cfg!(not(feature = "ssr")) {
        return text.to_owned();
    }
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A line of text. `kind` is the input's type.
#[component]
pub fn TextField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    /// The id, when the name is not unique on the page.
    #[prop(optional, into)]
    id: Option<String>,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] value: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional, into)] autocomplete: Option<&'static str>,
    #[prop(optional, into)] pattern: Option<&'static str>,
    #[prop(optional, into)] min: Option<String>,
    #[prop(optional, into)] max: Option<String>,
    #[prop(optional, into)] step: Option<String>,
    #[prop(optional, into)] minlength: Option<String>,
    #[prop(optional, into)] maxlength: Option<String>,
    #[prop(default = true)] required: bool,
) -> impl IntoView {
    let id = id.unwrap_or_else(|| name.clone());
    let note = format!("{id}-note");
    view! {
        <Field id=id.clone() label hint=hint.unwrap_or_default() error>
            <input
                class="input"
                id=id
                name=name
                type=kind
                value=value
                placeholder=placeholder
                autocomplete=autocomplete
                pattern=pattern
                min=min
                max=max
                step=step
                minlength=minlength
                maxlength=maxlength
                required=required
                aria-describedby=note
                aria-invalid=move || error.with(Option::is_some).then_some("true")
            />
        </Field>
    }
    .into_any()
}

/// The options of a [`SelectField`] that are always the same: pairs of value and label.
pub fn options<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(value, label)| (value.to_owned(), label.to_owned()))
        .to_vec()
}

/// One of a few values: pairs of value and label.
#[component]
pub fn SelectField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] id: Option<String>,
    options: Vec<(String, String)>,
    /// The value chosen at first.
    #[prop(optional, into)]
    value: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let id = id.unwrap_or_else(|| name.clone());
    let note = format!("{id}-note");
    let options = options
        .into_iter()
        .map(|(option, label)| {
            let is_selected = option == value;
            view! { <option value=option selected=is_selected>{label}</option> }
        })
        .collect_view();
    view! {
        <Field id=id.clone() label hint=hint.unwrap_or_default() error>
            <select class="input" id=id name=name aria-describedby=note>{options}</select>
        </Field>
    }
    .into_any()
}

/// A box to tick, with its label and a line about it.
#[component]
pub fn CheckField(
    #[prop(into)] name: String,
    #[prop(into)] value: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional)] checked: bool,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" name=name value=value checked=checked/>
            <span>
                <span class="check-label">{label}</span>
                {hint.map(|hint| view! { <span class="hint">{hint}</span> })}
            </span>
        </label>
    }
    .into_any()
}

/// A password, which can be shown. Pasting and password managers work.
#[component]
pub fn PasswordField(
    name: &'static str,
    #[prop(into)] label: String,
    /// `current-password` or `new-password`.
    autocomplete: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let (shown, set_shown) = signal(false);
    view! {
        <Field id=name label hint=hint.unwrap_or_default() error>
            <div class="input-group">
                <input
                    class="input"
                    id=name
                    name=name
                    type=move || if shown.get() { "text" } else { "password" }
                    autocomplete=autocomplete
                    required=true
                    maxlength="128"
                    minlength=if autocomplete == "new-password" { "12" } else { "1" }
                    spellcheck="false"
                    autocapitalize="none"
                    aria-describedby=format!("{name}-note")
                    aria-invalid=move || error.with(Option::is_some).then_some("true")
                />
                <button type="button" class="button needs-script" aria-pressed=move || shown.get().to_string() on:click=move |_| set_shown.update(|shown| *shown = !*shown)>
                    {move || if shown.get() { "Hide" } else { "Show" }}
                </button>
            </div>
        </Field>
    }
    .into_any()
}
