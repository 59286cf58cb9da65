//! Token introspection (RFC 7662).

use super::form::Form;
use crate::jose::claims::ClaimsSet;
use crate::json;
use crate::oauth::bearer::BearerToken;
use crate::secret::Secret;
use serde_json::Value;
use std::collections::BTreeMap;

/// What an authorization server says of a token (RFC 7662 section 2.2).
#[derive(Clone, Debug)]
pub enum IntrospectionResponse {
    /// Not valid, whatever the reason.
    Inactive,
    /// Valid, with these claims.
    Active(ClaimsSet),
}

/// The answer is not one that RFC 7662 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntrospectionError {
    /// Not one JSON object, or one with duplicate members.
    NotAnObject,
    /// There is no `active`.
    ActiveMissing,
}

/// The form that asks about `token` (RFC 7662 section 2.1). `arguments` are the operator's: they
/// are sent as well, `token_type_hint` in place of the usual one, or none where it is empty.
pub fn request(token: &BearerToken, arguments: &BTreeMap<String, Secret>) -> Form {
    const HINT: &str = "token_type_hint";
    let mut form = Form::new();
    form.add("token", token.secret().expose());
    let hint = arguments.get(HINT).map_or("access_token", Secret::expose);
    if !hint.is_empty() {
        form.add(HINT, hint);
    }
    for (name, value) in arguments.iter().filter(|(name, _)| *name != HINT) {
        form.add(name, value.expose());
    }
    form
}

impl IntrospectionResponse {
    /// Reads the body of a 200 answer. Only the boolean `true` means active: a string or a number
    /// that looks like it does not.
    ///
    /// # Errors
    /// [`IntrospectionError`]
    pub fn parse(body: &[u8]) -> Result<IntrospectionResponse, IntrospectionError> {
        let members = json::parse_object(body).map_err(|_| IntrospectionError::NotAnObject)?;
        match members.get("active") {
            Some(Value::Bool(true)) => Ok(IntrospectionResponse::Active(ClaimsSet::from_members(members))),
            Some(_) => Ok(IntrospectionResponse::Inactive),
            None => Err(IntrospectionError::ActiveMissing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int_01_only_the_boolean_true_is_active() {
        for (body, expected) in [
            (r#"{"active":true}"#, Ok(true)),
            (r#"{"active":false}"#, Ok(false)),
            (r#"{"active":"true"}"#, Ok(false)),
            (r#"{"active":"false"}"#, Ok(false)),
            (r#"{"active":1}"#, Ok(false)),
            (r#"{"active":null}"#, Ok(false)),
            (r#"{"active":[true]}"#, Ok(false)),
            (r#"{}"#, Err(IntrospectionError::ActiveMissing)),
            (r#"{"active":false,"active":true}"#, Err(IntrospectionError::NotAnObject)),
            ("", Err(IntrospectionError::NotAnObject)),
            ("<html>", Err(IntrospectionError::NotAnObject)),
            ("null", Err(IntrospectionError::NotAnObject)),
            ("[]", Err(IntrospectionError::NotAnObject)),
            (r#"{"active":tr"#, Err(IntrospectionError::NotAnObject)),
        ] {
            let read = IntrospectionResponse::parse(body.as_bytes())
                .map(|response| matches!(response, IntrospectionResponse::Active(_)));
            assert_eq!(read, expected, "{body}");
        }
    }

    #[test]
    fn the_operator_may_change_or_drop_the_hint() {
        let token = BearerToken::from_authorization([&b"Bearer T"[..]].into_iter(), 10).expect("a token");
        let body = |arguments: &[(&str, &str)]| {
            let arguments = arguments.iter().map(|(k, v)| ((*k).to_owned(), Secret::new(*v))).collect();
            request(&token, &arguments).encode().expose().to_owned()
        };
        assert_eq!(body(&[]), "token=T&token_type_hint=access_token");
        assert_eq!(body(&[("token_type_hint", "jwt"), ("a", "b c")]), "token=T&token_type_hint=jwt&a=b+c");
        assert_eq!(body(&[("token_type_hint", "")]), "token=T");
    }
}
