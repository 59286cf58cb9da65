//! What is remembered, in both tiers: the worker's own memory first, then what the workers share.

use super::memory::Memory;
use super::shared::{SharedStore, SharedTier};
use crate::digest::Digest;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::claims::ClaimsSet;
use crate::token::introspection_response::IntrospectionResponse;
use std::rc::Rc;

/// Both tiers of one configuration.
#[derive(Debug)]
pub struct Tiers {
    memory: Memory<Remembered>,
    shared: Option<SharedTier>,
}

/// What is kept under a digest. The digests of the two kinds have different purposes, so that one
/// never stands in for the other.
#[derive(Debug)]
enum Remembered {
    /// The claims of a token that was introspected and active.
    Claims(Rc<ClaimsSet>),
    /// A token whose signature was good. Not shared: verifying anew is as quick as asking another
    /// worker.
    Verified(Verified),
    /// A token that was issued for the upstream.
    Issued(Secret),
}

/// A token whose signature was good.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The index of its issuer.
    pub issuer: usize,
    /// The number of the key set that its signature was checked with.
    pub key_set: u64,
    /// What it says.
    pub claims: Rc<ClaimsSet>,
}

/// How much larger parsed claims are than their text, roughly.
const PARSED_CLAIMS_FACTOR: usize = 4;

impl Tiers {
    /// Empty tiers, the worker's own of at most `max_bytes`.
    pub fn new(max_bytes: usize, shared: Option<SharedTier>) -> Tiers {
        Tiers { memory: Memory::new(max_bytes), shared }
    }

    /// Whether there is a shared tier.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The claims of a token that was found active.
    pub fn claims(
        &mut self,
        key: &Digest,
        now: UnixTime,
        store: &mut dyn SharedStore,
    ) -> Option<Rc<ClaimsSet>> {
        if let Some(Remembered::Claims(claims)) = self.memory.get(key, now) {
            return Some(Rc::clone(claims));
        }
        let entry = self.shared.as_ref()?.get(key, now, store)?;
        let IntrospectionResponse::Active(claims) = IntrospectionResponse::parse(&entry.payload).ok()? else {
            return None;
        };
        let claims = Rc::new(claims);
        self.keep_claims(*key, &claims, entry.payload.len(), entry.expires, now);
        Some(claims)
    }

    /// Remembers the claims of an active token; `body` is the answer they were read from.
    pub fn remember_claims(
        &mut self,
        key: Digest,
        claims: &Rc<ClaimsSet>,
        body: &[u8],
        expires: UnixTime,
        now: UnixTime,
        store: &mut dyn SharedStore,
    ) {
        self.share(&key, body, expires, now, store);
        self.keep_claims(key, claims, body.len(), expires, now);
    }

    /// A token whose signature was good.
    pub fn verified(&self, key: &Digest, now: UnixTime) -> Option<Verified> {
        match self.memory.get(key, now)? {
            Remembered::Verified(verified) => Some(verified.clone()),
            _ => None,
        }
    }

    /// Remembers a token of `bytes` bytes whose signature was good.
    pub fn remember_verified(
        &mut self,
        key: Digest,
        verified: Verified,
        bytes: usize,
        expires: UnixTime,
        now: UnixTime,
    ) {
        let value = Remembered::Verified(verified);
        self.memory.insert(key, value, bytes.saturating_mul(PARSED_CLAIMS_FACTOR), expires, now);
    }

    /// A token that was issued.
    pub fn issued(&mut self, key: &Digest, now: UnixTime, store: &mut dyn SharedStore) -> Option<Secret> {
        if let Some(Remembered::Issued(token)) = self.memory.get(key, now) {
            return Some(token.clone());
        }
        let entry = self.shared.as_ref()?.get(key, now, store)?;
        let token = Secret::new(String::from_utf8(entry.payload).ok()?);
        self.keep_issued(*key, &token, entry.expires, now);
        Some(token)
    }

    /// Remembers a token that was issued.
    pub fn remember_issued(
        &mut self,
        key: Digest,
        token: &Secret,
        expires: UnixTime,
        now: UnixTime,
        store: &mut dyn SharedStore,
    ) {
        self.share(&key, token.expose().as_bytes(), expires, now, store);
        self.keep_issued(key, token, expires, now);
    }

    fn share(
        &self,
        key: &Digest,
        payload: &[u8],
        expires: UnixTime,
        now: UnixTime,
        store: &mut dyn SharedStore,
    ) {
        if let Some(shared) = self.shared.as_ref().filter(|_| now < expires) {
            // Lost or refused, the worker's own memory has it all the same.
            let _ = shared.put(key, payload, expires, now, store);
        }
    }

    fn keep_claims(
        &mut self,
        key: Digest,
        claims: &Rc<ClaimsSet>,
        text: usize,
        expires: UnixTime,
        now: UnixTime,
    ) {
        let value = Remembered::Claims(Rc::clone(claims));
        self.memory.insert(key, value, text.saturating_mul(PARSED_CLAIMS_FACTOR), expires, now);
    }

    fn keep_issued(&mut self, key: Digest, token: &Secret, expires: UnixTime, now: UnixTime) {
        self.memory.insert(key, Remembered::Issued(token.clone()), token.expose().len(), expires, now);
    }
}
