//! The introspection request (RFC 7662 section 2.1).

use super::form::Form;
use crate::oauth::bearer::BearerToken;
use crate::secret::Secret;
use std::collections::BTreeMap;

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

#[cfg(test)]
mod tests {
    use super::*;

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
