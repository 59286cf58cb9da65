//! GATEWAY: the only room that names proxy-wasm, compiled for wasm only, but for the parts that
//! need no gateway and are tested natively.
//!
//! - [`plugin`] loads a configuration and keeps it at work; [`stream`] takes one request from
//!   callback to callback and does what the core says.
//! - [`raw`] are the gateway's functions. [`outgoing`] checks what is handed to them, [`pairs`] is
//!   the form header fields take on the way.
//! - [`kind`] knows in what the two kinds of gateway differ. [`gate`] and [`unseen`] are Kong's.
//! - [`store`] is the shared data, where there is any.

mod kind;
mod outgoing;
mod pairs;

#[cfg(target_arch = "wasm32")]
mod callout;
#[cfg(all(target_arch = "wasm32", feature = "fault-injection"))]
mod fault;
#[cfg(target_arch = "wasm32")]
mod gate;
#[cfg(target_arch = "wasm32")]
mod plugin;
#[cfg(target_arch = "wasm32")]
mod raw;
#[cfg(target_arch = "wasm32")]
mod store;
#[cfg(target_arch = "wasm32")]
mod stream;
#[cfg(target_arch = "wasm32")]
mod unseen;

#[cfg(target_arch = "wasm32")]
proxy_wasm::main! {{
    std::panic::set_hook(Box::new(|panic| {
        // Where, and not what: the text of a panic may hold what the panic was about.
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        raw::log(crate::report::Level::Critical, &format!("panic at {place}"));
    }));
    proxy_wasm::set_root_context(|_| Box::new(plugin::Root::new()));
}}
