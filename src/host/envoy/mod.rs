//! What is Envoy's alone: how a callout fails, and why one is refused.

pub(super) mod call_failure;
#[cfg(target_arch = "wasm32")]
pub(super) mod refusal;
