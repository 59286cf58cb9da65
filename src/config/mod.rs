//! OPERATOR: what the operator wrote, read and checked once, at load.

pub mod policy;
