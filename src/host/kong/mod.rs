//! What is Kong's alone: the [`gate`] before the upstream and the operator's [`guard`] before that, the response to
//! a [`buffered`] request, the [`settings`] of kong.conf, the shared [`zone`] and how a callout fails.

#[cfg(target_arch = "wasm32")]
pub(super) mod buffered;
pub(super) mod call_failure;
pub(super) mod framing;
#[cfg(target_arch = "wasm32")]
pub(super) mod gate;
mod guard;
pub(super) mod settings;
pub(super) mod zone;
