//! LINT: looks at a configuration where an operator keeps it, before a gateway loads it. Not part of
//! the filter.
//!
//! It reads a filter's configuration, a file for Kong or decK, or one for Envoy, Istio or Envoy Gateway,
//! and says how it stands with each field: with the filter's own reading of it, so the two cannot differ.
//! It also says what around the filter lets requests bypass it, or answers them first.

mod convert;
mod document;
mod entry;
mod envoy;
mod envoy_gateway;
mod fail_open;
mod fields;
mod istio;
mod kong;
mod placeholder;
mod protobuf;
mod unknown;
mod walk;

pub use convert::{Converted, convert};

use entry::{Entry, EntryKind};
use std::fmt;

/// How it stands with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The filter acts on it.
    Supported,
    /// The gateway does it; the text says by which setting.
    Host,
    /// The filter cannot do what is asked; the text says why.
    Refused,
    /// It is written wrongly, or is missing.
    Mistake,
    /// It is supported, but its value is not known here.
    Unknown,
    /// Valid, but worth reviewing.
    Warning,
}

impl Verdict {
    /// Whether a gateway with this would answer every request with 500, or not start.
    pub fn is_fatal(self) -> bool {
        matches!(self, Verdict::Refused | Verdict::Mistake)
    }

    fn as_str(self) -> &'static str {
        match self {
            Verdict::Supported => "supported",
            Verdict::Host => "host",
            Verdict::Refused => "refused",
            Verdict::Mistake => "mistake",
            Verdict::Unknown => "unknown",
            Verdict::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How it stands.
    pub verdict: Verdict,
    /// JSON pointer (RFC 6901) to the field; empty for the whole.
    pub pointer: String,
    /// What to know or do, without a word of a secret; empty where there is nothing to say.
    pub text: String,
}

impl Line {
    fn new(verdict: Verdict, pointer: impl Into<String>, text: impl Into<String>) -> Line {
        Line { verdict, pointer: pointer.into(), text: text.into() }
    }
}

/// In one line: a name in a file cannot forge another.
impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { verdict, pointer, text } = self;
        let separator = if pointer.is_empty() || text.is_empty() { "" } else { ": " };
        let line = format!("{:<9}  {pointer}{separator}{text}", verdict.as_str());
        line.chars().try_for_each(|character| match character {
            character if character.is_control() => write!(formatter, "{}", character.escape_default()),
            character => write!(formatter, "{character}"),
        })
    }
}

/// What was found at one place of a file.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Where in the file; empty for the file itself.
    pub place: String,
    /// Every field that is written, and what is missing.
    pub lines: Vec<Line>,
}

impl Checked {
    /// Whether anything keeps the filter from its work.
    pub fn is_fatal(&self) -> bool {
        self.lines.iter().any(|line| line.verdict.is_fatal())
    }
}

/// Looks at a file. `environment` gives the value of an environment variable, for references to one.
///
/// # Errors
/// Why there is nothing to look at, in one sentence.
pub fn check(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Checked>, String> {
    let documents = document::parse(text)?;
    let contents = document::contents(&documents)?;
    let mut findings: Vec<_> =
        contents.entries.into_iter().map(|entry| check_entry(entry, environment)).collect();
    findings.extend(contents.around);
    Ok(findings)
}

fn check_entry(entry: Entry<'_>, environment: &dyn Fn(&str) -> Option<String>) -> Checked {
    let mut lines = entry.remarks;
    match &entry.config {
        _ if entry.kind == EntryKind::Patch => {}
        Err(sentence) => lines.push(Line::new(Verdict::Mistake, "", sentence)),
        Ok(config) => match &entry.wasm {
            Some(wasm) => lines.extend(envoy::judge(wasm, config, environment)),
            None => {
                let judgement = fields::judge(config, &unknown::or_stand_in(environment));
                lines.extend(judgement.lines);
                let on_kong = entry.kind != EntryKind::Bare;
                lines.extend(
                    judgement.policy.as_ref().filter(|_| on_kong).into_iter().flat_map(kong::impossible),
                );
            }
        },
    }
    Checked { place: entry.place, lines }
}
