use leptos::prelude::*;

/// Links to the next page and back to the first; nothing when all fits one page.
#[component]
pub fn Pagination(
    /// The page without its cursor, such as `/p/default/models`; may carry a query.
    #[prop(into)]
    href: String,
    /// The cursor of this page, when it is not the first.
    cursor: Option<String>,
    next_cursor: Option<String>,
) -> impl IntoView {
    let separator = if href.contains('?') { '&' } else { '?' };
    let next = next_cursor.map(|cursor| format!("{href}{separator}cursor={cursor}"));
    (cursor.is_some() || next.is_some()).then(|| {
        view! {
            <nav class="pagination" aria-label="Pages">
                {cursor.map(|_| view! { <a class="button" href=href>"First page"</a> })}
                {next.map(|next| view! { <a class="button" href=next rel="next">"Next page"</a> })}
            </nav>
        }
    })
}
