//! Names of the operator's own: header fields and form parameters.

use super::check::Checker;
use super::error::beneath;
use super::policy::ClaimHeader;
use super::written::Sealed;
use crate::oauth::client_auth::ClientAuthentication;
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// Form parameters of an introspection request that the filter sets itself.
const OWN_PARAMETERS: [&str; 5] =
    ["token", "client_id", "client_secret", "client_assertion", "client_assertion_type"];

/// Whether a header field of this name (in lower case) frames the message or steers the connection
/// (RFC 9110 section 7.6.1, RFC 9112), so that setting it would break the request.
pub(super) fn is_framing(name: &str) -> bool {
    const FRAMING: [&str; 11] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    FRAMING.contains(&underscores_as_hyphens(name).as_str())
}

/// Servers that hand header fields on as variables cannot tell `-` from `_`.
fn underscores_as_hyphens(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

impl Checker<'_> {
    /// Form parameters of the operator's own.
    pub(super) fn arguments(&mut self) -> Option<BTreeMap<String, Secret>> {
        let mut arguments = BTreeMap::new();
        let mut all_right = true;
        for (name, Sealed(value)) in &self.config.args {
            if OWN_PARAMETERS.contains(&name.as_str()) {
                let sentence =
                    "take this out: the filter sets it itself, from the token, client_id and client_secret";
                self.mistakes.add(&beneath("/args", name), sentence);
                all_right = false;
            }
            arguments.insert(name.clone(), value.clone());
        }
        all_right.then_some(arguments)
    }

    /// Header fields of the operator's own in introspection requests.
    pub(super) fn introspection_headers(
        &mut self,
        client: Option<&ClientAuthentication>,
    ) -> Option<Vec<(String, Secret)>> {
        let mut headers = BTreeMap::new();
        let mut all_right = true;
        for (written, Sealed(value)) in &self.config.headers {
            let name = written.to_ascii_lowercase();
            let authenticates = !matches!(client, None | Some(ClientAuthentication::None { .. }));
            let sentence = if name == "authorization" && authenticates {
                "take this out, or set client_auth to none: a request carries one kind of client authentication"
            } else if is_framing(&name) || name == "content-type" || name == "accept" {
                "take this out: the filter or the gateway sets this header field itself"
            } else if headers.insert(name, value.clone()).is_some() {
                "this header field stands here twice, in another case: take one out"
            } else {
                continue;
            };
            self.mistakes.add(&beneath("/headers", written), sentence);
            all_right = false;
        }
        all_right.then(|| headers.into_iter().collect())
    }

    /// Header fields that carry claims upstream.
    pub(super) fn claim_headers(&mut self) -> Option<Vec<ClaimHeader>> {
        let config = self.config;
        if !config.claim_to_header.is_empty() && !config.upstream_headers.is_empty() {
            let sentence = "leave this out, or claim_to_header: only one of the two can be used";
            self.mistakes.add("/upstream_headers", sentence);
            return None;
        }
        let claims = config.claim_to_header.iter().map(|entry| {
            let entry = entry.as_ref()?;
            Some((&entry.header, vec![entry.claim.clone()]))
        });
        let paths = config.upstream_headers.iter().map(|entry| {
            let entry = entry.as_ref()?;
            Some((&entry.header, entry.path.clone()))
        });
        let list = if config.upstream_headers.is_empty() { "/claim_to_header" } else { "/upstream_headers" };
        let mut seen = BTreeSet::new();
        let mut all_right = true;
        let mut headers = Vec::new();
        for (index, entry) in claims.chain(paths).enumerate() {
            let Some((written, path)) = entry else { continue };
            let header = written.to_ascii_lowercase();
            if let Some(sentence) = self.no_claim_header(&header, &mut seen) {
                self.mistakes.add(&format!("{list}/{index}/header"), sentence);
                all_right = false;
            }
            headers.push(ClaimHeader { header, path });
        }
        all_right.then_some(headers)
    }

    /// Why a claim cannot go into the header field `name`, where it cannot.
    fn no_claim_header(&self, name: &str, seen: &mut BTreeSet<String>) -> Option<&'static str> {
        let plain = underscores_as_hyphens(name);
        let actor = self.actor_header_name().map(|actor| underscores_as_hyphens(&actor));
        if plain == "authorization" {
            Some("write another name: Authorization carries the upstream's token")
        } else if actor.as_ref() == Some(&plain) {
            Some("write another name: this header field carries the actor token")
        } else if is_framing(name) {
            Some("write another name: a request cannot do without this header field as it is")
        } else if !seen.insert(plain) {
            Some("write another name: this header field stands in the list already (- and _ count as one)")
        } else {
            None
        }
    }
}
