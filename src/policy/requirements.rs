//! What a proven token must say to be accepted.

use crate::scope::Scope;
use crate::token::kind::ExpectedKind;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a proven token must say to be accepted.
#[derive(Clone, Debug)]
pub struct Requirements {
    /// Exact values of `iss` that are accepted.
    pub issuers_allowed: Vec<String>,
    /// Those of them that have a proof of their own in the configuration. No other introspection endpoint vouches
    /// for their tokens.
    pub issuers_with_entry: Vec<String>,
    /// `aud` must name one of these; `None` where the operator switched the check off.
    pub audiences: Option<Vec<String>>,
    /// The claim that names the audience, `aud` unless the operator chose another.
    pub audience_claim: String,
    /// The kind of token that clients send.
    pub kind: ExpectedKind,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// Alternatives: all words of at least one must be granted. Empty: no scope is asked for.
    pub scopes_required: Vec<Scope>,
    /// The scopes implied by each scope.
    pub scope_implies: BTreeMap<String, Scope>,
}
