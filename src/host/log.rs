//! The gateway's log.

use super::note::HostNote;
use super::raw;
use crate::report::Report;

/// Logs what the shell itself has to say.
pub(super) fn note(note: &HostNote) {
    raw::log(note.level(), &note.to_string());
}

/// Logs what the core has reported.
pub(super) fn report(report: &Report) {
    for (level, line) in report.lines() {
        raw::log(level, &line);
    }
}
