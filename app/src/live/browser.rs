//! Opens the event stream in a browser: one for all tabs of a console, since a browser allows six connections to a server.
//!
//! The tab that holds a Web Lock opens the stream and tells the others over a `BroadcastChannel`; when it closes, another
//! gets the lock. Where the browser has no locks (a page by plain HTTP from another machine), every tab opens its own and
//! closes it while it is hidden.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Function, Promise, Reflect};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use wasm_bindgen::JsValue;
use web_sys::{BroadcastChannel, EventSource, EventTarget, MessageEvent};
use wire::console::{RESYNC, Topic};

use super::stream::{Stream, StreamState};

const URL: &str = "/ui/api/v1/events";
/// Name of the lock and of the channel; both belong to one origin, so to one console.
const NAME: &str = "ekiden-events";
/// What tabs tell each other besides topics.
const OPEN: &str = "open";
const BROKEN: &str = "broken";
const WHO: &str = "who";
/// A hidden tab with a stream of its own keeps it for a while, so that switching between tabs costs nothing.
const HIDDEN: Duration = Duration::from_secs(60);

impl Stream {
    /// Learns of changes from now on, through this tab's stream or another's.
    pub fn connect(self) {
        let shared = locks().zip(BroadcastChannel::new(NAME).ok());
        match shared {
            Some((locks, channel)) => self.share(&locks, channel),
            None => self.connect_alone(),
        }
    }

    /// What a message of the stream, or of another tab, means for this one.
    fn hear(self, name: &str) {
        match name {
            OPEN => self.state.set(StreamState::Live),
            BROKEN => self.state.set(StreamState::Reconnecting),
            RESYNC => self.resync(),
            name => {
                if let Some(topic) = Topic::ALL.into_iter().find(|topic| topic.name() == name) {
                    self.changed(topic);
                }
            }
        }
    }

    fn share(self, locks: &JsValue, channel: BroadcastChannel) {
        let channel = Rc::new(channel);
        let leads = Rc::new(RefCell::new(false));
        let heard = {
            let (channel, leads) = (Rc::clone(&channel), Rc::clone(&leads));
            Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
                let Some(name) = message.data().as_string() else { return };
                if name != WHO {
                    self.hear(&name);
                } else if *leads.borrow() && self.state.get_untracked() == StreamState::Live {
                    say(&channel, OPEN);
                }
            })
        };
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        heard.forget();
        // Whoever has the stream answers; what happened before is unknown.
        say(&channel, WHO);
        self.resync();
        let granted = Closure::<dyn FnMut() -> Promise>::new(move || {
            *leads.borrow_mut() = true;
            let channel = Rc::clone(&channel);
            self.open(move |name| {
                self.hear(name);
                say(&channel, name);
            });
            // Held until the tab closes.
            Promise::new(&mut |_, _| {})
        });
        let request = Reflect::get(locks, &"request".into()).and_then(JsCast::dyn_into::<Function>);
        if let Ok(request) = request {
            let _ = request.call2(locks, &NAME.into(), granted.as_ref());
        }
        granted.forget();
    }

    fn connect_alone(self) {
        let open = move || self.open(move |name| self.hear(name));
        let source = Rc::new(RefCell::new(open()));
        let timer = Rc::new(RefCell::new(None::<TimeoutHandle>));
        let listener = Closure::<dyn FnMut()>::new(move || {
            if let Some(timer) = timer.borrow_mut().take() {
                timer.clear();
            }
            if document().hidden() {
                let source = Rc::clone(&source);
                let close = move || {
                    if let Some(source) = source.borrow_mut().take() {
                        source.close();
                    }
                    self.state.set(StreamState::Polling);
                };
                *timer.borrow_mut() = set_timeout_with_handle(close, HIDDEN).ok();
            } else if source.borrow().is_none() {
                *source.borrow_mut() = open();
            }
        });
        listen(&document(), "visibilitychange", listener);
    }

    /// Opens a stream; `tell` hears everything that it says.
    fn open(self, tell: impl Fn(&str) + Clone + 'static) -> Option<EventSource> {
        let source = EventSource::new(URL).ok()?;
        let opened = {
            let tell = tell.clone();
            // What happened before the stream was open is unknown: read everything once more.
            Closure::<dyn FnMut()>::new(move || {
                tell(OPEN);
                tell(RESYNC);
            })
        };
        listen(&source, "open", opened);
        let names = Topic::ALL.into_iter().map(Topic::name).chain([RESYNC]);
        for (event, name) in names.map(|name| (name, name)).chain([("error", BROKEN)]) {
            let tell = tell.clone();
            listen(&source, event, Closure::<dyn FnMut()>::new(move || tell(name)));
        }
        Some(source)
    }
}

/// The browser's lock manager, where it has one.
fn locks() -> Option<JsValue> {
    let locks = Reflect::get(&window().navigator(), &"locks".into()).ok()?;
    (!locks.is_undefined() && !locks.is_null()).then_some(locks)
}

fn say(channel: &BroadcastChannel, name: &str) {
    let _ = channel.post_message(&name.into());
}

/// Listens for as long as the page lives.
fn listen(target: &EventTarget, event: &str, listener: Closure<dyn FnMut()>) {
    let function: &JsValue = listener.as_ref();
    let added = target.add_event_listener_with_callback(event, function.unchecked_ref());
    debug_assert!(added.is_ok(), "the browser refuses a listener for `{event}`");
    listener.forget();
}
