//! The issuers whose tokens are accepted: those with an entry of their own, and those that follow
//! the fields at the top.

use super::Checker;
use crate::config::written::{Client, Config, Issuer, Located, TokenValidation};
use crate::diagnostic::DiagnosticKind;
use crate::policy::issuers::{IntrospectionPolicy, IssuerPolicy, KeySource, Proof};
use std::collections::BTreeSet;
use std::rc::Rc;

/// An issuer whose tokens are accepted.
pub(super) struct Accepted<'a> {
    /// Pointer to where the operator wrote it.
    pub(super) pointer: String,
    /// The exact value of `iss`.
    pub(super) issuer: &'a str,
}

impl Issuer {
    /// Whether it names an introspection endpoint.
    pub(super) fn introspects(&self) -> bool {
        self.introspection_endpoint.is_some()
    }

    fn has_keys(&self) -> bool {
        self.jwks.is_some() || self.jwks_endpoint.is_some()
    }
}

impl<'a> Checker<'a> {
    /// The entries of `issuers` that are right so far.
    pub(super) fn entries(&mut self) -> Vec<&'a Issuer> {
        let list = self.accepted_issuers();
        let Some(accepted) = &**list else { return Vec::new() };
        let list = list.name();
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for entry in self.config.issuers.iter().flatten() {
            let pointer = &entry.issuer.pointer;
            if !accepted.contains(&*entry.issuer) {
                let sentence =
                    format!("write one of {list} exactly as it stands there, or add this issuer to {list}");
                self.diagnostics.error(DiagnosticKind::Conflicting, pointer, sentence);
            } else if !seen.insert(&*entry.issuer) {
                let sentence = "this issuer has an entry already: take one out";
                self.diagnostics.error(DiagnosticKind::Duplicate, pointer, sentence);
            } else if self.require_encryption(pointer, &entry.issuer).is_some() {
                entries.push(entry);
            }
        }
        entries
    }

    /// The list that says which issuers' tokens are accepted.
    pub(super) fn accepted_issuers(&self) -> &'a Located<Option<Vec<String>>> {
        let Config { issuers_allowed, authorization_servers, .. } = self.config;
        if issuers_allowed.is_some() { issuers_allowed } else { authorization_servers }
    }

    /// The accepted issuers without an entry.
    pub(super) fn followers(&self) -> Vec<Accepted<'a>> {
        let config = self.config;
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for entry in &*config.issuers {
            // Whose entry this was to be is not known.
            let Some(entry) = entry else { return Vec::new() };
            known.insert(&entry.issuer);
        }
        let list = self.accepted_issuers();
        let accepted = list.iter().flatten().enumerate();
        accepted
            .filter(|(_, issuer)| !issuer.is_empty() && known.insert(issuer))
            .map(|(index, issuer)| Accepted { pointer: list.item(index), issuer })
            .collect()
    }

    /// The policy for the issuer of an entry. `shared` is the introspection at the top, where that is
    /// used and has no mistake.
    pub(super) fn issuer_policy(
        &mut self,
        entry: &Issuer,
        shared: Option<&IntrospectionPolicy>,
    ) -> Option<Rc<IssuerPolicy>> {
        self.refuse_what_has_no_use(entry)?;
        let proof = match *self.config.token_validation {
            Some(TokenValidation::Jwt) => Proof::Signature(self.issuer_keys(entry)?),
            Some(TokenValidation::Introspection) => {
                Proof::Introspection(Box::new(self.own_or(entry, shared)?))
            }
            Some(TokenValidation::Both) => self.both_proofs(entry, shared)?,
            Some(TokenValidation::Auto) | None => match (entry.has_keys(), entry.introspects()) {
                (false, true) => Proof::Introspection(Box::new(self.own_or(entry, None)?)),
                (true, true) => self.both_proofs(entry, None)?,
                (_, false) => Proof::Signature(self.issuer_keys(entry)?),
            },
        };
        let audiences = self.audiences(&entry.audiences);
        Some(Rc::new(IssuerPolicy { issuer: String::clone(&entry.issuer), proof, audiences }))
    }

    /// The policies for the issuers that follow the fields at the top.
    pub(super) fn followed_policies(
        &mut self,
        validation: TokenValidation,
        followers: &[Accepted<'_>],
        shared: Option<&IntrospectionPolicy>,
    ) -> Option<Vec<Rc<IssuerPolicy>>> {
        if validation == TokenValidation::Introspection {
            self.warn_of_unused_keys("tokens are introspected; token_validation can say otherwise");
            return Some(Vec::new());
        }
        if followers.is_empty() {
            self.warn_of_unused_keys("every issuer has an entry in issuers");
            return Some(Vec::new());
        }
        for follower in followers {
            self.require_encryption(&follower.pointer, follower.issuer);
        }
        let sources = self.followed_keys(followers)?;
        let audiences = self.audiences(&[]);
        let policies = followers.iter().zip(sources).map(|(follower, keys)| {
            let proof = if validation == TokenValidation::Both {
                Proof::Both(keys, Box::new(shared?.clone()))
            } else {
                Proof::Signature(keys)
            };
            let (issuer, audiences) = (follower.issuer.to_owned(), audiences.clone());
            Some(Rc::new(IssuerPolicy { issuer, proof, audiences }))
        });
        policies.collect()
    }

    fn both_proofs(&mut self, entry: &Issuer, shared: Option<&IntrospectionPolicy>) -> Option<Proof> {
        let keys = self.issuer_keys(entry);
        let introspection = self.own_or(entry, shared);
        Some(Proof::Both(keys?, Box::new(introspection?)))
    }

    fn own_or(
        &mut self,
        entry: &Issuer,
        shared: Option<&IntrospectionPolicy>,
    ) -> Option<IntrospectionPolicy> {
        match &*entry.introspection_endpoint {
            Some(url) => self.issuer_introspection(entry, url),
            None => shared.cloned(),
        }
    }

    fn issuer_keys(&mut self, entry: &Issuer) -> Option<KeySource> {
        let Issuer { issuer, jwks, jwks_endpoint, .. } = entry;
        let pointer = &jwks_endpoint.pointer;
        match (&**jwks, &**jwks_endpoint) {
            (Some(_), Some(_)) => {
                let sentence = "leave this out, or take jwks out: keys come from one place";
                self.diagnostics.error(DiagnosticKind::Conflicting, pointer, sentence);
                None
            }
            (Some(members), None) => self.static_keys(&jwks.pointer, members),
            (None, Some(url)) => self.fetched_keys(pointer, url),
            (None, None) => self.discovered(&issuer.pointer, issuer),
        }
    }

    /// Refuses fields that an operator wrote in vain, as they may count on them.
    fn refuse_what_has_no_use(&mut self, entry: &Issuer) -> Option<()> {
        let Issuer { client, jwks, jwks_endpoint, introspection_endpoint, .. } = entry;
        let Client { client_id, client_secret, client_auth, .. } = client;
        let introspected = *self.config.token_validation == Some(TokenValidation::Introspection);
        let signed = *self.config.token_validation == Some(TokenValidation::Jwt);
        const NO_KEYS: &str = "leave this out, or write another token_validation: with introspection there is no \
                               use for keys";
        const NO_INTROSPECTION: &str =
            "leave this out, or write another token_validation: with jwt no token is introspected";
        const NO_CLIENT: &str = "leave this out, or write introspection_endpoint beside it: the client of an entry is \
                                 for the entry's own introspection endpoint";
        let in_vain = [
            (&jwks.pointer, jwks.is_some() && introspected, NO_KEYS),
            (&jwks_endpoint.pointer, jwks_endpoint.is_some() && introspected, NO_KEYS),
            (&introspection_endpoint.pointer, entry.introspects() && signed, NO_INTROSPECTION),
            (&client_id.pointer, client_id.is_some() && !entry.introspects(), NO_CLIENT),
            (&client_secret.pointer, client_secret.is_some() && !entry.introspects(), NO_CLIENT),
            (&client_auth.pointer, client_auth.is_some() && !entry.introspects(), NO_CLIENT),
        ];
        let mut all_right = Some(());
        for (pointer, _, sentence) in in_vain.into_iter().filter(|(_, is_in_vain, _)| *is_in_vain) {
            self.diagnostics.error(DiagnosticKind::NoEffect, pointer, sentence);
            all_right = None;
        }
        all_right
    }
}
