//! Which headers of the request change on its way to the upstream.

use super::step::{Environment, HeaderEdit, HeaderEdits};
use super::validated::ValidatedToken;
use crate::policy::{Policy, UpstreamCredential};
use crate::rejection::Rejection;
use crate::report::{Level, Quoted};
use crate::secret::Secret;
use serde_json::Value;

/// A longer value is not set: it would make the upstream refuse the whole request.
const MAX_VALUE_BYTES: usize = 16_384;

/// The edits for a request with a validated token: first everything goes that the client may have
/// forged, then what the filter vouches for is set.
///
/// # Errors
/// The policy exchanges tokens and there is no issued token, or the other way round.
pub(super) fn edits(
    policy: &Policy,
    taken_off: &[Vec<u8>],
    validated: &ValidatedToken,
    issued: Option<&Secret>,
    environment: &mut Environment<'_>,
) -> Result<HeaderEdits, Rejection> {
    let mut set: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    match (&policy.upstream_credential, issued) {
        (UpstreamCredential::Exchanged(_), Some(token)) => {
            set.push((b"authorization".to_vec(), format!("Bearer {}", token.expose()).into_bytes()));
        }
        (UpstreamCredential::Original | UpstreamCredential::Removed, None) => {}
        // An exchange without its token, or a token that nobody asked for: neither may pass.
        (UpstreamCredential::Exchanged(_), None) | (_, Some(_)) => return Err(Rejection::Internal),
    }
    for claim_header in &policy.claim_headers {
        match validated.claims().at_path(&claim_header.path).map(header_value) {
            Some(Some(value)) => set.push((claim_header.header.clone().into_bytes(), value.into_bytes())),
            None | Some(None) => environment
                .report
                .add(Level::Debug, format!("no value for the header {}", Quoted(&claim_header.header))),
        }
    }
    let removed = taken_off
        .iter()
        .filter(|name| !set.iter().any(|(set, _)| set == *name))
        .map(|name| HeaderEdit::Remove { name: name.clone() });
    let mut edits: Vec<HeaderEdit> = removed.collect();
    edits.extend(set.into_iter().map(|(name, value)| HeaderEdit::Set { name, value }));
    Ok(HeaderEdits(edits))
}

/// A claim as a header's value: a string as it is, everything else as JSON. `None` for null, for what
/// cannot stand in a header, and where a number was too large to be read exactly: two users' could have
/// become one.
fn header_value(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::Null => return None,
        other if !is_exact(other) => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fits = text.len() <= MAX_VALUE_BYTES && !text.chars().any(char::is_control);
    fits.then_some(text)
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
            (json!([{"id": 1e300}]), None),
            (json!(["a", "b\n"]), Some(r#"["a","b\n"]"#)),
            (json!({"a": 1}), Some(r#"{"a":1}"#)),
            (json!(null), None),
            (json!("a\r\nx: y"), None),
            (json!("a\u{0}"), None),
            (json!("x".repeat(MAX_VALUE_BYTES + 1)), None),
        ] {
            assert_eq!(header_value(&claim).as_deref(), expected, "{claim}");
        }
    }
}
