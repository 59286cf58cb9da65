//! What a claims set must say before it is relied on: issuer, audience and lifetime (RFC 7519 section
//! 4.1, RFC 9068 section 4). The same rules serve signed tokens and introspection responses, which
//! differ only in what may be absent.

use super::audience::same_audience;
use super::claims::{ClaimError, ClaimsSet};
use super::kind::{ClaimsSource, ExpectedKind, WrongKind};
use crate::time::UnixTime;
use std::fmt;
use std::time::Duration;

/// What claims are held against.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRules<'a> {
    /// The values of `iss` that are accepted, compared byte for byte.
    pub issuers_allowed: &'a [String],
    /// The values of `iss` for which another proof is configured, so that the proof at hand does not count.
    pub issuers_elsewhere: &'a [String],
    /// The audience must name one of these; `None` where the operator switched the check off.
    pub audiences: Option<&'a [String]>,
    /// The claim that names the audience: `aud`, unless the operator chose another.
    pub audience_claim: &'a str,
    /// The protected resource. An `aud` that names it shows by itself that the token is for this resource, and
    /// not one that its client has for itself.
    pub resource: &'a str,
    /// The kind of token that is accepted.
    pub kind: ExpectedKind,
    /// How far the issuer's clock may differ from ours.
    pub leeway: Duration,
    /// Whether `iss` and `exp` must be there.
    pub presence: Presence,
}

/// Whether `iss` and `exp` must be there. An audience that is asked for always must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// They must: RFC 9068 section 2.2 for JWT access tokens.
    Required,
    /// They may be absent, but are held to the rules where they are there: RFC 7662 section 2.2
    /// for introspection answers.
    Optional,
}

/// By what the audience was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudienceMatch {
    /// `aud` names the protected resource.
    Resource,
    /// Another value that the operator named, another claim, or nothing at all where the operator switched the
    /// check off. The audience of ID tokens can be all of these.
    Another,
}

/// Why claims were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimsRefused {
    /// A claim that cannot be read.
    Unreadable(ClaimError),
    /// No `iss`.
    IssuerMissing,
    /// `iss` is none of the issuers allowed.
    IssuerNotAllowed,
    /// `iss` is an issuer whose tokens have another proof.
    IssuerElsewhere,
    /// No audience.
    AudienceMissing,
    /// The audience does not include this resource.
    AudienceMismatch,
    /// No `exp`.
    ExpiryMissing,
    /// `exp` has passed.
    Expired,
    /// `nbf` has not come.
    NotYetValid,
    /// It is a token of another kind.
    WrongKind(WrongKind),
}

impl From<WrongKind> for ClaimsRefused {
    fn from(wrong: WrongKind) -> ClaimsRefused {
        ClaimsRefused::WrongKind(wrong)
    }
}

impl From<ClaimError> for ClaimsRefused {
    fn from(error: ClaimError) -> ClaimsRefused {
        ClaimsRefused::Unreadable(error)
    }
}

impl fmt::Display for ClaimsRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ClaimsRefused::Unreadable(error) => return error.fmt(formatter),
            ClaimsRefused::IssuerMissing => "iss is missing",
            ClaimsRefused::IssuerNotAllowed => "iss is not one of the issuers allowed",
            ClaimsRefused::IssuerElsewhere => {
                "iss has an entry in issuers, and this introspection endpoint does not vouch for it"
            }
            ClaimsRefused::AudienceMissing => "the audience is missing",
            ClaimsRefused::AudienceMismatch => "audience does not include this resource",
            ClaimsRefused::ExpiryMissing => "exp is missing",
            ClaimsRefused::Expired => "expired",
            ClaimsRefused::NotYetValid => "not yet valid",
            ClaimsRefused::WrongKind(wrong) => return wrong.fmt(formatter),
        })
    }
}

impl std::error::Error for ClaimsRefused {}

