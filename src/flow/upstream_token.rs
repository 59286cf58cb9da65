//! The credential that the upstream gets. Only this file makes an [`UpstreamToken`]: of a grant that was
//! accepted, of a cache entry that was made of one, or because the policy passes the caller's token on.

use super::outcome::TimelyBody;
use crate::cache::entry::AuthenticEntry;
use crate::oauth::token_exchange::{IssuedToken, TokenExchangeError};
use crate::oauth::token_type::TokenTypeIdentifier;
use crate::policy::Policy;
use crate::policy::plan::UpstreamCredential;
use crate::secret::Secret;
use std::rc::Rc;

/// A credential for the upstream.
#[derive(Clone, Debug)]
pub(super) struct UpstreamToken(Origin);

#[derive(Clone, Debug)]
enum Origin {
    /// A token endpoint issued it.
    Issued(Rc<Secret>),
    /// It is the caller's own, which stays where it is.
    Caller,
}

impl UpstreamToken {
    /// The token of a response that grants one, with what the response says of it. `presented` are the tokens
    /// that the request or the configuration has: none of them becomes an issued one.
    ///
    /// # Errors
    /// Why the response brings no token to use.
    pub(super) fn granted<'a>(
        body: TimelyBody<'_>,
        requested: Option<&TokenTypeIdentifier>,
        mut presented: impl Iterator<Item = &'a Secret>,
    ) -> Result<(UpstreamToken, IssuedToken), TokenExchangeError> {
        let issued = IssuedToken::parse(body.bytes(), requested)?;
        if presented.any(|token| *token == issued.token) {
            return Err(TokenExchangeError::Echo);
        }
        Ok((UpstreamToken(Origin::Issued(Rc::new(issued.token.clone()))), issued))
    }

    /// A token that was granted to another worker, or before this one was started.
    pub(super) fn from_entry(entry: &AuthenticEntry) -> Option<UpstreamToken> {
        let text = String::from_utf8(entry.payload().to_vec()).ok()?;
        Some(UpstreamToken(Origin::Issued(Rc::new(Secret::new(text)))))
    }

    /// The caller's own token, where the policy passes it on.
    pub(super) fn passed_on(policy: &Policy) -> Option<UpstreamToken> {
        match policy.upstream_credential {
            UpstreamCredential::Original => Some(UpstreamToken(Origin::Caller)),
            UpstreamCredential::Issued(_) | UpstreamCredential::Removed => None,
        }
    }

    /// The token, where one was issued; `None` where it is the caller's.
    pub(super) fn issued(&self) -> Option<&Secret> {
        match &self.0 {
            Origin::Issued(token) => Some(token),
            Origin::Caller => None,
        }
    }
}
