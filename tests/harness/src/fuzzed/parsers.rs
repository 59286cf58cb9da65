//! What must hold for any bytes from outside. The fuzzer looks for bytes for which it does not; the
//! ordinary tests replay the seeds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::sync::OnceLock;
use std::time::Duration;
use token_exchange::jose::alg::Algorithm;
use token_exchange::jose::jwk::JwkSet;
use token_exchange::jose::jws::Jws;
use token_exchange::json;
use token_exchange::time::UnixTime;
use token_exchange::token::claim_rules::{ClaimRules, Presence};
use token_exchange::token::claims::ClaimsSet;
use token_exchange::token::format::TokenFormat;
use token_exchange::token::jwt::VerifiedJwt;
use token_exchange::token::kind::{ClaimsSource, ExpectedKind};

/// What the strict reader takes, serde_json reads alike, and can be written and read again.
pub fn json(data: &[u8]) {
    let Ok(members) = json::parse_object(data) else { return };
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let lenient: Value = serde_json::from_slice(text).expect("strict readers take less");
    let strict = Value::Object(members);
    assert_eq!(strict, lenient);
    assert!(json::parse_object(strict.to_string().as_bytes()).is_ok());
}

/// A token that parses has one spelling, and verifying it ends.
pub fn jws(data: &[u8]) {
    let Ok(token) = std::str::from_utf8(data) else { return };
    let Ok(jws) = Jws::parse(token) else { return };
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    for part in parts {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        assert_eq!(URL_SAFE_NO_PAD.encode(bytes), part);
    }
    let shape = TokenFormat::of(token);
    assert_ne!(shape, TokenFormat::Opaque, "what can be verified is never sent elsewhere");
    if let Ok(jwt) = VerifiedJwt::verify(&jws, known_keys()) {
        let issuer = jwt.claims().issuer().ok().flatten().map(str::to_owned);
        assert_eq!(shape, TokenFormat::Signed { issuer });
    }
}

/// One public key of each type, those that the seeds are signed with.
fn known_keys() -> &'static JwkSet {
    static KEYS: OnceLock<JwkSet> = OnceLock::new();
    KEYS.get_or_init(|| {
        JwkSet::parse(include_bytes!("../../../../fuzz/corpus/jwk/of-every-type")).expect("a key set")
    })
}

/// Each member of `keys` is used or counted, and a key that is used can be tried.
pub fn jwk(data: &[u8]) {
    let Ok(keys) = JwkSet::parse(data) else { return };
    let listed = json::parse_object(data).expect("a set is an object");
    let listed = listed.get("keys").and_then(Value::as_array).expect("`keys` is an array").len();
    let left_out: usize = keys.left_out().iter().map(|left_out| left_out.count).sum();
    assert_eq!(keys.len() + left_out, listed);
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::EdDsa,
    ] {
        for key in keys.candidates(None, algorithm).into_iter().flatten().take(1) {
            assert!(key.fits(algorithm));
            assert!(key.verify(algorithm, b"message", &[1; 64]).is_err());
        }
    }
    assert!(keys.candidates(None, Algorithm::Hs256).is_err(), "no published secret");
}

/// Claims that pass say what they must, and what passes where more is asked passes where less is.
pub fn claims(data: &[u8]) {
    let Ok(members) = json::parse_object(data) else { return };
    let claims = ClaimsSet::from_members(members);
    let now = UnixTime::from_seconds(1_800_000_000);
    let leeway = Duration::from_secs(60);
    let passes = |presence, audiences| {
        let rules = ClaimRules {
            issuers_allowed: &["https://as.example.com/".to_owned()],
            issuers_elsewhere: &[],
            audiences,
            audience_claim: "aud",
            resource: "https://api.example.com/mcp",
            kind: ExpectedKind::AccessToken,
            leeway,
            presence,
        };
        rules.check(&claims, now).is_ok()
    };
    let audiences = ["https://api.example.com/mcp".to_owned()];
    if passes(Presence::Required, Some(&audiences)) {
        let expires = claims.expires().expect("a date").expect("exp is there");
        assert!(now < expires.saturating_add(leeway));
        assert_eq!(claims.issuer(), Ok(Some("https://as.example.com/")));
        assert!(claims.audiences("aud").expect("strings").contains(&"https://api.example.com/mcp"));
        assert!(passes(Presence::Optional, Some(&audiences)) && passes(Presence::Required, None));
    }
    for kind in [ExpectedKind::AccessToken, ExpectedKind::IdToken] {
        let passes = |source| kind.check_evidence(&claims, source).is_ok();
        assert!(!passes(ClaimsSource::Jwt) || passes(ClaimsSource::Introspection));
    }
    if let Ok(scope) = claims.scope() {
        assert!(scope.words().all(|word| !word.is_empty() && !word.contains(' ')));
    }
    let _ = (claims.subject(), claims.not_before(), claims.issued_at());
}
