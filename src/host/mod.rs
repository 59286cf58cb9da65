//! GATEWAY: the only module that names proxy-wasm, compiled for wasm only, but for the parts that
//! need no gateway and are tested natively.
//!
//! - [`root`] and [`context`] are what the SDK knows: a configuration's root, and a request.
//! - [`plugin`] loads a configuration and keeps it at work; [`stream`] takes one request from
//!   callback to callback and does what the core says.
//! - [`callout`] sends a callout and reads how it ended, [`request`] reads and edits the request's
//!   header, [`request_body`] waits for its body and reads it ([`body`] is how much has come), [`reply`]
//!   answers it.
//! - [`root_calls`] are the callouts that the root owns where one request can wake another, with
//!   [`flights`] knowing which requests wait for which.
//! - [`raw`] are the gateway's functions. [`outgoing`] checks what is handed to them, [`pairs`] is
//!   the form header fields take on the way.
//! - [`gateway`] knows in what the two gateways differ. [`kong`] and [`envoy`] hold what is theirs
//!   alone.
//! - [`store`] is the shared data, where there is any; [`entropy`] are the gateway's random bytes.
//! - [`note`] is what the shell itself logs, as data; [`log`] writes that and the core's report.

// Natively only the tests use what is here.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "called by the Wasm half alone"))]

mod body;
mod call_end;
mod envoy;
mod flights;
mod gateway;
mod kong;
mod note;
mod outgoing;
mod pairs;
mod status;

#[cfg(target_arch = "wasm32")]
mod callout;
#[cfg(target_arch = "wasm32")]
mod context;
#[cfg(target_arch = "wasm32")]
mod detect;
#[cfg(target_arch = "wasm32")]
mod entropy;
#[cfg(all(target_arch = "wasm32", feature = "fault-injection"))]
mod fault;
#[cfg(target_arch = "wasm32")]
mod log;
#[cfg(target_arch = "wasm32")]
mod plugin;
#[cfg(target_arch = "wasm32")]
mod raw;
#[cfg(target_arch = "wasm32")]
mod reply;
#[cfg(target_arch = "wasm32")]
mod request;
#[cfg(target_arch = "wasm32")]
mod request_body;
#[cfg(target_arch = "wasm32")]
mod root;
#[cfg(target_arch = "wasm32")]
mod root_calls;
#[cfg(target_arch = "wasm32")]
mod store;
#[cfg(target_arch = "wasm32")]
mod stream;
#[cfg(target_arch = "wasm32")]
mod trailers;

#[cfg(target_arch = "wasm32")]
proxy_wasm::main! {{
    std::panic::set_hook(Box::new(|panic| {
        // Where, and not what: the text of a panic may hold what the panic was about.
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        log::note(&note::HostNote::Panic { place });
    }));
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
