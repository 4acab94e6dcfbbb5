//! What only a browser can do. Each function does nothing on the server, so pages call it without asking where they run.

pub mod clock;
pub mod upload;

#[cfg(feature = "hydrate")]
mod document {
    use leptos::web_sys;
    use wasm_bindgen::JsCast as _;

    pub(super) fn window() -> Option<web_sys::Window> {
        web_sys::window()
    }

    pub(super) fn element(id: &str) -> Option<web_sys::HtmlElement> {
        window()?.document()?.get_element_by_id(id)?.dyn_into().ok()
    }

    /// Whether buttons open dialogs by their `command` attribute alone.
    pub(super) fn knows_commands() -> bool {
        window()
            .and_then(|window| js_sys::Reflect::get(&window, &"CommandEvent".into()).ok())
            .is_some_and(|constructor| constructor.is_function())
    }

    pub(super) fn dialog(id: &str) -> Option<web_sys::HtmlDialogElement> {
        window()?.document()?.get_element_by_id(id)?.dyn_into().ok()
    }

    pub(super) fn close_dialogs() {
        while let Some(dialog) = window()
            .and_then(|window| window.document())
            .and_then(|document| document.query_selector("dialog[open]").ok().flatten())
            .and_then(|dialog| dialog.dyn_into::<web_sys::HtmlDialogElement>().ok())
        {
            dialog.close();
        }
    }

    pub(super) fn root() -> Option<web_sys::HtmlElement> {
        window()?.document()?.document_element()?.dyn_into().ok()
    }
}

/// `https://host:port` of the page.
#[must_use]
pub fn origin() -> String {
    #[cfg(feature = "hydrate")]
    {
        document::window()
            .and_then(|window| window.location().origin().ok())
            .unwrap_or_default()
    }
    #[cfg(not(feature = "hydrate"))]
    String::new()
}

/// The path of the page.
#[must_use]
pub fn path() -> String {
    #[cfg(feature = "hydrate")]
    {
        document::window()
            .and_then(|window| window.location().pathname().ok())
            .unwrap_or_default()
    }
    #[cfg(not(feature = "hydrate"))]
    String::new()
}

/// Puts text on the clipboard.
pub fn copy(text: &str) {
    #[cfg(feature = "hydrate")]
    if let Some(window) = document::window() {
        // A refusal leaves the text selectable on the page.
        drop(window.navigator().clipboard().write_text(text));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = text;
}

/// Opens a modal `<dialog>` where the browser does not do so by the button's `command`.
pub fn open_dialog(id: &str) {
    #[cfg(feature = "hydrate")]
    if !document::knows_commands()
        && let Some(dialog) = document::dialog(id)
        && !dialog.open()
    {
        drop(dialog.show_modal());
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = id;
}

/// Closes a `<dialog>`.
pub fn close_dialog(id: &str) {
    #[cfg(feature = "hydrate")]
    if let Some(dialog) = document::dialog(id) {
        dialog.close();
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = id;
}

/// Closes every `<dialog>` that is open.
pub fn close_dialogs() {
    #[cfg(feature = "hydrate")]
    document::close_dialogs();
}

/// Leaves the application for another page, loaded anew.
pub fn go(href: &str) {
    #[cfg(feature = "hydrate")]
    if let Some(window) = document::window() {
        drop(window.location().set_href(href));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = href;
}

/// Name and size in bytes of the file in a file input.
#[must_use]
pub fn chosen_file(input: &leptos::web_sys::HtmlInputElement) -> Option<(String, u64)> {
    #[cfg(feature = "hydrate")]
    {
        input
            .files()?
            .get(0)
            .map(|file| (file.name(), file.size() as u64))
    }
    #[cfg(not(feature = "hydrate"))]
    {
        let _ = input;
        None
    }
}

/// What a form sends, form-encoded, with the button that sent it.
#[must_use]
pub fn form_arguments(event: &leptos::ev::SubmitEvent) -> Option<String> {
    #[cfg(feature = "hydrate")]
    {
        use leptos::web_sys;
        use wasm_bindgen::JsCast as _;

        let form: web_sys::HtmlFormElement = event.target()?.dyn_into().ok()?;
        let data = web_sys::FormData::new_with_form(&form).ok()?;
        if let Some(button) = event.submitter()
            && let Some(name) = button.get_attribute("name")
        {
            let value = button.get_attribute("value").unwrap_or_default();
            data.append_with_str(&name, &value).ok()?;
        }
        let arguments = web_sys::UrlSearchParams::new_with_str_sequence_sequence(&data).ok()?;
        Some(arguments.to_string().into())
    }
    #[cfg(not(feature = "hydrate"))]
    {
        let _ = event;
        None
    }
}

/// Puts dropped files into a file input.
pub fn take_dropped(input: &leptos::web_sys::HtmlInputElement, event: &leptos::ev::DragEvent) {
    #[cfg(feature = "hydrate")]
    if let Some(files) = event.data_transfer().and_then(|data| data.files()) {
        input.set_files(Some(&files));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (input, event);
}

/// Moves the focus to the content, as a newly loaded page would.
pub fn focus_main() {
    #[cfg(feature = "hydrate")]
    if let Some(main) = document::element("main") {
        drop(main.focus());
    }
}

/// A number from 0 to 1; 0 on the server.
#[must_use]
pub fn random() -> f64 {
    #[cfg(feature = "hydrate")]
    {
        js_sys::Math::random()
    }
    #[cfg(not(feature = "hydrate"))]
    0.0
}

/// The path and query of the page.
#[must_use]
pub fn path_and_query() -> String {
    #[cfg(feature = "hydrate")]
    {
        document::window()
            .map(|window| {
                let location = window.location();
                format!(
                    "{}{}",
                    location.pathname().unwrap_or_default(),
                    location.search().unwrap_or_default()
                )
            })
            .unwrap_or_default()
    }
    #[cfg(not(feature = "hydrate"))]
    String::new()
}

/// Sets a `data-` attribute of the document, such as the theme.
pub fn set_root_data(key: &str, value: &str) {
    #[cfg(feature = "hydrate")]
    if let Some(root) = document::root() {
        drop(root.set_attribute(&format!("data-{key}"), value));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (key, value);
}

/// Scrolls an element to its end.
#[cfg(feature = "hydrate")]
pub fn scroll_to_end(element: &leptos::web_sys::Element) {
    element.set_scroll_top(element.scroll_height());
}
