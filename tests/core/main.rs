//! What the core must do, seen from outside: one binary, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::as_conversions,
    reason = "a test that fails panics"
)]

mod caller_tokens;
mod callouts;
mod cases;
mod corpus;
mod documents;
mod jose;
mod jwt_tables;
mod key_sets;
mod kong_examples;
mod layers;
mod memory;
mod properties;
mod refused_tokens;
mod signed_tokens;
mod stories;
mod surface;
