//! What a request asks, as data.

use super::discovery::Turn;
use super::issuers::IssuerId;
use super::keys::FetchNumber;
use super::proven::Voucher;
use crate::http::ByteLimit;
use crate::oauth::endpoint::EndpointKind;
use crate::policy::plan::LegId;
use crate::rejection::Rejection;

/// What a request asks.
#[derive(Debug)]
pub(super) enum Question {
    /// Where are the keys of this issuer, by the URL that this try is about?
    Metadata(IssuerId, Turn),
    /// Which keys has this issuer?
    Keys(IssuerId),
    /// Is the token active?
    Introspection(Introspector),
    /// Which token is issued by this leg of the plan?
    Grant(LegId),
    /// What is the request's body, if it is no longer than this?
    Body(ByteLimit),
}

impl Question {
    /// The endpoint that is asked.
    ///
    /// # Errors
    /// The gateway is asked for the body, and no endpoint.
    pub(super) fn endpoint(&self) -> Result<EndpointKind, Rejection> {
        match self {
            Question::Metadata(..) => Ok(EndpointKind::Metadata),
            Question::Keys(_) => Ok(EndpointKind::Jwks),
            Question::Introspection(_) => Ok(EndpointKind::Introspection),
            Question::Grant(_) => Ok(EndpointKind::Token),
            Question::Body(_) => Err(Rejection::Internal),
        }
    }

    /// Whether it need not be asked by this request where another has found the answer meanwhile, by a callout
    /// of its own: where the keys are does not change between the two.
    pub(super) fn is_settled_by_any(&self) -> bool {
        matches!(self, Question::Metadata(..))
    }

    /// The issuer whose keys are fetched by it.
    pub(super) fn issuer(&self) -> Option<IssuerId> {
        match self {
            Question::Metadata(issuer, _) | Question::Keys(issuer) => Some(*issuer),
            Question::Introspection(_) | Question::Grant(_) | Question::Body(_) => None,
        }
    }
}

/// Where a token is introspected, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Introspector {
    /// Where every token is that no issuer is recognised by.
    Others,
    /// Where the tokens of this issuer are.
    Issuer(IssuerId),
    /// The same, after the signature.
    BesideSignature(IssuerId),
}

impl Introspector {
    /// Who vouches for what the response says.
    pub(super) fn voucher(self) -> Voucher {
        match self {
            Introspector::Others => Voucher::Others,
            Introspector::Issuer(issuer) | Introspector::BesideSignature(issuer) => Voucher::Issuer(issuer),
        }
    }
}

/// How far a request's own fetch of keys is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyFetch {
    /// The next of its callouts is due.
    GoesOn {
        /// How many there were for the metadata: each of its URLs is asked once at most.
        metadata_callouts: usize,
        /// The first of them.
        since: FetchNumber,
    },
    /// It brought a set.
    Done,
    /// It brought none, for this reason.
    Failed(Rejection),
}
