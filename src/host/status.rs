//! What a gateway answers to a call that it did not carry out.

use std::fmt;

/// A status of the proxy-wasm ABI other than 0, which is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(pub(super) u32);

impl Status {
    /// There is no such thing.
    pub(super) const NOT_FOUND: Status = Status(1);
    /// Another write came first.
    pub(super) const CAS_MISMATCH: Status = Status(8);
    /// What the call brought back is not in the form the ABI prescribes. The code is the ABI's own.
    pub(super) const PARSE_FAILURE: Status = Status(4);
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.0)
    }
}
