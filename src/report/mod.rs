//! REPORT: what a step found worth recording, as data. The shell prints it; the core never does.

pub mod note;
pub mod text;

pub use note::Note;

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

/// The notes of one step, in order.
#[derive(Debug, Default)]
pub struct Report {
    notes: Vec<Note>,
}

impl Report {
    /// An empty report.
    pub fn new() -> Report {
        Report::default()
    }

    /// Adds a note.
    pub fn add(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// The notes, in the order they were added.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter()
    }

    /// The notes as log lines.
    pub fn lines(&self) -> impl Iterator<Item = (Level, String)> {
        self.notes.iter().map(|note| (note.level(), note.to_string()))
    }
}
