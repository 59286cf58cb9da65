//! What is Kong's alone.

#[cfg(target_arch = "wasm32")]
pub(super) mod buffered;
#[cfg(target_arch = "wasm32")]
pub(super) mod gate;
pub(super) mod settings;
