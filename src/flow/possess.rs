//! Whether the client possesses the key that its token is bound to.

use super::proven::ProvenClaims;
use crate::token::confirmation::Confirmation;

/// Shows that the client may use the token that it sent. Only this file makes one.
#[derive(Debug)]
pub(super) struct Possession(());

impl Possession {
    /// A bearer token asks for nothing. The filter checks no proof of a key, so that a token which is bound
    /// to one has no possession shown.
    pub(super) fn shown(claims: &ProvenClaims) -> Option<Possession> {
        match Confirmation::of(claims.claims()) {
            Confirmation::None => Some(Possession(())),
            Confirmation::Key => None,
        }
    }
}
