//! Introspection responses (RFC 7662 section 2.2).

use super::claims::ClaimsSet;
use crate::json;
use serde_json::Value;
use std::fmt;

/// What an authorization server says of a token (RFC 7662 section 2.2).
#[derive(Clone, Debug)]
pub enum IntrospectionResponse {
    /// Not valid, whatever the reason.
    Inactive,
    /// Valid, with these claims.
    Active(ClaimsSet),
}

/// The response is not one that RFC 7662 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntrospectionError {
    /// Not one JSON object, or one with duplicate members.
    NotAnObject,
    /// There is no `active`.
    ActiveMissing,
}

impl fmt::Display for IntrospectionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            IntrospectionError::NotAnObject => "cannot be read as a JSON object",
            IntrospectionError::ActiveMissing => "has no active member",
        })
    }
}

impl std::error::Error for IntrospectionError {}

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
}
