//! What is Envoy's alone: callouts that the root owns ([`root_calls`], with [`flights`] knowing which
//! requests wait for which) and how a callout fails.

pub(super) mod call_failure;
pub(super) mod flights;
#[cfg(target_arch = "wasm32")]
pub(super) mod refusal;
#[cfg(target_arch = "wasm32")]
pub(super) mod root_calls;
