//! What must hold for any request and any answers, in any order: the whole core as a list of inputs.

use crate::copies::has_copy;
use crate::story::{self, Ending, Story};
use serde_json::json;
use token_exchange::config;
use token_exchange::http::{CalloutFailure, CalloutOutcome, Scheme};
use token_exchange::network::Network;
use token_exchange::oauth::server_metadata;
use token_exchange::oauth::token_exchange::IssuedToken;
use token_exchange::rejection::RetryAfter;
use token_exchange::time::UnixTime;
use token_exchange::token::audience::same_audience;
use token_exchange::token::introspection_response::IntrospectionResponse;
use token_exchange::trace_context::TraceParent;

/// A configuration loads, or every mistake in it says what to write.
pub fn config(data: &[u8]) {
    match config::load(data, &|_| Some("secret".to_owned())) {
        Ok(loaded) => assert!(!loaded.policy.resource.identifier.is_empty()),
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|mistake| !mistake.message.is_empty()));
        }
    }
}

/// What is read from an authorization server is fit for what is done with it.
pub fn answers(data: &[u8]) {
    if let Ok(issued) = IssuedToken::parse(data, None) {
        let token = issued.token.expose();
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Ok(IntrospectionResponse::Active(claims)) = IntrospectionResponse::parse(data) {
        assert_eq!(claims.get("active"), Some(&json!(true)));
    }
    if let Ok(endpoint) = server_metadata::keys_endpoint(data, "https://as.example.com", false) {
        assert_eq!((endpoint.scheme, Network::of_host(&endpoint.host)), (Scheme::Https, Network::Public));
    }
    // Whatever stands in the field, there is a time to come back.
    RetryAfter::from_field(Some(data), UnixTime::from_seconds(story::START));
    if let Some(parent) = TraceParent::parse(data) {
        assert_eq!((parent.as_str().len(), parent.as_str().as_bytes()), (55, data));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let ours = "https://api.example.com";
        let is_ours = text.strip_suffix('/').unwrap_or(text).eq_ignore_ascii_case(ours);
        assert_eq!(same_audience(ours, text), is_ours);
    }
}

/// A request, then what each callout brings: sections with an empty line between them. The first
/// begins with method and target and goes on with header lines, which come as trailers, too; each other
/// begins with a status, 0 for no answer. The first byte chooses the gateway.
pub fn requests(data: &[u8]) {
    let Some((gateway, data)) = data.split_first() else { return };
    let host = if gateway % 2 == 0 { story::REMOVES_HEADERS } else { story::EMPTIES_HEADERS };
    let mut story = Story::on(&story::config_with(&configuration()), host);
    let mut sections = split(data, b"\n\n");
    let request = sections.next().unwrap_or_default();
    let outcomes: Vec<CalloutOutcome> = sections.map(outcome).collect();
    for _ in 0..2 {
        let mut ending = story.begin(head(request));
        for outcome in &outcomes {
            if ending.is_some() {
                break;
            }
            ending = story.resume(outcome);
        }
        if let Some(Ending::Forwarded(headers)) = ending {
            assert!(story.sent.len() >= 2, "a token was validated and exchanged");
            let authorization: Vec<_> = headers.iter().filter(|(name, _)| name == "authorization").collect();
            assert_eq!(authorization.len(), 1);
            assert!(authorization[0].1.starts_with(b"Bearer "));
            let user = headers.iter().filter(|(name, value)| name == "x-user" && !value.is_empty()).count();
            assert!(user <= 1, "no forged identity beside the validated one");
            let trailers = story.trailers_bytes(fields(request).1);
            let names = ["authorization", "proxy-authorization", "x-user", "x-actor"];
            let folded = |name: &[u8]| String::from_utf8_lossy(name).replace('_', "-");
            assert!(!trailers.iter().any(|(name, _)| names.contains(&folded(name).as_str())));
            for token in tokens(request).iter().filter(|token| token.len() >= LONG) {
                let is_free = |text: &[u8]| !has_copy(text, token);
                assert!(is_free(&head(request).target), "a copy in the target");
                assert!(headers.iter().all(|(_, value)| is_free(value)), "a copy in a header");
                assert!(trailers.iter().all(|(_, value)| is_free(value)), "a copy in a trailer");
            }
        }
    }
    assert!(story.sent.len() <= 12);
    assert!(story.log.iter().all(|(_, line)| !line.contains('\n')));
    let traces = story.sent.iter().filter_map(|sent| sent.header("traceparent"));
    let tokens: Vec<_> = tokens(request).into_iter().filter(|token| token.len() >= LONG).collect();
    for trace in traces {
        assert!(!tokens.iter().any(|token| has_copy(trace.as_bytes(), token)), "a copy in a callout");
    }
}

fn configuration() -> serde_json::Value {
    json!({
        "claim_to_header": [{"claim": "sub", "header": "x-user"}],
        "token_exchange": {"request": {
            "actor_token_source": "header", "actor_token_header": "x-actor", "actor_token_optional": true
        }}
    })
}

/// From this length on a token is found as a part of a text.
const LONG: usize = 16;

fn head(section: &[u8]) -> token_exchange::http::RequestHead {
    let (first, headers) = fields(section);
    let (method, target) = first.split_once(' ').unwrap_or(("GET", "/mcp"));
    story::request_bytes(method, target, headers)
}

/// Names and values.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The first line, then names and values.
fn fields(section: &[u8]) -> (String, Fields) {
    let mut lines = split(section, b"\n");
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let headers = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((line[..colon].to_vec(), line[colon + 1..].to_vec()))
    });
    (first, headers.collect())
}

/// The tokens that a request presents to the filter, where it is one that the filter reads.
fn tokens(section: &[u8]) -> Vec<String> {
    let head = head(section);
    let of = |name: &[u8]| {
        let text = String::from_utf8_lossy(head.headers.first(name)?).trim_matches([' ', '\t']).to_owned();
        let token = text.split_once(' ').map_or(text.as_str(), |(_, token)| token.trim_start_matches(' '));
        Some(token.to_owned())
    };
    [of(b"authorization"), of(b"x-actor")].into_iter().flatten().collect()
}

fn outcome(section: &[u8]) -> CalloutOutcome {
    let (status, body) = match section.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&section[..end], &section[end + 1..]),
        None => (section, &b""[..]),
    };
    match std::str::from_utf8(status).ok().and_then(|status| status.trim().parse().ok()) {
        None | Some(0) => story::failed(CalloutFailure::Broken),
        Some(status) => story::answer(status, String::from_utf8_lossy(body)),
    }
}

fn split<'a>(data: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        match data.windows(separator.len()).position(|window| window == separator) {
            Some(at) => {
                rest = Some(&data[at + separator.len()..]);
                Some(&data[..at])
            }
            None => rest.take(),
        }
    })
}
