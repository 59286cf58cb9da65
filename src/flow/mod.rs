//! ORDER: what happens next.

pub mod step;

use crate::config::policy::Policy;

use step::HostTraits;

/// One plugin configuration at work: its policy and what it remembers.
#[derive(Debug)]
pub struct ResourceServer {
    policy: Policy,
    host: HostTraits,
}

/// A request between two steps. Opaque, and given back by move: a request ends exactly once.
#[derive(Debug)]
pub struct Pending(());
