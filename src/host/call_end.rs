//! How a callout ended, before its body is read.

/// What a callout's callback says before its body is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallEnd<'a> {
    /// How many header lines came.
    pub(super) lines: usize,
    /// `:dispatch_status`: how Kong's host says the call went; older ones leave it out and have no
    /// callback for a call that failed.
    pub(super) dispatch_status: Option<&'a [u8]>,
    /// Whether a status line came.
    pub(super) has_status: bool,
    /// Whether the callout's timeout has passed by the clock.
    pub(super) past_timeout: bool,
}
