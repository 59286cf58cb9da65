//! Claims that are proven. Only this file makes them: of a verified signature, of an active
//! introspection response that came in time, or of a cache entry that was made of one.

use super::issuers::IssuerId;
use super::outcome::TimelyBody;
use crate::cache::entry::AuthenticEntry;
use crate::time::UnixTime;
use crate::token::claims::ClaimsSet;
use crate::token::introspection_response::{IntrospectionError, IntrospectionResponse};
use crate::token::jwt::VerifiedJwt;
use std::rc::Rc;

/// What a token says, proven. Whether that is what the policy wants has yet to be checked.
#[derive(Clone, Debug)]
pub(super) struct ProvenClaims {
    claims: Rc<ClaimsSet>,
    proof: Proof,
}

/// What proves a claims set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// A signature by a key of this issuer, of the set with this generation, which need not be verified again
    /// until then.
    Signature(IssuerId, u64, UnixTime),
    /// An introspection response.
    Introspection(Voucher),
}

/// Who vouches for the claims of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voucher {
    /// An issuer that is recognised by `iss`.
    Issuer(IssuerId),
    /// The introspection endpoint for every other token.
    Others,
}

/// What an introspection response says.
pub(super) enum Introspected {
    /// The token is active.
    Active(ProvenClaims),
    /// It is not.
    Inactive,
}

impl ProvenClaims {
    /// The claims of a JWT whose signature was verified with a key of `issuer`'s.
    /// It need not be verified again before `valid_until`, unless another set of keys is fetched.
    pub(super) fn signed(
        jwt: VerifiedJwt,
        issuer: IssuerId,
        generation: u64,
        valid_until: UnixTime,
    ) -> ProvenClaims {
        let proof = Proof::Signature(issuer, generation, valid_until);
        ProvenClaims { claims: Rc::new(jwt.into_claims()), proof }
    }

    /// What `voucher` says of a token.
    ///
    /// # Errors
    /// The response is not one that RFC 7662 allows.
    pub(super) fn introspected(
        body: TimelyBody<'_>,
        voucher: Voucher,
    ) -> Result<Introspected, IntrospectionError> {
        Ok(match IntrospectionResponse::parse(body.bytes())? {
            IntrospectionResponse::Active(claims) => Introspected::Active(ProvenClaims {
                claims: Rc::new(claims),
                proof: Proof::Introspection(voucher),
            }),
            IntrospectionResponse::Inactive => Introspected::Inactive,
        })
    }

    /// What `voucher` has said to another worker, or before this one was started.
    pub(super) fn from_entry(entry: &AuthenticEntry, voucher: Voucher) -> Option<ProvenClaims> {
        match IntrospectionResponse::parse(entry.payload()).ok()? {
            IntrospectionResponse::Active(claims) => {
                Some(ProvenClaims { claims: Rc::new(claims), proof: Proof::Introspection(voucher) })
            }
            IntrospectionResponse::Inactive => None,
        }
    }

    /// These claims, which a signature proves, with what an introspection response adds to them.
    pub(super) fn narrowed_by(&self, introspected: &ProvenClaims) -> ProvenClaims {
        ProvenClaims { claims: Rc::new(self.claims.narrowed_by(&introspected.claims)), proof: self.proof }
    }

    /// What the token says.
    pub(super) fn claims(&self) -> &ClaimsSet {
        &self.claims
    }

    /// The same, to keep.
    pub(super) fn into_claims(self) -> Rc<ClaimsSet> {
        self.claims
    }

    /// Who vouches for it.
    pub(super) fn voucher(&self) -> Voucher {
        match self.proof {
            Proof::Signature(issuer, ..) => Voucher::Issuer(issuer),
            Proof::Introspection(voucher) => voucher,
        }
    }

    /// Whether the signature has to be verified again.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        matches!(self.proof, Proof::Signature(_, _, valid_until) if valid_until <= now)
    }

    /// The issuer whose key verified the signature and the generation of its key set, where that is the
    /// proof.
    pub(super) fn signature(&self) -> Option<(IssuerId, u64)> {
        match self.proof {
            Proof::Signature(issuer, generation, _) => Some((issuer, generation)),
            Proof::Introspection(_) => None,
        }
    }
}
