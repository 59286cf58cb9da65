//! The credentials that a request presents.

use crate::oauth::bearer::BearerToken;
use crate::secret::Secret;

/// The credentials of a request, as they came. Nothing is proven yet.
#[derive(Debug)]
pub struct Credentials {
    /// The subject token.
    pub(super) token: BearerToken,
    /// The actor token of the request.
    pub(super) actor: Option<BearerToken>,
}

impl Credentials {
    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.token).chain(&self.actor).map(BearerToken::secret)
    }
}
