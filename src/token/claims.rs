//! Claims: what a token says (RFC 7519 section 4) or what an authorization server says of it
//! (RFC 7662 section 2.2), which are the same words.
//!
//! A claim of the wrong type is an error and never "absent": a date that cannot be read must not
//! turn into a token that lives for ever. Null alone is absent, as it is no value: servers write it for what
//! a token does not have. What must be there is missed where it is null.

use crate::scope::{self, Scope};
use crate::time::UnixTime;
use serde_json::{Map, Value};
use std::fmt;

/// The members of a claims set, with typed access to the registered ones.
#[derive(Clone, PartialEq)]
pub struct ClaimsSet(Map<String, Value>);

/// A claim that is there but cannot be read. It names the claim and never shows its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimError {
    /// The claim's name.
    pub claim: String,
    /// What was expected of it.
    pub expected: ExpectedType,
}

/// What a claim should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedType {
    /// A string.
    String,
    /// A string or an array of strings.
    StringOrStrings,
    /// A NumericDate: a JSON number from 0 to 2^53 (RFC 7519 section 2).
    NumericDate,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = match self.expected {
            ExpectedType::String => "a string",
            ExpectedType::StringOrStrings => "a string or an array of strings",
            ExpectedType::NumericDate => "a number of seconds from 0 to 2^53",
        };
        write!(formatter, "the claim {:?} is not {expected}", self.claim)
    }
}

impl std::error::Error for ClaimError {}

impl ClaimsSet {
    /// Takes the members of a JSON object that was read strictly, see [`crate::json`]. Those that are null
    /// are left out.
    pub fn from_members(mut members: Map<String, Value>) -> ClaimsSet {
        members.retain(|_, value| !value.is_null());
        ClaimsSet(members)
    }

    /// `iss`: who issued the token.
    ///
    /// # Errors
    /// Not a string.
    pub fn issuer(&self) -> Result<Option<&str>, ClaimError> {
        self.string("iss")
    }

    /// `sub`: whom the token is about.
    ///
    /// # Errors
    /// Not a string.
    pub fn subject(&self) -> Result<Option<&str>, ClaimError> {
        self.string("sub")
    }

    /// Whom the token is for, as the claim `claim_name` says: `aud`, or what an issuer has in its
    /// place. None at all where the claim is absent.
    ///
    /// # Errors
    /// Neither a string nor an array of strings.
    pub fn audiences(&self, claim_name: &str) -> Result<Vec<&str>, ClaimError> {
        self.strings(claim_name)
    }

    /// `exp`: the instant from which the token is no longer valid.
    ///
    /// # Errors
    /// Not a date.
    pub fn expires(&self) -> Result<Option<UnixTime>, ClaimError> {
        self.numeric_date("exp")
    }

    /// `nbf`: the instant before which the token is not valid yet.
    ///
    /// # Errors
    /// Not a date.
    pub fn not_before(&self) -> Result<Option<UnixTime>, ClaimError> {
        self.numeric_date("nbf")
    }

    /// `iat`: when the token was issued.
    ///
    /// # Errors
    /// Not a date.
    pub fn issued_at(&self) -> Result<Option<UnixTime>, ClaimError> {
        self.numeric_date("iat")
    }

    /// The scope that was granted: `scope` (RFC 9068 section 2.2.3) or, without it, `scp`, which
    /// Entra sends as a string and Okta as an array. An absent claim grants nothing.
    ///
    /// # Errors
    /// Neither a string nor an array of strings.
    pub fn scope(&self) -> Result<Scope, ClaimError> {
        let stated = ["scope", "scp"].into_iter().find(|name| self.0.contains_key(*name));
        let Some(name) = stated else { return Ok(Scope::default()) };
        Ok(self.strings(name)?.into_iter().flat_map(scope::split).collect())
    }

    /// The value at a path of member names, each inside the object before it.
    pub fn at_path(&self, path: &[String]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(first)?, |value, name| value.as_object()?.get(name))
    }

    /// These claims with what an authorization server adds: its scope in place of the token's own,
    /// the earlier of both expiries, and every claim that the token does not have.
    pub fn narrowed_by(&self, introspected: &ClaimsSet) -> ClaimsSet {
        let mut members = self.0.clone();
        members.remove("scope");
        members.remove("scp");
        for (name, value) in &introspected.0 {
            let earlier = name == "exp"
                && matches!((introspected.expires(), self.expires()), (Ok(Some(said)), Ok(Some(own))) if said < own);
            if earlier || !members.contains_key(name) {
                members.insert(name.clone(), value.clone());
            }
        }
        ClaimsSet(members)
    }

    /// Any claim by its name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn string(&self, claim: &str) -> Result<Option<&str>, ClaimError> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| not(ExpectedType::String, claim))
    }

    fn strings(&self, claim: &str) -> Result<Vec<&str>, ClaimError> {
        let read = match self.0.get(claim) {
            None => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one.as_str()]),
            Some(Value::Array(several)) => several.iter().map(Value::as_str).collect(),
            Some(_) => None,
        };
        read.ok_or_else(|| not(ExpectedType::StringOrStrings, claim))
    }

    fn numeric_date(&self, claim: &str) -> Result<Option<UnixTime>, ClaimError> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        UnixTime::from_numeric_date(value).map(Some).ok_or_else(|| not(ExpectedType::NumericDate, claim))
    }
}

fn not(expected: ExpectedType, claim: &str) -> ClaimError {
    ClaimError { claim: claim.to_owned(), expected }
}

