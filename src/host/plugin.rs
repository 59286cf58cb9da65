//! One configuration at work.

use super::entropy::GatewayEntropy;
use super::gateway::Gateway;
use super::kong::settings;
use super::note::HostNote;
use super::store::Store;
use super::{detect, log, raw};
use crate::config;
use crate::digest::{Digest, DigestBuilder};
use crate::flow::step::{Environment, Step};
use crate::flow::{Credentials, Pending, ResourceServer};
use crate::http::{CalloutOutcome, Headers, LocalReply};
use crate::policy::{Policy, SharedData};
use crate::rejection;
use crate::report::Report;
use crate::time::UnixTime;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

thread_local! {
    /// Every configuration in use, by its digest. A gateway may make several root contexts of one
    /// configuration, which then share what is cached, and keep several configurations in one
    /// instance, which never do (S5, K7).
    static PLUGINS: RefCell<BTreeMap<Digest, Weak<Plugin>>> = const { RefCell::new(BTreeMap::new()) };
}

/// One configuration at work.
pub(super) struct Plugin {
    state: RefCell<State>,
    gateway: Cell<Option<Gateway>>,
    store: Cell<Option<Store>>,
    requires_guard: bool,
}

enum State {
    /// There is no configuration, or one that cannot be used: every request is refused.
    Unusable,
    /// Loaded; the first request shows which gateway this is (Q2).
    Loaded(Box<Policy>),
    /// At work.
    Serving(Box<ResourceServer>),
}

impl Plugin {
    fn new(state: State) -> Rc<Plugin> {
        let requires_guard = matches!(&state, State::Loaded(policy) if policy.require_guard);
        let (gateway, store) = (Cell::new(None), Cell::new(None));
        Rc::new(Plugin { state: RefCell::new(state), gateway, store, requires_guard })
    }

    /// A plugin without a configuration: every request is refused.
    pub(super) fn unusable() -> Rc<Plugin> {
        Plugin::new(State::Unusable)
    }

    /// The plugin of a configuration, as the operator wrote it.
    pub(super) fn of(text: &[u8]) -> Rc<Plugin> {
        let digest = DigestBuilder::new("plugin configuration").field(text).finish();
        let known = PLUGINS.with_borrow(|plugins| plugins.get(&digest).and_then(Weak::upgrade));
        known.unwrap_or_else(|| {
            let plugin = Plugin::new(load(text));
            PLUGINS.with_borrow_mut(|plugins| {
                plugins.retain(|_, plugin| plugin.strong_count() > 0);
                plugins.insert(digest, Rc::downgrade(&plugin));
            });
            plugin
        })
    }

    /// Which gateway this is. Only in callbacks of a request.
    pub(super) fn gateway(&self) -> Gateway {
        self.gateway.get().unwrap_or_else(|| {
            let gateway = detect::gateway();
            self.gateway.set(Some(gateway));
            gateway
        })
    }

    /// Whether a request is refused that no guard of the gateway's held back.
    pub(super) fn requires_guard(&self) -> bool {
        self.requires_guard
    }

    /// The gateway's shared data, looked for at the first request, when what else the operator should
    /// know is logged, too. Only in callbacks of a request.
    fn store(&self, wanted: SharedData, slots: u32) -> Store {
        self.store.get().unwrap_or_else(|| {
            let (store, note) = Store::detect(self.gateway(), wanted, slots);
            note.iter().for_each(log::note);
            if self.gateway() == Gateway::Kong {
                settings::check(&setting).iter().for_each(log::note);
            }
            self.store.set(Some(store));
            store
        })
    }

    /// Asks the core, and prints what it reports. The server is borrowed here and nowhere else,
    /// and no call to the gateway that can call back happens meanwhile.
    pub(super) fn ask(
        &self,
        now: UnixTime,
        question: impl FnOnce(&mut ResourceServer, &mut Environment<'_>) -> Step,
    ) -> Step {
        self.with_server(now, question).unwrap_or_else(Step::Respond)
    }

    /// Tells the core what a fetch has brought whose request has left.
    pub(super) fn fetched(&self, pending: Pending, outcome: &CalloutOutcome) {
        match raw::now() {
            Ok(now) => {
                // There is no request to answer.
                drop(
                    self.with_server(now, |server, environment| {
                        server.fetched(pending, outcome, environment)
                    }),
                );
            }
            Err(status) => log::note(&HostNote::ClockUnreadable(status)),
        }
    }

    /// Has the core do something.
    ///
    /// # Errors
    /// The answer where it cannot.
    fn with_server<T>(
        &self,
        now: UnixTime,
        act: impl FnOnce(&mut ResourceServer, &mut Environment<'_>) -> T,
    ) -> Result<T, LocalReply> {
        let mut report = Report::new();
        let done = match self.state.try_borrow_mut() {
            Err(_) => {
                log::note(&HostNote::ReentrantCall);
                Err(rejection::internal_error())
            }
            Ok(mut state) => match serving(&mut state, self.gateway()) {
                None => Err(rejection::not_configured()),
                Some(server) => {
                    let mut store = self.store(server.shared_data(), server.shared_slots());
                    let mut environment = Environment {
                        now,
                        store: &mut store,
                        entropy: &mut GatewayEntropy,
                        report: &mut report,
                    };
                    Ok(act(server, &mut environment))
                }
            },
        };
        log::report(&report);
        done
    }

    /// The names of the trailer fields that a request with these credentials must not carry.
    ///
    /// # Errors
    /// The core cannot be asked.
    pub(super) fn trailers_to_remove(
        &self,
        credentials: &Credentials,
        trailers: &Headers,
    ) -> Result<Vec<Vec<u8>>, HostNote> {
        match self.state.try_borrow().as_deref() {
            Ok(State::Serving(server)) => Ok(server.trailers_to_remove(credentials, trailers)),
            Ok(State::Unusable | State::Loaded(_)) => Err(HostNote::Undecided),
            Err(_) => Err(HostNote::ReentrantCall),
        }
    }
}

/// The server, made at the first request; `None` where the configuration cannot be used.
fn serving(state: &mut State, gateway: Gateway) -> Option<&mut ResourceServer> {
    if let State::Loaded(_) = state
        && let State::Loaded(policy) = std::mem::replace(state, State::Unusable)
    {
        match ResourceServer::new(*policy, gateway.traits()) {
            Ok(server) => *state = State::Serving(Box::new(server)),
            Err(errors) => {
                for error in errors {
                    log::note(&HostNote::NotSupported(error.to_string()));
                }
            }
        }
    }
    match state {
        State::Serving(server) => Some(server),
        State::Loaded(_) | State::Unusable => None,
    }
}

/// Vault references are read from the environment (Q8).
fn load(text: &[u8]) -> State {
    match config::load(text, &|name| std::env::var(name).ok()) {
        Ok(loaded) => {
            for warning in loaded.warnings {
                log::note(&HostNote::ConfigurationWarning(warning.to_string()));
            }
            State::Loaded(Box::new(loaded.policy))
        }
        Err(errors) => {
            for error in errors {
                log::note(&HostNote::ConfigurationMistake(error.to_string()));
            }
            log::note(&HostNote::ConfigurationNotLoaded);
            State::Unusable
        }
    }
}

/// A setting of kong.conf whose value is text. Only in callbacks of a request.
fn setting(name: &str) -> Option<String> {
    raw::property(&["kong", "configuration", name]).ok().and_then(|value| String::from_utf8(value).ok())
}
