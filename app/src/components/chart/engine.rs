//! The browser's side: the chart library loaded once and only where a chart is, one drawing per box.

use js_sys::{Array, Function, JSON, Object, Reflect};
use leptos::prelude::*;

use leptos::web_sys;
use serde_json::Value;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

use super::options::Palette;

/// Named by the page's head: the library's file carries a hash in its name.
const META: &str = "meta[name='volary-echarts']";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Library {
    Loading,
    Ready,
    Failed,
}

thread_local! {
    static LIBRARY: ArcRwSignal<Library> = {
        let state = ArcRwSignal::new(Library::Loading);
        if load(&state).is_none() {
            state.set(Library::Failed);
        }
        state
    };
    static THEME: ArcTrigger = {
        let trigger = ArcTrigger::new();
        watch_theme(&trigger);
        trigger
    };
}

/// Starts loading on the first call.
pub(super) fn library() -> ArcRwSignal<Library> {
    LIBRARY.with(Clone::clone)
}

/// Fires when the page's colours change: by the theme switch or by the system.
pub(super) fn theme() -> ArcTrigger {
    THEME.with(Clone::clone)
}

fn load(state: &ArcRwSignal<Library>) -> Option<()> {
    let document = web_sys::window()?.document()?;
    let source = document
        .query_selector(META)
        .ok()??
        .get_attribute("content")
        .filter(|source| !source.is_empty())?;
    let script: web_sys::HtmlScriptElement =
        document.create_element("script").ok()?.dyn_into().ok()?;
    if let Ok(Some(other)) = document.query_selector("script[nonce]")
        && let Ok(nonce) = Reflect::get(&other, &"nonce".into())
    {
        let _ = Reflect::set(&script, &"nonce".into(), &nonce);
    }
    on(&script, "load", state, Library::Ready)?;
    on(&script, "error", state, Library::Failed)?;
    script.set_src(&source);
    document.head()?.append_child(&script).ok()?;
    Some(())
}

fn on(
    script: &web_sys::HtmlScriptElement,
    event: &str,
    state: &ArcRwSignal<Library>,
    becomes: Library,
) -> Option<()> {
    let state = state.clone();
    let listener = Closure::<dyn FnMut()>::new(move || state.set(becomes));
    script
        .add_event_listener_with_callback(event, listener.as_ref().unchecked_ref())
        .ok()?;
    // Once per page, as the script itself.
    listener.forget();
    Some(())
}

fn watch_theme(trigger: &ArcTrigger) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let changed = {
        let trigger = trigger.clone();
        Closure::<dyn FnMut()>::new(move || trigger.notify())
    };
    let listener: &Function = changed.as_ref().unchecked_ref();
    if let Ok(Some(query)) = window.match_media("(prefers-color-scheme: dark)") {
        let _ = query.add_event_listener_with_callback("change", listener);
    }
    if let Some(root) = window
        .document()
        .and_then(|document| document.document_element())
        && let Ok(observer) = web_sys::MutationObserver::new(listener)
    {
        let options = web_sys::MutationObserverInit::new();
        options.set_attributes(true);
        let _ = observer.observe_with_options(&root, &options);
    }
    // Both live as long as the page.
    changed.forget();
}

impl Palette {
    /// The colours that hold at `element` now. Custom properties come unresolved (`light-dark(...)`), so each is laid on a
    /// probe and read back from there.
    pub(super) fn read(element: &web_sys::Element) -> Option<Self> {
        let window = web_sys::window()?;
        let probe: web_sys::HtmlElement = window
            .document()?
            .create_element("span")
            .ok()?
            .dyn_into()
            .ok()?;
        element.append_child(&probe).ok()?;
        let computed = window.get_computed_style(&probe).ok()??;
        let color = |name: &str| {
            let _ = probe.style().set_property("color", &format!("var({name})"));
            computed.get_property_value("color").unwrap_or_default()
        };
        let palette = Self {
            text: color("--c-text"),
            muted: color("--c-muted"),
            border: color("--c-border"),
            surface: color("--c-raised"),
            series: (1..=8).map(|slot| color(&format!("--s{slot}"))).collect(),
            font: computed
                .get_property_value("font-family")
                .unwrap_or_default(),
        };
        probe.remove();
        Some(palette)
    }
}

/// One chart in its box; disposed of when dropped.
pub(super) struct Drawing {
    chart: JsValue,
    observer: web_sys::ResizeObserver,
    _resized: Closure<dyn FnMut()>,
}

impl Drawing {
    pub(super) fn new(element: &web_sys::Element) -> Option<Self> {
        let library = Reflect::get(web_sys::window()?.as_ref(), &"echarts".into()).ok()?;
        let options = Object::new();
        Reflect::set(&options, &"renderer".into(), &"svg".into()).ok()?;
        let chart = call(
            &library,
            "init",
            &[element.as_ref(), &JsValue::NULL, options.as_ref()],
        )?;
        let resized = {
            let chart = chart.clone();
            Closure::<dyn FnMut()>::new(move || {
                call(&chart, "resize", &[]);
            })
        };
        let observer = web_sys::ResizeObserver::new(resized.as_ref().unchecked_ref()).ok()?;
        observer.observe(element);
        Some(Self {
            chart,
            observer,
            _resized: resized,
        })
    }

    /// Replaces all that is drawn.
    pub(super) fn draw(&self, options: &Value) {
        if let Ok(options) = JSON::parse(&options.to_string()) {
            call(&self.chart, "setOption", &[&options, &JsValue::TRUE]);
        }
    }

    /// Shows the tooltip of one point, as the pointer does.
    pub(super) fn point_at(&self, series: usize, point: usize) {
        let action =
            format!("{{\"type\":\"showTip\",\"seriesIndex\":{series},\"dataIndex\":{point}}}");
        if let Ok(action) = JSON::parse(&action) {
            call(&self.chart, "dispatchAction", &[&action]);
        }
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.observer.disconnect();
        call(&self.chart, "dispose", &[]);
    }
}

fn call(object: &JsValue, method: &str, arguments: &[&JsValue]) -> Option<JsValue> {
    let function: Function = Reflect::get(object, &method.into()).ok()?.dyn_into().ok()?;
    let list: Array = arguments.iter().copied().collect();
    function.apply(object, &list).ok()
}
