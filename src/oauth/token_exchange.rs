//! Token exchange (RFC 8693): the request's form and what comes back.

use super::error_response::ErrorResponse;
use super::form::Form;
use super::token_type::TokenTypeIdentifier;
use crate::jose::compact::{self, CompactJws};
use crate::json;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::time::UnixTime;
use serde_json::Value;
use std::time::Duration;

/// A token with its type, so that neither can be sent without the other (RFC 8693 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedToken {
    /// The token.
    pub token: Secret,
    /// Its type.
    pub token_type: TokenTypeIdentifier,
}

/// The parameters of one exchange.
#[derive(Clone, Debug)]
pub struct TokenExchangeRequest<'a> {
    /// `subject_token` and `subject_token_type`
    pub subject: &'a TypedToken,
    /// `actor_token` and `actor_token_type`
    pub actor: Option<&'a TypedToken>,
    /// `requested_token_type`
    pub requested_token_type: Option<&'a TokenTypeIdentifier>,
    /// `audience`, once for each
    pub audience: &'a [String],
    /// `resource`, once for each
    pub resource: &'a [String],
    /// `scope`
    pub scope: &'a Scope,
}

impl TokenExchangeRequest<'_> {
    /// The form without the client's credentials.
    pub fn form(&self) -> Form {
        let mut form = Form::new();
        form.add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
        form.add("subject_token", self.subject.token.expose());
        form.add("subject_token_type", self.subject.token_type.as_str());
        if let Some(actor) = self.actor {
            form.add("actor_token", actor.token.expose());
            form.add("actor_token_type", actor.token_type.as_str());
        }
        if let Some(requested) = self.requested_token_type {
            form.add("requested_token_type", requested.as_str());
        }
        for audience in self.audience {
            form.add("audience", audience);
        }
        for resource in self.resource {
            form.add("resource", resource);
        }
        if !self.scope.is_empty() {
            form.add("scope", &self.scope.to_string());
        }
        form
    }
}

/// A token that was issued for the upstream, checked to be one that goes into a Bearer header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub token: Secret,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// When it says itself that it ends, where it is a JWT. Not verified: it can only shorten the
    /// life.
    pub own_expiry: Option<UnixTime>,
    /// `scope`, where the answer has one; without one it is what was asked for (RFC 8693 section
    /// 2.2.1).
    pub scope: Option<Scope>,
}

/// What `expires_in` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// This long, from when the answer was made.
    Known(Duration),
    /// Nothing.
    Unstated,
    /// Something from which no lifetime can be read, or none at all: good for this request alone.
    Once,
}

/// Why an answer with status 200 does not bring a token to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenExchangeError {
    /// It is an OAuth error (F22).
    Refused(ErrorResponse),
    /// Not one JSON object, or one with duplicate members, or a number that cannot be held.
    NotAnObject,
    /// Both a token and an error.
    Contradictory,
    /// No `access_token`, or one that cannot stand in a header.
    NoToken,
    /// `token_type` is missing or not Bearer (RFC 6749 section 7.1 forbids to use it).
    NotBearer,
    /// `issued_token_type` is another than was asked for.
    WrongType,
    /// The issued token is one that was presented: the subject's, the actor's, or an earlier leg's.
    Echo,
}

impl IssuedToken {
    /// Reads the body of a 200 answer to a request for `requested` (RFC 8693 section 2.2.1).
    ///
    /// # Errors
    /// [`TokenExchangeError`]
    pub fn parse(
        body: &[u8],
        requested: Option<&TokenTypeIdentifier>,
    ) -> Result<IssuedToken, TokenExchangeError> {
        let members = json::parse_object(body).map_err(|_| TokenExchangeError::NotAnObject)?;
        let has_token = members.get("access_token").is_some_and(|token| !token.is_null());
        match ErrorResponse::from_members(&members) {
            Some(_) if has_token => return Err(TokenExchangeError::Contradictory),
            Some(error) => return Err(TokenExchangeError::Refused(error)),
            None => {}
        }
        let token = members.get("access_token").and_then(Value::as_str).unwrap_or_default();
        if token.is_empty()
            || token.len() > MAX_TOKEN_BYTES
            || !token.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(TokenExchangeError::NoToken);
        }
        check_token_type(members.get("token_type"))?;
        check_issued_type(members.get("issued_token_type"), requested)?;
        Ok(IssuedToken {
            token: Secret::new(token),
            lifetime: lifetime(members.get("expires_in")),
            own_expiry: jwt_expiry(token),
            scope: granted_scope(members.get("scope")),
        })
    }
}

/// A longer token fits no header that a server would read.
const MAX_TOKEN_BYTES: usize = 65_536;

fn check_token_type(value: Option<&Value>) -> Result<(), TokenExchangeError> {
    let stated = value.and_then(Value::as_str).unwrap_or_default();
    if stated.eq_ignore_ascii_case("bearer") { Ok(()) } else { Err(TokenExchangeError::NotBearer) }
}

