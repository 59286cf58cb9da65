//! The gateway's random bytes (WASI's `random_get`).

use crate::entropy::{Entropy, EntropyUnavailable};

/// Random bytes of the gateway. Those of Kong's host come from a seed of 32 bits (S12).
pub(super) struct GatewayEntropy;

impl Entropy for GatewayEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        getrandom::fill(bytes).map_err(|_| EntropyUnavailable)
    }
}
