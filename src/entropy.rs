//! Random bytes. The core has no source of its own: the environment offers one.

/// A source of random bytes.
pub trait Entropy {
    /// Fills `bytes` with random ones. How hard they are to guess is up to the gateway: those of one come from
    /// a seed of 32 bits (S12). So they make two values differ, and are no secret by themselves.
    ///
    /// # Errors
    /// The gateway gives none. What `bytes` hold is then undefined.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable>;
}

/// There are no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyUnavailable;

/// A gateway without random bytes.
#[derive(Clone, Copy, Debug)]
pub struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyUnavailable> {
        Err(EntropyUnavailable)
    }
}
