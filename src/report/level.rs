//! How urgent a line of the log is.

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For someone following one request.
    Debug,
    /// Worth a line in normal operation.
    Info,
    /// Something an operator should look at.
    Warn,
    /// Something that fails requests until the operator mends it.
    Error,
    /// A request got past the filter, or could have.
    Critical,
}
