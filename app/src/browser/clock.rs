//! The reader's clock and calendar. The server renders UTC; the browser adds what is local.

use domain::Timestamp;
use leptos::prelude::*;

/// Ticks every half minute, so that ages stay right.
#[derive(Clone, Copy)]
struct Ticks(RwSignal<u32>);

/// Starts the clock of the page.
pub(crate) fn provide() {
    let ticks = RwSignal::new(0_u32);
    provide_context(Ticks(ticks));
    Effect::new(move |_| {
        let _ = set_interval_with_handle(
            move || ticks.update(|count| *count = count.wrapping_add(1)),
            std::time::Duration::from_secs(30),
        );
    });
}

/// Makes the caller run again every half minute.
pub fn track() {
    if let Some(Ticks(ticks)) = use_context::<Ticks>() {
        ticks.track();
    }
}

/// Seconds since `moment` by the reader's clock; `None` on the server.
#[must_use]
pub fn age(moment: Timestamp) -> Option<f64> {
    #[cfg(feature = "hydrate")]
    {
        Some((js_sys::Date::now() - moment.unix_millis() as f64) / 1000.0)
    }
    #[cfg(not(feature = "hydrate"))]
    {
        let _ = moment;
        None
    }
}

/// The moment in the reader's zone: `2026-01-31 10:30:12`; `None` on the server.
#[must_use]
pub fn local(moment: Timestamp) -> Option<String> {
    #[cfg(feature = "hydrate")]
    {
        let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(moment.unix_millis() as f64));
        Some(format!(
            "{}-{:02}-{:02} {:02}:{:02}:{:02}",
            date.get_full_year(),
            date.get_month() + 1,
            date.get_date(),
            date.get_hours(),
            date.get_minutes(),
            date.get_seconds()
        ))
    }
    #[cfg(not(feature = "hydrate"))]
    {
        let _ = moment;
        None
    }
}

/// An age in words: `just now`, `5 min ago`, `in 3 h`.
#[must_use]
pub fn in_words(seconds: f64) -> String {
    let size = seconds.abs();
    let span = if size < 45.0 {
        return if seconds < -10.0 {
            "in a moment".to_owned()
        } else {
            "just now".to_owned()
        };
    } else if size < 3600.0 {
        format!("{:.0} min", (size / 60.0).max(1.0))
    } else if size < 86_400.0 {
        format!("{:.0} h", size / 3600.0)
    } else if size < 86_400.0 * 60.0 {
        format!("{:.0} d", size / 86_400.0)
    } else {
        format!("{:.0} months", size / 86_400.0 / 30.4)
    };
    if seconds < 0.0 {
        format!("in {span}")
    } else {
        format!("{span} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn ages_read_like_speech() {
        assert_eq!(in_words(3.0), "just now");
        assert_eq!(in_words(50.0), "1 min ago");
        assert_eq!(in_words(3700.0), "1 h ago");
        assert_eq!(in_words(-86_400.0 * 3.0), "in 3 d");
    }
}