impl ClaimRules<'_> {
    /// Holds `claims` to all rules at `now`.
    ///
    /// `iat` must be a date where it is there, but bounds nothing: RFC 7519 section 4.1.6 gives
    /// it no such meaning, and issuers' clocks run ahead.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, claims: &ClaimsSet, now: UnixTime) -> Result<AudienceMatch, ClaimsRefused> {
        self.check_issuer(claims)?;
        let audience = self.check_audience(claims)?;
        self.check_lifetime(claims, now)?;
        self.kind.check_stated(claims)?;
        claims.issued_at()?;
        Ok(audience)
    }

    /// As [`ClaimRules::check`], for an introspection response: it must not bear the marks of another kind of token.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check_introspected(&self, claims: &ClaimsSet, now: UnixTime) -> Result<(), ClaimsRefused> {
        self.check(claims, now)?;
        Ok(self.kind.check_evidence(claims, ClaimsSource::Introspection)?)
    }

    /// `iss` (RFC 7519 section 4.1.1): equal byte for byte, never as a URL, because two spellings
    /// of one URL are two issuers.
    fn check_issuer(&self, claims: &ClaimsSet) -> Result<(), ClaimsRefused> {
        let is_in = |issuers: &[String], issuer: &str| issuers.iter().any(|known| known == issuer);
        match claims.issuer()? {
            Some(issuer) if is_in(self.issuers_elsewhere, issuer) => Err(ClaimsRefused::IssuerElsewhere),
            Some(issuer) if is_in(self.issuers_allowed, issuer) => Ok(()),
            Some(_) => Err(ClaimsRefused::IssuerNotAllowed),
            None => self.absent(ClaimsRefused::IssuerMissing),
        }
    }

    /// The audience (RFC 7519 section 4.1.3) names one that the operator named.
    fn check_audience(&self, claims: &ClaimsSet) -> Result<AudienceMatch, ClaimsRefused> {
        let named = claims.audiences(self.audience_claim);
        let named = match self.audiences {
            Some(ours) => {
                let named = named?;
                if !named.iter().any(|name| ours.iter().any(|our| same_audience(our, name))) {
                    return Err(match claims.get(self.audience_claim) {
                        Some(_) => ClaimsRefused::AudienceMismatch,
                        None => ClaimsRefused::AudienceMissing,
                    });
                }
                named
            }
            None => named.unwrap_or_default(),
        };
        let is_resource =
            self.audience_claim == "aud" && named.iter().any(|name| same_audience(name, self.resource));
        Ok(if is_resource { AudienceMatch::Resource } else { AudienceMatch::Another })
    }

    /// `exp` and `nbf` (RFC 7519 sections 4.1.4 and 4.1.5).
    fn check_lifetime(&self, claims: &ClaimsSet, now: UnixTime) -> Result<(), ClaimsRefused> {
        match claims.expires()? {
            Some(expires) if now >= expires.saturating_add(self.leeway) => {
                return Err(ClaimsRefused::Expired);
            }
            Some(_) => {}
            None => self.absent(ClaimsRefused::ExpiryMissing)?,
        }
        match claims.not_before()? {
            Some(not_before) if now < not_before.saturating_sub(self.leeway) => {
                Err(ClaimsRefused::NotYetValid)
            }
            _ => Ok(()),
        }
    }

    fn absent(&self, refusal: ClaimsRefused) -> Result<(), ClaimsRefused> {
        match self.presence {
            Presence::Required => Err(refusal),
            Presence::Optional => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: u64 = 1_800_000_000;
    const ISSUER: &str = "https://as.example.com/realms/demo";
    const AUDIENCE: &str = "https://api.example.com/mcp";

    /// The base payload with `changes` made to it; null takes a member out.
    fn claims(changes: &Value) -> ClaimsSet {
        let mut payload = json!({"iss": ISSUER, "sub": "u1", "aud": AUDIENCE, "exp": NOW + 600});
        let members = payload.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => members.remove(name),
                value => members.insert(name.clone(), value.clone()),
            };
        }
        ClaimsSet::from_members(members.clone())
    }

    fn check(claims: &ClaimsSet, presence: Presence) -> Result<(), ClaimsRefused> {
        let rules = ClaimRules {
            issuers_allowed: &[ISSUER.to_owned()],
            issuers_elsewhere: &["https://other.example.com".to_owned()],
            audiences: Some(&[AUDIENCE.to_owned(), "urn:other".to_owned()]),
            audience_claim: "aud",
            resource: AUDIENCE,
            kind: ExpectedKind::AccessToken,
            leeway: Duration::from_secs(60),
            presence,
        };
        rules.check(claims, UnixTime::from_seconds(NOW)).map(drop)
    }

    #[test]
    fn val_06_what_must_be_there_and_is_not() {
        for (member, refusal, optional) in [
            ("aud", ClaimsRefused::AudienceMissing, Err(ClaimsRefused::AudienceMissing)),
            ("iss", ClaimsRefused::IssuerMissing, Ok(())),
            ("exp", ClaimsRefused::ExpiryMissing, Ok(())),
        ] {
            let without = claims(&json!({member: null}));
            assert_eq!(check(&without, Presence::Required), Err(refusal));
            assert_eq!(check(&without, Presence::Optional), optional, "{member}");
        }
    }

    #[test]
    fn val_08_and_val_09_audiences() {
        for (audience, accepted) in [
            (json!(AUDIENCE), true),
            (json!(["other", AUDIENCE]), true),
            (json!("urn:other"), true),
            (json!(["other", "other2"]), false),
            (json!("account"), false),
            (json!([]), false),
            (json!(""), false),
            (json!("https://api.example.com/mcp/"), false),
            (json!("https://API.example.com/mcp"), true),
            (json!("https://api.example.com/MCP"), false),
            (json!("https://api.example.com:443/mcp"), false),
            (json!("URN:other"), false),
        ] {
            let expected = if accepted { Ok(()) } else { Err(ClaimsRefused::AudienceMismatch) };
            assert_eq!(check(&claims(&json!({"aud": audience})), Presence::Required), expected, "{audience}");
        }
        for audience in [json!([[AUDIENCE]]), json!([AUDIENCE, 1]), json!({"a": AUDIENCE}), json!(true)] {
            let refused = check(&claims(&json!({"aud": audience})), Presence::Required);
            assert!(matches!(refused, Err(ClaimsRefused::Unreadable(_))), "{audience}");
        }
    }

    #[test]
    fn an_audience_may_stand_in_another_claim_or_go_unasked() {
        let issuers_allowed = [ISSUER.to_owned()];
        let audiences = [AUDIENCE.to_owned()];
        let mut rules = ClaimRules {
            issuers_allowed: &issuers_allowed,
            issuers_elsewhere: &[],
            audiences: Some(&audiences),
            audience_claim: "client_id",
            resource: AUDIENCE,
            kind: ExpectedKind::AccessToken,
            leeway: Duration::ZERO,
            presence: Presence::Required,
        };
        let check = |rules: &ClaimRules<'_>, changes: Value| {
            rules.check(&claims(&changes), UnixTime::from_seconds(NOW))
        };
        let another = Ok(AudienceMatch::Another);
        assert_eq!(check(&rules, json!({"aud": null, "client_id": AUDIENCE})), another);
        assert_eq!(check(&rules, json!({})), Err(ClaimsRefused::AudienceMissing));
        rules.audiences = None;
        assert_eq!(check(&rules, json!({"aud": null})), another);
        assert_eq!(check(&rules, json!({"client_id": {}})), another);
    }

    #[test]
    fn it_is_said_by_what_the_audience_was_accepted() {
        let (issuers, audiences) = ([ISSUER.to_owned()], [AUDIENCE.to_owned(), "client-1".to_owned()]);
        for (audience, by_all, relaxed) in [
            (json!(AUDIENCE), Ok(AudienceMatch::Resource), AudienceMatch::Resource),
            (json!(["x", AUDIENCE]), Ok(AudienceMatch::Resource), AudienceMatch::Resource),
            (json!("https://API.example.com/mcp"), Ok(AudienceMatch::Resource), AudienceMatch::Resource),
            (json!(["client-1", AUDIENCE]), Ok(AudienceMatch::Resource), AudienceMatch::Resource),
            (json!("client-1"), Ok(AudienceMatch::Another), AudienceMatch::Another),
            (json!("x"), Err(ClaimsRefused::AudienceMismatch), AudienceMatch::Another),
        ] {
            let mut rules = ClaimRules {
                issuers_allowed: &issuers,
                issuers_elsewhere: &[],
                audiences: Some(&audiences),
                audience_claim: "aud",
                resource: AUDIENCE,
                kind: ExpectedKind::AccessToken,
                leeway: Duration::ZERO,
                presence: Presence::Required,
            };
            let (claims, now) = (claims(&json!({"aud": audience})), UnixTime::from_seconds(NOW));
            assert_eq!(rules.check(&claims, now), by_all, "{audience}");
            rules.audiences = None;
            assert_eq!(rules.check(&claims, now), Ok(relaxed), "{audience}");
        }
    }

    #[test]
    fn val_10_and_val_12_dates() {
        for (changes, expected) in [
            (json!({"exp": 8_210_298_412_799_u64}), Some(Ok(()))),
            (json!({"exp": 1}), Some(Err(ClaimsRefused::Expired))),
            (json!({"exp": 0}), Some(Err(ClaimsRefused::Expired))),
            (json!({"exp": -1}), None),
            (json!({"exp": -1e64}), None),
            (json!({"exp": i64::MAX}), None),
            (json!({"exp": u64::MAX}), None),
            (json!({"exp": 1e64}), None),
            (json!({"exp": "1800000600"}), None),
            (json!({"exp": true}), None),
            (json!({"exp": [1_800_000_600]}), None),
            (json!({"nbf": "99999999999"}), None),
            (json!({"nbf": {}}), None),
            (json!({"iat": "now"}), None),
        ] {
            for presence in [Presence::Required, Presence::Optional] {
                let checked = check(&claims(&changes), presence);
                match &expected {
                    Some(expected) => assert_eq!(&checked, expected, "{changes}"),
                    None => assert!(matches!(checked, Err(ClaimsRefused::Unreadable(_))), "{changes}"),
                }
            }
        }
    }

    #[test]
    fn val_13_clocks_differ_by_the_leeway_and_no_more() {
        for (changes, expected) in [
            (json!({"iat": NOW + 4, "nbf": NOW + 4}), Ok(())),
            (json!({"nbf": NOW + 60}), Ok(())),
            (json!({"nbf": NOW + 61}), Err(ClaimsRefused::NotYetValid)),
            (json!({"nbf": NOW + 600}), Err(ClaimsRefused::NotYetValid)),
            (json!({"exp": NOW - 30}), Ok(())),
            (json!({"exp": NOW - 59}), Ok(())),
            (json!({"exp": NOW - 60}), Err(ClaimsRefused::Expired)),
            (json!({"exp": NOW - 61}), Err(ClaimsRefused::Expired)),
            (json!({"iat": NOW + 600}), Ok(())),
        ] {
            assert_eq!(check(&claims(&changes), Presence::Required), expected, "{changes}");
        }
    }

    #[test]
    fn val_19_issuers_are_compared_byte_for_byte() {
        let issuers_allowed = ["https://as.example.com/".to_owned()];
        let rules = ClaimRules {
            issuers_allowed: &issuers_allowed,
            issuers_elsewhere: &[],
            audiences: None,
            audience_claim: "aud",
            resource: AUDIENCE,
            kind: ExpectedKind::AccessToken,
            leeway: Duration::ZERO,
            presence: Presence::Optional,
        };
        for (issuer, expected) in [
            ("https://as.example.com/", Ok(AudienceMatch::Resource)),
            ("https://as.example.com", Err(ClaimsRefused::IssuerNotAllowed)),
            ("https://AS.example.com/", Err(ClaimsRefused::IssuerNotAllowed)),
            ("https://as.example.com:443/", Err(ClaimsRefused::IssuerNotAllowed)),
        ] {
            let checked = rules.check(&claims(&json!({"iss": issuer})), UnixTime::from_seconds(NOW));
            assert_eq!(checked, expected, "{issuer}");
        }
        let several =
            rules.check(&claims(&json!({"iss": ["https://as.example.com/"]})), UnixTime::from_seconds(NOW));
        assert!(matches!(several, Err(ClaimsRefused::Unreadable(_))));
    }
}
