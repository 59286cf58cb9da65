//! MEMORY: what is remembered across requests, and under which key.
//!
//! [`tiers`] is the door: the worker's own [`memory`], then the [`shared`] data of the gateway, of
//! which an [`entry`] is believed only if it is exactly what was written. A key is a [`crate::digest`]; no
//! client chooses one, and none holds a token.

pub mod entry;
pub mod memory;
pub mod shared;
pub mod tiers;