/// An answer without `issued_token_type` counts as the requested type: Entra, PingOne and older
/// Keycloaks leave it out. Where no type was asked for the server chooses, but not a refresh token
/// or an ID token, which no resource server takes.
fn check_issued_type(
    value: Option<&Value>,
    requested: Option<&TokenTypeIdentifier>,
) -> Result<(), TokenExchangeError> {
    let issued = match value {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(issued)) => issued.as_str(),
        Some(_) => return Err(TokenExchangeError::WrongType),
    };
    let fits = match requested {
        Some(requested) => issued == requested.as_str(),
        None => ![TokenTypeIdentifier::REFRESH_TOKEN, TokenTypeIdentifier::ID_TOKEN].contains(&issued),
    };
    if fits { Ok(()) } else { Err(TokenExchangeError::WrongType) }
}

/// `scope` as a string, or as the array that some servers send. What is neither grants nothing.
fn granted_scope(value: Option<&Value>) -> Option<Scope> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(Scope::parse(text)),
        Value::Array(words) => Some(words.iter().filter_map(Value::as_str).collect()),
        _ => Some(Scope::default()),
    }
}

/// Reads `expires_in`: a whole number, which some servers write as a float or as a string of
/// digits. Zero, a negative number and everything else is good for one request.
fn lifetime(value: Option<&Value>) -> Lifetime {
    let seconds = match value {
        None | Some(Value::Null) => return Lifetime::Unstated,
        Some(Value::Number(number)) => number.as_u64().map(Duration::from_secs).or_else(|| {
            let seconds = number.as_f64().filter(|seconds| seconds.fract() == 0.0 && *seconds > 0.0)?;
            Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        }),
        Some(Value::String(text)) if is_digits(text) => {
            Some(text.parse().map_or(Duration::MAX, Duration::from_secs))
        }
        Some(_) => None,
    };
    match seconds {
        Some(lifetime) if !lifetime.is_zero() => Lifetime::Known(lifetime),
        _ => Lifetime::Once,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `exp` of a token that has the form of a JWT; `None` for every other token.
fn jwt_expiry(token: &str) -> Option<UnixTime> {
    let payload = compact::decode(CompactJws::split(token).ok()?.payload)?;
    let claims = json::parse_object(&payload).ok()?;
    UnixTime::from_numeric_date(claims.get("exp")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    const ACCESS: &str = TokenTypeIdentifier::ACCESS_TOKEN;

    fn parse(body: &Value) -> Result<IssuedToken, TokenExchangeError> {
        let requested = TokenTypeIdentifier::new(ACCESS);
        IssuedToken::parse(body.to_string().as_bytes(), Some(&requested))
    }

    fn good() -> Value {
        json!({"access_token": "X1", "issued_token_type": ACCESS, "token_type": "Bearer", "expires_in": 300})
    }

    fn good_with(name: &str, value: Value) -> Value {
        let mut body = good();
        body[name] = value;
        body
    }

    fn good_without(name: &str) -> Value {
        let mut body = good();
        body.as_object_mut().unwrap().remove(name);
        body
    }

    #[test]
    fn exc_01_and_03_lifetimes() {
        let known = |seconds| Lifetime::Known(Duration::from_secs(seconds));
        for (value, expected) in [
            (json!(300), known(300)),
            (json!("300"), known(300)),
            (json!("3599"), known(3599)),
            (json!(3599.0), known(3599)),
            (json!(u64::MAX), known(u64::MAX)),
            (json!(1e300), Lifetime::Known(Duration::MAX)),
            (json!("99999999999999999999999999"), Lifetime::Known(Duration::MAX)),
            (json!(null), Lifetime::Unstated),
            (json!(0), Lifetime::Once),
            (json!("0"), Lifetime::Once),
            (json!(-1), Lifetime::Once),
            (json!("-1"), Lifetime::Once),
            (json!(-1e300), Lifetime::Once),
            (json!(0.5), Lifetime::Once),
            (json!("abc"), Lifetime::Once),
            (json!(""), Lifetime::Once),
            (json!("3e2"), Lifetime::Once),
            (json!(" 300 "), Lifetime::Once),
            (json!(true), Lifetime::Once),
            (json!([300]), Lifetime::Once),
        ] {
            assert_eq!(parse(&good_with("expires_in", value.clone())).unwrap().lifetime, expected, "{value}");
        }
        assert_eq!(parse(&good_without("expires_in")).unwrap().lifetime, Lifetime::Unstated);
        let overflow = good().to_string().replace("300", "1e309");
        assert_eq!(IssuedToken::parse(overflow.as_bytes(), None), Err(TokenExchangeError::NotAnObject));
    }

    #[test]
    fn exc_05_and_07_only_a_bearer_token_is_used() {
        for value in ["bearer", "BEARER", "Bearer"] {
            assert!(parse(&good_with("token_type", json!(value))).is_ok(), "{value}");
        }
        for value in [json!("N_A"), json!("DPoP"), json!("mac"), json!(""), json!(null), json!(["Bearer"])] {
            let refused = parse(&good_with("token_type", value.clone()));
            assert_eq!(refused, Err(TokenExchangeError::NotBearer), "{value}");
        }
        assert_eq!(parse(&good_without("token_type")), Err(TokenExchangeError::NotBearer));
    }

    #[test]
    fn exc_08_the_issued_type_is_the_requested_one_or_unstated() {
        assert!(parse(&good_without("issued_token_type")).is_ok());
        assert!(parse(&good_with("issued_token_type", json!(null))).is_ok());
        for other in [
            TokenTypeIdentifier::REFRESH_TOKEN,
            TokenTypeIdentifier::ID_TOKEN,
            "urn:ietf:params:oauth:token-type:jwt",
        ] {
            let body = good_with("issued_token_type", json!(other));
            assert_eq!(parse(&body), Err(TokenExchangeError::WrongType), "{other}");
        }
        assert_eq!(parse(&good_with("issued_token_type", json!(7))), Err(TokenExchangeError::WrongType));
        let unasked = |issued: &str| {
            IssuedToken::parse(good_with("issued_token_type", json!(issued)).to_string().as_bytes(), None)
                .is_ok()
        };
        assert!(unasked("urn:ietf:params:oauth:token-type:jwt") && unasked("http://vendor.example/type"));
        assert!(!unasked(TokenTypeIdentifier::REFRESH_TOKEN) && !unasked(TokenTypeIdentifier::ID_TOKEN));
    }

    #[test]
    fn exc_10_errors_in_a_200_answer() {
        let refused = parse(&json!({"error": "invalid_grant", "error_description": "x"}));
        assert!(matches!(refused, Err(TokenExchangeError::Refused(error)) if error.error == "invalid_grant"));
        assert_eq!(
            parse(&good_with("error", json!("invalid_target"))),
            Err(TokenExchangeError::Contradictory)
        );
        assert_eq!(parse(&good_with("error", json!({"code": 3}))), Err(TokenExchangeError::Contradictory));
        assert!(parse(&good_with("error", json!(""))).is_ok());
    }

    #[test]
    fn f13_the_granted_scope() {
        for (value, expected) in [
            (json!("a b"), Some("a b")),
            (json!(["a", "b"]), Some("a b")),
            (json!("a\tb"), Some("a\tb")),
            (json!(""), Some("")),
            (json!(7), Some("")),
            (json!(null), None),
        ] {
            let granted = parse(&good_with("scope", value.clone())).unwrap().scope;
            assert_eq!(granted.map(|scope| scope.to_string()).as_deref(), expected, "{value}");
        }
        assert_eq!(parse(&good()).unwrap().scope, None);
    }

    #[test]
    fn tokens_that_cannot_stand_in_a_header() {
        for value in [
            json!(""),
            json!(null),
            json!(7),
            json!("a b"),
            json!("a\r\nb"),
            json!("\u{e9}"),
            json!("x".repeat(65_537)),
        ] {
            assert_eq!(parse(&good_with("access_token", value)), Err(TokenExchangeError::NoToken));
        }
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "access_token=X1&token_type=bearer",
            r#"{"access_token":"a","access_token":"b"}"#,
        ] {
            assert_eq!(
                IssuedToken::parse(body.as_bytes(), None),
                Err(TokenExchangeError::NotAnObject),
                "{body}"
            );
        }
    }

    #[test]
    fn a_jwt_tells_its_own_expiry() {
        let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(jwt_expiry(&token(r#"{"exp":1800000300}"#)), Some(UnixTime::from_seconds(1_800_000_300)));
        for other in [
            token(r#"{"exp":"1"}"#),
            token("{}"),
            token("x"),
            "opaque".to_owned(),
            "a.b.c".to_owned(),
            "a.b.c.d.e".to_owned(),
        ] {
            assert_eq!(jwt_expiry(&other), None, "{other}");
        }
    }

    #[test]
    fn exc_18_the_form() {
        let typed = |token: &str, kind: &str| TypedToken {
            token: Secret::new(token),
            token_type: TokenTypeIdentifier::new(kind),
        };
        let (subject, actor) = (typed("T", ACCESS), typed("A1", "urn:x:actor"));
        let (audience, resource) =
            (["a1".to_owned(), "a2".to_owned()], ["https://r1.example.com".to_owned()]);
        let scope = Scope::parse("s1 s2");
        let mut request = TokenExchangeRequest {
            subject: &subject,
            actor: None,
            requested_token_type: None,
            audience: &audience,
            resource: &resource,
            scope: &scope,
        };
        assert_eq!(
            request.form().encode().expose(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=T\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token\
             &audience=a1&audience=a2&resource=https%3A%2F%2Fr1.example.com&scope=s1+s2"
        );
        let requested = TokenTypeIdentifier::new("urn:x:requested");
        request.actor = Some(&actor);
        request.requested_token_type = Some(&requested);
        let form = request.form().encode();
        assert!(form.expose().contains(
            "&actor_token=A1&actor_token_type=urn%3Ax%3Aactor&requested_token_type=urn%3Ax%3Arequested&"
        ));
    }
}
