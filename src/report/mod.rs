//! REPORT: what a step found worth recording, as data. The shell prints it; the core never does.

mod left_out;
pub mod level;
pub mod note;
mod redaction;
pub mod text;

pub use left_out::LeftOutKeys;
pub use level::Level;
pub use note::Note;

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
