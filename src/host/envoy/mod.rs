//! What is Envoy's alone.

pub(super) mod flights;
#[cfg(target_arch = "wasm32")]
pub(super) mod root_calls;