/// Claims are personal data, so only their names are shown.
impl fmt::Debug for ClaimsSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> ClaimsSet {
        match value {
            Value::Object(members) => ClaimsSet::from_members(members),
            other => panic!("{other} is not an object"),
        }
    }

    #[test]
    fn val_10_a_date_of_another_type_is_an_error_and_never_absent() {
        for value in [json!("1800000600"), json!("never"), json!(true), json!([1]), json!([null]), json!({})]
        {
            let set = claims(json!({"exp": value, "nbf": value, "iat": value}));
            for (claim, read) in [("exp", set.expires()), ("nbf", set.not_before()), ("iat", set.issued_at())]
            {
                let error = read.unwrap_err();
                assert_eq!(
                    error,
                    ClaimError { claim: claim.to_owned(), expected: ExpectedType::NumericDate }
                );
            }
        }
        assert_eq!(claims(json!({})).expires(), Ok(None));
    }

    #[test]
    fn f2_19_null_is_absent() {
        let null = claims(json!({
            "iss": null, "sub": null, "aud": null, "exp": null, "nbf": null, "iat": null, "scope": null, "scp": null,
            "own": {"a": null}
        }));
        assert_eq!((null.issuer(), null.subject()), (Ok(None), Ok(None)));
        assert_eq!((null.expires(), null.not_before(), null.issued_at()), (Ok(None), Ok(None), Ok(None)));
        assert_eq!((null.audiences("aud"), null.scope()), (Ok(Vec::new()), Ok(Scope::default())));
        assert_eq!((null.get("sub"), null.at_path(&["sub".to_owned()])), (None, None));
        assert_eq!(null.get("own"), Some(&json!({"a": null})), "what a value holds is its own");
    }

    #[test]
    fn null_neither_adds_to_claims_nor_stands_for_one() {
        let signed = claims(json!({"sub": null, "exp": 9, "name": "a"}));
        let narrowed =
            signed.narrowed_by(&claims(json!({"sub": "u1", "exp": null, "name": null, "scope": null})));
        assert_eq!(narrowed, claims(json!({"sub": "u1", "exp": 9, "name": "a"})));
    }

    #[test]
    fn val_12_dates_that_cannot_be_held_are_errors() {
        for value in [json!(i64::MAX), json!(u64::MAX), json!(1e64), json!(-1), json!(-1e64)] {
            assert!(claims(json!({"exp": value})).expires().is_err(), "{value}");
        }
        let far = claims(json!({"exp": 8_210_298_412_799_u64})).expires();
        assert_eq!(far, Ok(Some(UnixTime::from_seconds(8_210_298_412_799))));
    }

    #[test]
    fn val_08_an_audience_is_a_string_or_an_array_of_strings() {
        for (value, expected) in [
            (json!("a"), Some(vec!["a"])),
            (json!(["a", "b"]), Some(vec!["a", "b"])),
            (json!([]), Some(vec![])),
            (json!([["a"]]), None),
            (json!(["a", 1]), None),
            (json!({"a": "a"}), None),
            (json!([null]), None),
            (json!(7), None),
        ] {
            assert_eq!(claims(json!({"aud": value})).audiences("aud").ok(), expected, "{value}");
        }
        assert_eq!(claims(json!({"client_id": "c"})).audiences("aud"), Ok(vec![]));
        assert_eq!(claims(json!({"client_id": "c"})).audiences("client_id"), Ok(vec!["c"]));
    }

    #[test]
    fn scope_comes_from_either_claim_in_either_form() {
        for (value, expected) in [
            (json!({"scope": "a b"}), Some("a b")),
            (json!({"scope": ["a", "b"]}), Some("a b")),
            (json!({"scp": "a b"}), Some("a b")),
            (json!({"scp": ["a", "b"]}), Some("a b")),
            (json!({"scope": "a", "scp": "b"}), Some("a")),
            (json!({"scope": null, "scp": "b"}), Some("b")),
            (json!({"scope": null}), Some("")),
            (json!({"scope": " a  b "}), Some("a b")),
            (json!({"scp": ["a b", "c"]}), Some("a b c")),
            (json!({"scope": "a\tb c\n"}), Some("a\tb c\n")),
            (json!({"scp": ["a\u{a0}b"]}), Some("a\u{a0}b")),
            (json!({}), Some("")),
            (json!({"scope": 7}), None),
            (json!({"scope": ["a", 7]}), None),
            (json!({"scp": {"a": true}}), None),
        ] {
            let read = claims(value.clone()).scope().ok().map(|scope| scope.to_string());
            assert_eq!(read.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_path_leads_into_objects_only() {
        let set = claims(json!({"a": {"b": {"c": 1}}, "a.b": 2, "list": [{"c": 3}], "sub": "s"}));
        let at = |path: &[&str]| set.at_path(&path.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(at(&["a", "b", "c"]), Some(&json!(1)));
        assert_eq!(at(&["a.b"]), Some(&json!(2)));
        for path in [&["a", "x"][..], &["list", "0"], &["list", "c"], &["sub", "s"], &[]] {
            assert_eq!(at(path), None, "{path:?}");
        }
    }

    #[test]
    fn neither_debug_nor_an_error_shows_a_value() {
        let set = claims(json!({"sub": ["alice@example.com"], "exp": "alice"}));
        let printed = format!("{set:?} {} {}", set.subject().unwrap_err(), set.expires().unwrap_err());
        assert!(printed.contains("sub") && !printed.contains("alice"), "{printed}");
    }
}
