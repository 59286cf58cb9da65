//! One change to a header, as plain data. What makes a list of them a decision is in [`super::rewrite`].

/// One change to a header.
#[derive(Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Leave exactly one line of this name, with this value.
    Set {
        /// The field's name in lower case.
        name: Vec<u8>,
        /// The field's value.
        value: Vec<u8>,
    },
    /// Leave none. The header has at least one line of this name; a gateway that cannot remove it
    /// empties it.
    Remove {
        /// The field's name in lower case.
        name: Vec<u8>,
    },
}

/// Values may be credentials, so only the names are shown.
impl std::fmt::Debug for HeaderEdit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, name) = match self {
            HeaderEdit::Set { name, .. } => ("Set", name),
            HeaderEdit::Remove { name } => ("Remove", name),
        };
        write!(formatter, "{word}({})", String::from_utf8_lossy(name))
    }
}
