//! What is Envoy's alone: callouts that the root owns ([`root_calls`], with [`flights`] knowing which
//! requests wait for which), how a callout fails, and what Envoy can do.

pub(super) mod call_failure;
pub(super) mod flights;
#[cfg(target_arch = "wasm32")]
pub(super) mod refusal;
#[cfg(target_arch = "wasm32")]
pub(super) mod root_calls;
pub(super) mod traits;
