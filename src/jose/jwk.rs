//! JSON Web Keys and sets of them (RFC 7517), of which the filter keeps those that verify
//! signatures.
//!
//! A set is read tolerantly, key by key (section 5): an issuer that adds a key of a kind unknown
//! here must not lose the others. What is left out is counted and named, so that an operator can see it. A set
//! is as large as the response that brings it may be (1 MiB), whatever the number of its keys.

use super::alg::Algorithm;
use super::cost;
use super::key::{KeyError, VerificationKey};
use crate::json::{self, JsonError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;

/// How many keys of a set are named among those left out.
const MAX_NAMED: usize = 8;

/// How many keys are tried for one token, where it does not name one.
const MAX_KEYS_TRIED: usize = 16;

/// The parameters that make a key private (RFC 7518 sections 6.2.2 and 6.3.2).
const PRIVATE_PARAMETERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A key and what its issuer says of it.
#[derive(Clone, Debug)]
pub struct Jwk {
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
    key: VerificationKey,
}

/// The usable keys of one issuer.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    /// Those first that cost least to try.
    keys: Vec<Jwk>,
    /// In the order of the reasons.
    left_out: Vec<LeftOut>,
}

/// The members of `keys` that are not used for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Why.
    pub reason: Unusable,
    /// How many they are.
    pub count: usize,
    /// The `kid` of the first few that have one, as the issuer wrote it.
    pub key_ids: Vec<String>,
}

/// Why a member of `keys` is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unusable {
    /// Not an object, or a parameter is missing, malformed, or at odds with another.
    Malformed,
    /// A `kty`, `crv` or `alg` that is not supported.
    Unsupported,
    /// Meant for something else: `use` is not `sig`, or `key_ops` lacks `verify`.
    NotForVerification,
    /// A secret (`oct`). Whatever is published is known to everyone.
    Symmetric,
    /// A private key, which anyone who read the set can sign with.
    Private,
    /// An RSA modulus of fewer than 2048 or more than 8192 bits.
    ModulusSize,
    /// An RSA exponent that is 1, even, or larger than any in use.
    Exponent,
    /// A point that is not on its curve, or an even modulus.
    Invalid,
}

impl Unusable {
    /// A few words for a log line.
    pub fn as_str(self) -> &'static str {
        match self {
            Unusable::Malformed => "malformed",
            Unusable::Unsupported => "unsupported kty, crv or alg",
            Unusable::NotForVerification => "not for verification",
            Unusable::Symmetric => "published secret",
            Unusable::Private => "published private key",
            Unusable::ModulusSize => "modulus outside 2048 to 8192 bits",
            Unusable::Exponent => "bad exponent",
            Unusable::Invalid => "not a valid public key",
        }
    }
}

/// Why bytes are not a JWK Set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwkSetError {
    /// Not one JSON object without duplicate members.
    Json(JsonError),
    /// There is no array `keys`.
    NoKeys,
}

impl fmt::Display for JwkSetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            JwkSetError::Json(_) => "cannot be read as a JSON object",
            JwkSetError::NoKeys => "has no array keys",
        })
    }
}

impl std::error::Error for JwkSetError {}

/// Why no key of a set may verify a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// The token names a key that the set does not have: perhaps a new one.
    UnknownKeyId,
    /// The key that the token names is not for its algorithm.
    WrongAlgorithm,
    /// The token names no key, and none of the set is for its algorithm.
    NoneFits,
}

impl JwkSet {
    /// Reads a JWK Set (RFC 7517 section 5). It may turn out to have no usable key.
    ///
    /// # Errors
    /// [`JwkSetError`]
    pub fn parse(bytes: &[u8]) -> Result<JwkSet, JwkSetError> {
        JwkSet::from_members(&json::parse_object(bytes).map_err(JwkSetError::Json)?)
    }

