//! MEMORY: what is cached across requests, and under which key.
//!
//! [`token_cache`] is the entry point: the worker's own [`memory`], then the [`shared`] data of the
//! gateway, of which an [`entry`] is accepted only if it is exactly what was written. Refusals have a
//! [`memory`] of their own, in the worker alone. [`budgets`] divide the worker's memory. A key is a
//! [`crate::digest::Digest`]; no client chooses one, and none holds a token.

pub mod budgets;
pub mod entry;
pub mod memory;
pub mod shared;
pub mod token_cache;
