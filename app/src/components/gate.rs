use leptos::prelude::*;
use leptos_meta::Title;

use super::icon::Logo;
use super::theme_switch::ThemeSwitch;

/// The frame of the pages for people who are not signed in.
#[component]
pub fn Gate(
    #[prop(into)] title: String,
    #[prop(into)] lead: String,
    children: Children,
) -> impl IntoView {
    view! {
        <Title text=title.clone()/>
        <main class="gate" id="main">
            <div class="gate-box">
                <a class="brand" href="/"><Logo/>"Volary"</a>
                <div class="gate-card">
                    <div>
                        <h1>{title}</h1>
                        <p class="muted">{lead}</p>
                    </div>
                    {children()}
                </div>
                <div class="gate-foot">
                    <ThemeSwitch/>
                    <a class="hint" href="/api/docs" rel="external">"API reference"</a>
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// Why the form before this page was refused, by the error's code in the URL.
#[component]
pub fn Refusal() -> impl IntoView {
    let code = crate::context::use_query("error");
    let wait = crate::context::use_query("retry_after");
    let field = crate::context::use_query("field");
    move || {
        let text = message(
            &code.get()?,
            field.get().as_deref(),
            wait.get().and_then(|text| text.parse().ok()),
        );
        Some(
            view! { <super::banner::Banner tone=super::badge::Tone::Danger>{text}</super::banner::Banner> },
        )
    }
}

/// Texts stand here, not in the URL, so that nobody can make the page say something else.
fn message(code: &str, field: Option<&str>, retry_after: Option<u32>) -> String {
    match (code, field) {
        ("invalid_input", Some("email")) => "That is not an e-mail address such as ada@example.com.".to_owned(),
        ("invalid_input", Some("name")) => "Please tell your name, in 1 to 100 characters.".to_owned(),
        ("invalid_input", Some("password" | "new_password")) => {
            "Choose a password of 12 to 128 characters that is not among the common ones: try four unrelated words.".to_owned()
        }
        ("invalid_input", Some("current_password")) => "The current password is wrong.".to_owned(),
        ("invalid_input", Some("token")) | ("not_found", _) => {
            "The link is used up or too old. Ask for a new one.".to_owned()
        }
        ("invalid_input", Some("file")) => "Choose a file that ends in .csv or .parquet.".to_owned(),
        ("too_large", _) => "The file is over this server's size limit.".to_owned(),
        ("insufficient_storage", _) => "The server has no room left on its disk for the file.".to_owned(),
        ("already_set_up", _) => "This server is set up already: sign in instead.".to_owned(),
        ("invitation_expired", _) => "The invitation has expired: ask for a new one.".to_owned(),
        ("unauthenticated", _) => "The e-mail address or the password is wrong.".to_owned(),
        ("rate_limited", _) => match retry_after {
            Some(seconds) => format!("Too many attempts. Try again in {seconds} s."),
            None => "Too many attempts. Wait a minute, then try again.".to_owned(),
        },
        ("forbidden", _) => "The link is used up, too old, or not meant for you. Ask for a new one.".to_owned(),
        ("unavailable", _) => "The server can not reach its database for now. Try again in a moment.".to_owned(),
        ("cross_site_request", _) => "The form came from another site. Open the page here and try again.".to_owned(),
        _ => "That did not work. Check the fields and try again.".to_owned(),
    }
}