    /// Takes the members of a JWK Set that was read as part of something else.
    ///
    /// # Errors
    /// [`JwkSetError::NoKeys`]
    pub fn from_members(members: &Map<String, Value>) -> Result<JwkSet, JwkSetError> {
        let listed = members.get("keys").and_then(Value::as_array).ok_or(JwkSetError::NoKeys)?;
        let mut set = JwkSet::default();
        for value in listed {
            match Jwk::from_value(value) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.leave_out(reason, value.get("kid").and_then(Value::as_str)),
            }
        }
        set.keys.sort_by_key(|jwk| cost::of_operation(&jwk.key));
        set.left_out.sort_by_key(|left_out| left_out.reason);
        Ok(set)
    }

    /// The keys that may verify a token of this `algorithm` that names this `key_id`, a bounded
    /// number of them, the cheapest first.
    ///
    /// A token that names a key is held to it: another key that would fit is not tried.
    ///
    /// # Errors
    /// [`NoKey`]
    pub fn candidates(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<impl Iterator<Item = &VerificationKey>, NoKey> {
        let named = move |jwk: &Jwk| key_id.is_none() || jwk.key_id.as_deref() == key_id;
        let mut fitting = self.fitting(algorithm, named).peekable();
        if fitting.peek().is_some() {
            return Ok(fitting);
        }
        Err(match key_id {
            None => NoKey::NoneFits,
            Some(_) if self.keys.iter().any(named) => NoKey::WrongAlgorithm,
            Some(_) => NoKey::UnknownKeyId,
        })
    }

    /// The keys without a name that may verify a token of this `algorithm`, a bounded number of them,
    /// the cheapest first.
    pub fn unnamed(&self, algorithm: Algorithm) -> impl Iterator<Item = &VerificationKey> {
        self.fitting(algorithm, |jwk| jwk.key_id.is_none())
    }

    /// The keys for this `algorithm` among the chosen, as many as are tried for one token.
    fn fitting(
        &self,
        algorithm: Algorithm,
        is_chosen: impl Fn(&Jwk) -> bool,
    ) -> impl Iterator<Item = &VerificationKey> {
        let fitting = self.keys.iter().filter(move |jwk| is_chosen(jwk) && jwk.fits(algorithm));
        fitting.map(|jwk| &jwk.key).take(MAX_KEYS_TRIED)
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that are not used, by the reason.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    fn leave_out(&mut self, reason: Unusable, key_id: Option<&str>) {
        let named: usize = self.left_out.iter().map(|left_out| left_out.key_ids.len()).sum();
        let key_id = key_id.filter(|_| named < MAX_NAMED).map(str::to_owned);
        match self.left_out.iter_mut().find(|left_out| left_out.reason == reason) {
            Some(left_out) => {
                left_out.count = left_out.count.saturating_add(1);
                left_out.key_ids.extend(key_id);
            }
            None => self.left_out.push(LeftOut { reason, count: 1, key_ids: key_id.into_iter().collect() }),
        }
    }
}

impl Jwk {
    /// Reads one key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
    fn from_value(value: &Value) -> Result<Jwk, Unusable> {
        let members = value.as_object().ok_or(Unusable::Malformed)?;
        let key_type = text(members, "kty")?.ok_or(Unusable::Malformed)?;
        if key_type == "oct" {
            return Err(Unusable::Symmetric);
        }
        check_purpose(members)?;
        let key_id = text(members, "kid")?.map(str::to_owned);
        let algorithm = match text(members, "alg")? {
            Some(name) => Some(Algorithm::parse(name).ok_or(Unusable::Unsupported)?),
            None => None,
        };
        let key = public_key(key_type, members)?;
        if PRIVATE_PARAMETERS.iter().any(|name| stated(members, name).is_some()) {
            return Err(Unusable::Private);
        }
        if algorithm.is_some_and(|algorithm| !key.fits(algorithm)) {
            return Err(Unusable::Malformed);
        }
        Ok(Jwk { key_id, algorithm, key })
    }

    /// `alg` binds where it is there; else the type of the key does.
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|bound| bound == algorithm) && self.key.fits(algorithm)
    }
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3).
fn check_purpose(members: &Map<String, Value>) -> Result<(), Unusable> {
    if text(members, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Unusable::NotForVerification);
    }
    match stated(members, "key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(Value::Array(_)) => Err(Unusable::NotForVerification),
        Some(_) => Err(Unusable::Malformed),
    }
}

fn public_key(key_type: &str, members: &Map<String, Value>) -> Result<VerificationKey, Unusable> {
    // Only points have a curve. For other keys the member is one of those that are ignored (RFC 7517 section 4).
    let curve = if key_type == "RSA" { None } else { text(members, "crv")? };
    let key = match (key_type, curve) {
        ("RSA", _) => VerificationKey::rsa(&octets(members, "n")?, &octets(members, "e")?),
        ("EC", Some("P-256")) => VerificationKey::p256(&octets(members, "x")?, &octets(members, "y")?),
        ("EC", Some("P-384")) => VerificationKey::p384(&octets(members, "x")?, &octets(members, "y")?),
        ("EC", Some("P-521")) => VerificationKey::p521(&octets(members, "x")?, &octets(members, "y")?),
        ("OKP", Some("Ed25519")) => VerificationKey::ed25519(&octets(members, "x")?),
        ("EC" | "OKP", None) => return Err(Unusable::Malformed),
        _ => return Err(Unusable::Unsupported),
    };
    key.map_err(|error| match error {
        KeyError::ModulusSize => Unusable::ModulusSize,
        KeyError::Exponent => Unusable::Exponent,
        KeyError::Invalid | KeyError::SecretTooShort => Unusable::Invalid,
    })
}

/// A parameter that is there. Some issuers write null for what a key does not have, or an empty list: .NET
/// does so for `key_ops`, `oth` and `x5c`.
fn stated<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let says_something = |value: &&Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    members.get(name).filter(says_something)
}

/// A parameter that is a string where it is there.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Unusable> {
    match stated(members, name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Unusable::Malformed),
    }
}

/// A parameter that must be there, as base64url.
fn octets(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unusable> {
    let encoded = text(members, name)?.ok_or(Unusable::Malformed)?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Unusable::Malformed)
}
