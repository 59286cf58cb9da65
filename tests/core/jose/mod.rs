//! The jose module from outside: published vectors, the RFCs' own examples, field cases by their
//! number, and what must hold for any token.

mod cases;
mod cost;
mod mutation;
mod rfc_examples;
mod wycheproof;

/// Says how many vectors ran, past the harness that holds back what a passing test prints.
#[allow(clippy::explicit_write, reason = "println is what the harness holds back")]
fn announce(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{line}").unwrap();
}
