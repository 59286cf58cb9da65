//! One plugin configuration at work, and what each part of the walk says to the next.

use super::issuers::Issuers;
use super::leg_keys::LegKeys;
use super::proven::ProvenClaims;
use super::question::Question;
use super::refusals::Refusals;
use super::resource_metadata::MetadataPages;
use super::upstream_token::UpstreamToken;
use super::verification_budget::VerificationBudget;
use crate::cache::budgets::Budgets;
use crate::cache::entry::EntryCipher;
use crate::cache::shared::SharedTier;
use crate::cache::token_cache::TokenCache;
use crate::diagnostic::Diagnostic;
use crate::policy::host::HostTraits;
use crate::policy::{Policy, SharedData};
use crate::rejection::{ChallengeContext, Rejection};

/// What a part of the walk comes to.
pub(super) type Decision<T> = Result<T, Unsettled>;

/// Why the walk cannot go on.
#[derive(Debug)]
pub(super) enum Unsettled {
    /// It needs an answer first.
    Ask(Question),
    /// The request does not pass.
    Reject(Rejection),
}

impl From<Rejection> for Unsettled {
    fn from(rejection: Rejection) -> Unsettled {
        Unsettled::Reject(rejection)
    }
}

/// One plugin configuration at work: its policy and what it caches.
#[derive(Debug)]
pub struct ResourceServer {
    pub(super) policy: Policy,
    pub(super) host: HostTraits,
    pub(super) challenges: ChallengeContext,
    pub(super) metadata: MetadataPages,
    pub(super) issuers: Issuers,
    pub(super) leg_keys: LegKeys,
    pub(super) cache: TokenCache<ProvenClaims, UpstreamToken>,
    pub(super) refusals: Refusals,
    pub(super) verification_budget: VerificationBudget,
}

impl ResourceServer {
    /// Sets up a configuration on a host whose abilities are known.
    ///
    /// # Errors
    /// What the policy asks for and this host cannot do.
    pub fn new(policy: Policy, host: HostTraits) -> Result<ResourceServer, Vec<Diagnostic>> {
        let unsupported = host.unsupported(&policy);
        if !unsupported.is_empty() {
            return Err(unsupported);
        }
        let metadata = MetadataPages::new(&policy, host);
        let budgets = Budgets::of(policy.cache.max_bytes);
        Ok(ResourceServer {
            challenges: ChallengeContext {
                realm: policy.realm.clone(),
                scope: policy.requirements.scopes_required.first().map(ToString::to_string),
                resource_metadata: metadata.url().to_owned(),
            },
            issuers: Issuers::new(&policy.validation.issuers),
            leg_keys: LegKeys::new(&policy),
            cache: TokenCache::new(budgets, shared_tier(&policy)),
            refusals: Refusals::new(budgets),
            verification_budget: VerificationBudget::new(policy.validation.refused_verification_budget),
            metadata,
            policy,
            host,
        })
    }

    /// What the configuration says of the gateway's shared data; `Off` where nothing would be put
    /// there.
    pub fn shared_data(&self) -> SharedData {
        if self.cache.is_shared() { self.policy.cache.shared } else { SharedData::Off }
    }

    /// How many entries the gateway's shared data is to hold.
    pub fn shared_slots(&self) -> u32 {
        self.policy.cache.shared_slots
    }
}

/// The shared tier, where the policy wants one and has a secret to encrypt its entries with.
fn shared_tier(policy: &Policy) -> Option<SharedTier> {
    let secrets = policy.secrets_digest().filter(|_| policy.cache.shared != SharedData::Off)?;
    let cipher = EntryCipher::new(&secrets, &policy.digest)?;
    Some(SharedTier::new(cipher, policy.cache.shared_slots))
}
