//! The root context: it loads a configuration, and on one kind of gateway it owns the callouts.
//!
//! It reads no property: a host logs an error for each, and dies of some (Q2). Where it owns no callouts
//! it asks for no ticks either, because that host keeps the timers of every configuration it ever had
//! (Q9).

use super::context::RequestContext;
use super::note::HostNote;
use super::plugin::Plugin;
use super::root_calls::RootCalls;
use super::stream::Stream;
use super::{log, raw};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use std::rc::Rc;

/// A handle on a configuration and on the callouts of this context.
pub(super) struct Root {
    plugin: Rc<Plugin>,
    calls: Rc<RootCalls>,
}

impl Root {
    /// The root to which the gateway has given this number, before its configuration arrives.
    pub(super) fn new(id: u32) -> Root {
        Root { plugin: Plugin::unusable(), calls: Rc::new(RootCalls::new(id)) }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, lines: usize, body_size: usize, _trailers: usize) {
        self.calls.finish(token, lines, body_size);
    }
}

impl RootContext for Root {
    /// Always true: a host that hears false starts without any filter on any route (K1), or keeps the
    /// whole old configuration (K2).
    fn on_configure(&mut self, size: usize) -> bool {
        self.plugin = match raw::plugin_configuration(size) {
            Ok(text) if text.len() == size => Plugin::of(&text),
            Ok(_) | Err(_) if size == 0 => Plugin::of(b""),
            _ => {
                log::note(&HostNote::ConfigurationNotReceived);
                Plugin::unusable()
            }
        };
        true
    }

    /// No queue is used: this is how [`raw::call_root`] arrives.
    fn on_queue_ready(&mut self, _queue: u32) {
        self.calls.carry_out_order();
    }

    fn on_tick(&mut self) {
        self.calls.tick();
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        let stream = Stream::new(id, Rc::clone(&self.plugin), Rc::clone(&self.calls));
        Some(Box::new(RequestContext::new(stream)))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.calls.close();
    }
}
