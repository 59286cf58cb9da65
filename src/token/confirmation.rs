//! Whether a token is bound to a key of its holder (RFC 7800).

use super::claims::ClaimsSet;
use serde_json::Value;

/// What a token demands of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Nothing: a bearer token.
    None,
    /// Possession of a key.
    Key,
}

impl Confirmation {
    /// Reads `cnf` and `token_type`.
    ///
    /// RFC 8705 section 3 wants the certificate of a token with `cnf` checked, RFC 9449 section 7.2 forbids
    /// DPoP tokens as bearer tokens, and an authorization server says the latter by `token_type` as well.
    pub fn of(claims: &ClaimsSet) -> Confirmation {
        let has_cnf = claims.get("cnf").is_some();
        let token_type = claims.get("token_type").and_then(Value::as_str).unwrap_or_default();
        if has_cnf || token_type.eq_ignore_ascii_case("DPoP") {
            Confirmation::Key
        } else {
            Confirmation::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_bound_to_a_key_is_no_bearer_token() {
        for (claims, expected) in [
            (json!({"cnf": {"jkt": "x"}}), Confirmation::Key),
            (json!({"cnf": {"x5t#S256": "x"}}), Confirmation::Key),
            (json!({"cnf": "x"}), Confirmation::Key),
            (json!({"token_type": "DPoP"}), Confirmation::Key),
            (json!({"token_type": "dpop"}), Confirmation::Key),
            (json!({"token_type": "Bearer"}), Confirmation::None),
            (json!({"token_type": "access_token"}), Confirmation::None),
            (json!({"cnf": null}), Confirmation::None),
            (json!({}), Confirmation::None),
        ] {
            let set = ClaimsSet::from_members(claims.as_object().unwrap().clone());
            assert_eq!(Confirmation::of(&set), expected, "{claims}");
        }
    }
}
