//! Live updates: one event stream per tab, shared by all that the page shows.
//!
//! An event says that something changed, and the page asks for the thing anew. [`use_live`] gives a number that grows
//! with every change of its topics: put it into the source of a resource. [`on_event`] hands over the events themselves,
//! for what moves fast (progress, log lines).

use domain::Name;
use domain::events::{Event, Topic};
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
mod stream;

/// How the stream does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LiveState {
    /// Nothing on the page asks for it.
    #[default]
    Idle,
    Connecting,
    Open,
    /// Lost: what is shown may be old.
    Waiting {
        /// Until the next try.
        seconds: u32,
    },
}

/// The page's connection to the server's events.
#[derive(Clone, Copy)]
pub struct Live {
    state: RwSignal<LiveState>,
}

impl Live {
    pub(crate) fn provide() {
        provide_context(Self {
            state: RwSignal::new(LiveState::Idle),
        });
    }

    /// Which project's events to listen to.
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(clippy::unused_self, reason = "only a browser listens")
    )]
    pub(crate) fn follow(self, project: Memo<Name>) {
        #[cfg(feature = "hydrate")]
        Effect::new(move |_| stream::follow(project.get(), self.state));
        #[cfg(not(feature = "hydrate"))]
        let _ = project;
    }

    #[must_use]
    pub fn state(self) -> Signal<LiveState> {
        self.state.into()
    }
}

/// The page's connection to the server's events.
#[must_use]
pub fn use_live_state() -> Signal<LiveState> {
    expect_context::<Live>().state()
}

/// A number that grows when something of these topics changes, at most four times a second, and after every gap in the
/// stream. Log lines do not count.
pub fn use_live(topics: impl Fn() -> Vec<Topic> + Send + Sync + 'static) -> Signal<u64> {
    let changes = RwSignal::new(0_u64);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        let subscription = stream::subscribe(topics(), stream::Listener::Changes(changes));
        on_cleanup(move || stream::unsubscribe(subscription));
    });
    #[cfg(not(feature = "hydrate"))]
    drop(topics);
    changes.into()
}

/// Calls `listener` with every event of these topics.
pub fn on_event(
    topics: impl Fn() -> Vec<Topic> + Send + Sync + 'static,
    listener: impl Fn(&Event) + Send + Sync + 'static,
) {
    #[cfg(feature = "hydrate")]
    {
        let listener = std::rc::Rc::new(listener);
        Effect::new(move |_| {
            let subscription =
                stream::subscribe(topics(), stream::Listener::Events(listener.clone()));
            on_cleanup(move || stream::unsubscribe(subscription));
        });
    }
    #[cfg(not(feature = "hydrate"))]
    drop((topics, listener));
}
