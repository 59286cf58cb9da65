//! Which headers of the request change on its way to the upstream. Only this file makes
//! [`HeaderEdits`].

use super::accept::ValidatedToken;
use super::authorize::Authorized;
use super::environment::Environment;
use super::field_rules::FieldRules;
use super::header_edit::HeaderEdit;
use super::receipt::Receipt;
use super::request::Request;
use super::server::ResourceServer;
use super::upstream_token::UpstreamToken;
use crate::policy::plan::UpstreamCredential;
use crate::rejection::Rejection;
use crate::report::Note;
use serde_json::Value;
use std::rc::Rc;

/// A longer value is not set: it would make the upstream refuse the whole request.
const MAX_VALUE_BYTES: usize = 16_384;

/// The edits that turn the client's request into the upstream's, in the order to apply them. Holding
/// this value is the proof that the request may pass: it is made from a validated token that allows it
/// and, where the policy has one issued, the upstream's own.
#[derive(Debug)]
pub struct HeaderEdits(Vec<HeaderEdit>);

impl HeaderEdits {
    /// The edits, in order.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderEdit> {
        self.0.iter()
    }
}

impl ResourceServer {
    /// The edits for a request with a validated token: first what the client may have forged is taken
    /// off, then what the filter vouches for is set.
    ///
    /// # Errors
    /// The policy has a token issued and there is none, or the other way round: a fault of the filter.
    pub(super) fn rewrite(
        &self,
        request: &Request,
        token: &ValidatedToken,
        _: &Authorized,
        upstream: Option<&UpstreamToken>,
        environment: &mut Environment<'_>,
    ) -> Result<(HeaderEdits, Receipt), Rejection> {
        let mut set: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        match (&self.policy.upstream_credential, upstream.map(UpstreamToken::issued)) {
            (UpstreamCredential::Issued(_), Some(Some(issued))) => {
                set.push((b"authorization".to_vec(), format!("Bearer {}", issued.expose()).into_bytes()));
            }
            (UpstreamCredential::Original, Some(None)) | (UpstreamCredential::Removed, None) => {}
            _ => return Err(Rejection::Internal),
        }
        // Made for a value that is there: most configurations set none.
        let mut rules = None;
        let mut is_copy = |value: &String| {
            let rules =
                rules.get_or_insert_with(|| FieldRules::new(&self.policy, &request.presented.credentials));
            rules.finds_copy(value.as_bytes())
        };
        for claim_header in &self.policy.claim_headers {
            let value = token.claims().at_path(&claim_header.path).and_then(header_value);
            // An issuer or a server may repeat the caller's own token in a claim.
            match value.filter(|value| !is_copy(value)) {
                Some(value) => set.push((claim_header.header.clone().into_bytes(), value.into_bytes())),
                None => environment.report.add(Note::ClaimHeaderUnset(claim_header.header.clone())),
            }
        }
        let removed = request.presented.headers_to_remove.iter();
        let removed = removed.filter(|name| !set.iter().any(|(set, _)| set == *name));
        let mut edits: Vec<HeaderEdit> =
            removed.map(|name| HeaderEdit::Remove { name: name.clone() }).collect();
        edits.extend(set.into_iter().map(|(name, value)| HeaderEdit::Set { name, value }));
        Ok((
            HeaderEdits(edits),
            Receipt::new(Rc::clone(&request.presented.credentials), request.settled.leg_key),
        ))
    }
}

/// A claim as a header's value: a string as it is, everything else as JSON. `None` for null, for what
/// cannot stand in a header, for a string with a blank at its edge, and where a number was too large to be
/// read exactly: in the last two, one user's value could become another's on its way.
fn header_value(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::Null => return None,
        other if !is_exact(other) => return None,
        Value::String(text) if text.starts_with(is_blank) || text.ends_with(is_blank) => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fits = text.len() <= MAX_VALUE_BYTES && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// What a reader of the header may take off a value's edge: blanks, as RFC 9110 section 5.5 asks of every
/// recipient, and what else the string functions of common languages trim, which includes three characters
/// without width that are not white space to Unicode, or no longer.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{180e}' | '\u{200b}' | '\u{feff}')
}

/// Whether no number in `claim` may have been rounded: whole ones are exact as far as they fit 64 bits,
/// others up to 2^53.
fn is_exact(claim: &Value) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match claim {
        Value::Number(number) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.abs() < EXACT)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_as_header_values() {
        for (claim, expected) in [
            (json!("J\u{f6}rg"), Some("J\u{f6}rg")),
            (json!(""), Some("")),
            (json!(7), Some("7")),
            (json!(true), Some("true")),
            (json!(1.5), Some("1.5")),
            (json!(u64::MAX), Some("18446744073709551615")),
            (serde_json::from_str("18446744073709551616").unwrap(), None),
            (json!(9_007_199_254_740_991.0), Some("9007199254740991.0")),
            (json!(9_007_199_254_740_992.0), None),
            (json!([{"id": 1e300}]), None),
            (json!(["a", "b\n"]), Some(r#"["a","b\n"]"#)),
            (json!({"a": 1}), Some(r#"{"a":1}"#)),
            (json!(null), None),
            (json!("a b"), Some("a b")),
            (json!(" admin"), None),
            (json!("admin "), None),
            (json!(" "), None),
            (json!("\tadmin"), None),
            (json!("admin\t"), None),
            (json!("\u{a0}admin"), None),
            (json!("admin\u{2003}"), None),
            (json!("admin\u{3000}"), None),
            (json!("\u{feff}admin"), None),
            (json!("admin\u{200b}"), None),
            (json!("\u{180e}admin"), None),
            (json!("a\u{a0}b"), Some("a\u{a0}b")),
            (json!([" admin "]), Some(r#"[" admin "]"#)),
            (json!({" a": " "}), Some(r#"{" a":" "}"#)),
            (json!("a\tb"), None),
            (json!(["a\u{85}"]), None),
            (json!("a\u{7f}"), None),
            (json!("a\u{85}b"), None),
            (json!("a\r\nx: y"), None),
            (json!("a\u{0}"), None),
            (json!("x".repeat(MAX_VALUE_BYTES + 1)), None),
        ] {
            assert_eq!(header_value(&claim).as_deref(), expected, "{claim}");
        }
    }
}
