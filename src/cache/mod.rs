//! MEMORY: what is remembered across requests, and under which key.

pub mod digest;
pub mod memory;
