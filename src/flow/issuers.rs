//! The issuers of one configuration, each with its keys.

use super::discovery::Discovery;
use super::keys::Keys;
use crate::policy::issuers::IssuerPolicy;
use crate::rejection::Rejection;
use std::rc::Rc;

/// An issuer that is recognised by `iss`, and what is known of its keys and of where they are.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) policy: Rc<IssuerPolicy>,
    pub(super) keys: Keys,
    pub(super) discovery: Discovery,
}

/// All issuers that are recognised by `iss`.
#[derive(Debug)]
pub(super) struct Issuers(Vec<Issuer>);

/// Names an issuer of the [`Issuers`] that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IssuerId(usize);

impl Issuers {
    /// No keys are known yet.
    pub(super) fn new(policies: &[Rc<IssuerPolicy>]) -> Issuers {
        let issuer = |policy: &Rc<IssuerPolicy>| Issuer {
            policy: Rc::clone(policy),
            keys: Keys::default(),
            discovery: Discovery::default(),
        };
        Issuers(policies.iter().map(issuer).collect())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The only issuer, where there is one.
    pub(super) fn only(&self) -> Option<IssuerId> {
        matches!(self.0.as_slice(), [_]).then_some(IssuerId(0))
    }

    /// The issuer whose tokens have this `iss`, compared byte for byte.
    pub(super) fn named(&self, iss: &str) -> Option<IssuerId> {
        self.0.iter().position(|issuer| issuer.policy.issuer == iss).map(IssuerId)
    }

    /// The issuer of this name.
    ///
    /// # Errors
    /// The name is that of another configuration: a fault of the filter.
    pub(super) fn get(&self, id: IssuerId) -> Result<&Issuer, Rejection> {
        self.0.get(id.0).ok_or(Rejection::Internal)
    }

    /// As [`Issuers::get`].
    ///
    /// # Errors
    /// As [`Issuers::get`].
    pub(super) fn get_mut(&mut self, id: IssuerId) -> Result<&mut Issuer, Rejection> {
        self.0.get_mut(id.0).ok_or(Rejection::Internal)
    }
}

impl IssuerId {
    /// The name as bytes, for a digest.
    pub(super) fn to_bytes(self) -> [u8; size_of::<usize>()] {
        self.0.to_be_bytes()
    }
}
