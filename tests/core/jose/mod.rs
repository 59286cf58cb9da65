//! The JOSE room from outside: published vectors, the RFCs' own examples, field cases by their
//! number, and what must hold for any token.

#![allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test that panics fails")]

#[cfg(test)]
mod cases;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod rfc_examples;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod wycheproof;

/// Says how many vectors ran, past the harness that holds back what a passing test prints.
#[cfg(test)]
fn announce(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{line}").unwrap();
}
