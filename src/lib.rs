//! `token-exchange`: a proxy-wasm filter that turns an API gateway into an OAuth 2.0 resource
//! server with token exchange.
//!
//! # The tour
//!
//! The filter is a function from facts to one answer. [`flow::ResourceServer`] is given a request
//! and the time, and says one of four things ([`flow::step::Step`]): make this call and come back
//! with its outcome; bring me the body; forward with these header edits; answer with this. The state
//! in between is a [`flow::Pending`], given out and taken back by move. Nothing in that core calls a
//! gateway, reads a clock or sleeps, so each of its tests is a list of values.
//!
//! # Layers
//!
//! | module | holds |
//! | --- | --- |
//! | `host` | GATEWAY: everything that names a hostcall; compiled for Wasm only |
//! | [`flow`] | ORDER: what happens next, or that it ends |
//! | [`config`] | OPERATOR: what the operator wrote |
//! | [`policy`] | POLICY: what the operator meant, checked |
//! | [`cache`] | MEMORY: what is kept across requests |
//! | [`rejection`] | every way to refuse: who is to blame, which status, which words |
//! | [`report`] | REPORT: what is worth recording, as data |
//! | [`oauth`] | WORDS: what could be written with only an OAuth RFC open |
//! | [`token`] | TOKEN: what claims are and must say |
//! | [`jose`] | JOSE: what could be written with only a JOSE RFC open |
//! | [`diagnostic`], [`digest`], [`entropy`], [`http`], [`json`], [`network`], [`scope`], [`secret`], [`text`], [`time`], [`trace_context`] | plain data that every module shares |
//!
//! Imports run from the top of that table to its bottom, never back; a test holds them to it.
//!
//! # The rules
//!
//! 1. There is no third ending. A part of the walk returns a decision, and a
//!    [`rejection::Rejection`] becomes a reply in one place.
//! 2. What is safe to do is held by types. [`flow::step::HeaderEdits`] can be made only from a
//!    validated token and, where the policy has one issued, the upstream's own.
//! 3. Bytes from outside go through a function that returns a type; the bytes are not looked at again.
//! 4. A credential is a [`secret::Secret`], which cannot be printed.
//! 5. Time is an argument. What is worth recording goes into the [`report::Report`].
//! 6. No input makes it panic: unwrapping, indexing and unchecked arithmetic do not compile.

pub mod cache;
pub mod config;
pub mod diagnostic;
pub mod digest;
pub mod entropy;
pub mod flow;
#[cfg(any(target_arch = "wasm32", test))]
#[allow(clippy::disallowed_methods, reason = "the shell is where the gateway is called")]
mod host;
pub mod http;
pub mod jose;
pub mod json;
pub mod network;
pub mod oauth;
pub mod policy;
pub mod rejection;
pub mod report;
pub mod scope;
pub mod secret;
pub mod text;
pub mod time;
pub mod token;
pub mod trace_context;
