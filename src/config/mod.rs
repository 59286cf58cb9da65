//! OPERATOR: what the operator wrote, read and checked once, at load.

pub mod error;
pub mod policy;

pub use error::ConfigError;
