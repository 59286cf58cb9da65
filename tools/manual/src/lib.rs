//! MANUAL: what operators read, and what their tools hold a configuration against. All of it is
//! written from the table of fields, so that none of it can say something else than the filter does.
//! Not part of the filter.

pub mod reference;
pub mod schema;
