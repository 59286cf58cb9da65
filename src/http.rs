//! HTTP as plain data: what a request, a callout and a reply are made of (RFC 9110).
//!
//! Header values are bytes, because clients and servers send bytes. Code that wants text checks it.

use crate::secret::Secret;
use std::fmt;
use std::time::Duration;
use url::{Host, Url};

/// A list of header fields in the order they came. Names are kept in lower case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// Takes pairs as a host lists them.
    pub fn from_pairs(mut pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Headers {
        for (name, _) in &mut pairs {
            name.make_ascii_lowercase();
        }
        Headers(pairs)
    }

    /// Every value of `name` (in lower case), in order.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    /// The first value of `name` (in lower case).
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    /// Name (in lower case) and value of each field line, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

/// Values may hold credentials, so only the names are shown.
impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| String::from_utf8_lossy(name));
        formatter.debug_list().entries(names).finish()
    }
}

/// What is known of a request when its headers have arrived. Any part of it may hold a credential, so that
/// `Debug` shows only how much there is.
#[derive(Clone)]
pub struct RequestHead {
    /// The method, as sent.
    pub method: Vec<u8>,
    /// The request target in origin form: path and query, as the gateway gives it.
    pub target: Vec<u8>,
    /// What else controls how the request is routed: its scheme, its authority, the protocol of an
    /// extended CONNECT (RFC 9113 section 8.3.1, RFC 8441 section 4).
    pub routing: Vec<Vec<u8>>,
    /// The header fields, without pseudo-headers.
    pub headers: Headers,
    /// How many header lines the request really has, pseudo-headers included: a gateway may list
    /// fewer than there are.
    pub header_lines: usize,
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RequestHead({} lines)", self.header_lines)
    }
}

impl RequestHead {
    /// The control data (RFC 9110 section 6.2): all of the request that is neither a field nor its body.
    pub fn control_data(&self) -> impl Iterator<Item = &[u8]> {
        [&self.method, &self.target].into_iter().chain(&self.routing).map(Vec::as_slice)
    }

    /// The target up to its query.
    pub fn path(&self) -> &[u8] {
        self.target.split(|byte| *byte == b'?').next().unwrap_or_default()
    }

    /// The target after the first question mark, when there is one.
    pub fn query(&self) -> Option<&[u8]> {
        let mark = self.target.iter().position(|byte| *byte == b'?')?;
        self.target.get(mark.saturating_add(1)..)
    }
}

/// What is known of an upstream's response when its headers have arrived.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The header fields, without pseudo-headers.
    pub headers: Headers,
}

/// Whether TLS is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// The scheme's name in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// Where a callout goes: an http or https URL, taken apart once at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// http or https.
    pub scheme: Scheme,
    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port, the scheme's default where the URL names none.
    pub port: u16,
    /// Path and query, never empty.
    pub path_and_query: String,
    /// The gateway's own name for this target, where the operator gave one.
    pub cluster: Option<String>,
}

/// Why a text is not the URL of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// Not an absolute http or https URL.
    NotAnHttpUrl,
    /// It carries a user name or a password.
    HasCredentials,
    /// It carries a fragment.
    HasFragment,
}

impl Endpoint {
    /// Reads an absolute http or https URL.
    ///
    /// # Errors
    /// [`EndpointError`] where a callout could not be sent to `text`.
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        let url = Url::parse(text).map_err(|_| EndpointError::NotAnHttpUrl)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(EndpointError::NotAnHttpUrl),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::HasCredentials);
        }
        if url.fragment().is_some() {
            return Err(EndpointError::HasFragment);
        }
        let host = url.host_str().ok_or(EndpointError::NotAnHttpUrl)?.to_owned();
        let port = url.port().unwrap_or_else(|| scheme.default_port());
        let path_and_query = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Endpoint { scheme, host, port, path_and_query, cluster: None })
    }

    /// Host and port, always with the port: `idp.example.com:443`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What goes into the Host field: the port only where it is not the scheme's default
    /// (RFC 9110 section 7.2, RFC 3986 section 6.2.3).
    pub fn host_field(&self) -> String {
        if self.port == self.scheme.default_port() { self.host.clone() } else { self.authority() }
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        match Host::parse(&self.host) {
            Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            Ok(Host::Ipv6(address)) => address.is_loopback(),
            Err(_) => false,
        }
    }
}

/// A request the filter makes itself. Body and header values may hold credentials, so `Debug`
/// shows neither.
#[derive(Clone)]
pub struct Callout {
    /// Where to.
    pub endpoint: Endpoint,
    /// GET or POST.
    pub method: &'static str,
    /// Header fields beside Host, names in lower case, each once.
    pub headers: Vec<(String, Secret)>,
    /// The body; empty for GET.
    pub body: Secret,
    /// How long the answer may take.
    pub timeout: Duration,
    /// Callouts of the same flight ask the same question: a gateway that can wake one request for
    /// another sends only the first. `None` where the answer is for one request alone.
    pub flight: Option<FlightKey>,
}

/// The body of a request. It may hold credentials, so that `Debug` shows only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(pub Vec<u8>);

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Body({} bytes)", self.0.len())
    }
}

/// At most so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteLimit(pub usize);

/// Names a question that requests may have in common; made from a digest, so that it holds no
/// credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlightKey(pub [u8; 32]);

impl Callout {
    /// A POST of `body`. The core sets how long it may take, and with which requests it is shared.
    pub fn post(endpoint: &Endpoint, headers: Vec<(String, Secret)>, body: Secret) -> Callout {
        let endpoint = endpoint.clone();
        Callout { endpoint, method: "POST", headers, body, timeout: Duration::ZERO, flight: None }
    }

    /// A GET of a document of one of the media types that `accept` lists.
    pub fn get(endpoint: &Endpoint, accept: &str) -> Callout {
        let headers = vec![("accept".to_owned(), Secret::new(accept))];
        Callout { method: "GET", ..Callout::post(endpoint, headers, Secret::new("")) }
    }

    /// Adds a header field, its name in lower case, unless there is one of that name: what an operator has
    /// configured stays.
    pub fn add_header(&mut self, name: &str, value: &str) {
        if !self.headers.iter().any(|(known, _)| known == name) {
            self.headers.push((name.to_owned(), Secret::new(value)));
        }
    }
}

impl fmt::Debug for Callout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Callout")
            .field("method", &self.method)
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// How a callout ended.
#[derive(Clone, Debug)]
pub enum CalloutOutcome {
    /// A whole answer arrived.
    Answered(CalloutResponse),
    /// None did.
    Failed(CalloutFailure),
}

/// A whole answer to a callout. Its body may hold a token, so `Debug` shows only its length.
#[derive(Clone)]
pub struct CalloutResponse {
    /// The status code.
    pub status: u16,
    /// The header fields, without pseudo-headers.
    pub headers: Headers,
    /// The whole body.
    pub body: Vec<u8>,
}

impl fmt::Debug for CalloutResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CalloutResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no answer to a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutFailure {
    /// Refused, not resolved, not trusted, or closed before an answer began.
    Unreachable,
    /// It took longer than the timeout.
    TimedOut,
    /// It began and broke off, or what arrived is not whole.
    Broken,
    /// Longer than the filter reads.
    TooLarge,
    /// The gateway has no such target, so nothing was sent.
    UnknownTarget,
    /// The gateway would not send it, so nothing was sent.
    NotSent,
}

/// The filter's own answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// The status code.
    pub status: u16,
    /// Header fields, names in lower case, each name once.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_taken_apart() {
        let endpoint = Endpoint::parse("https://IdP.example.com/oauth2/token?x=1").unwrap();
        assert_eq!(endpoint.authority(), "idp.example.com:443");
        assert_eq!(endpoint.host_field(), "idp.example.com");
        assert_eq!(endpoint.path_and_query, "/oauth2/token?x=1");
        let endpoint = Endpoint::parse("http://[::1]:8080").unwrap();
        assert_eq!(endpoint.authority(), "[::1]:8080");
        assert_eq!(endpoint.host_field(), "[::1]:8080");
        assert_eq!(endpoint.path_and_query, "/");
    }

    #[test]
    fn endpoint_refuses_what_cannot_be_called() {
        for (text, why) in [
            ("", EndpointError::NotAnHttpUrl),
            ("idp.example.com/token", EndpointError::NotAnHttpUrl),
            ("ftp://idp.example.com", EndpointError::NotAnHttpUrl),
            ("https://IdP\u{feff}.example.com", EndpointError::NotAnHttpUrl),
            ("https://u:p@idp.example.com/", EndpointError::HasCredentials),
            ("https://idp.example.com/#x", EndpointError::HasFragment),
        ] {
            assert_eq!(Endpoint::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for (text, expected) in [
            ("http://localhost:1/", true),
            ("http://127.8.0.1/", true),
            ("http://[::1]/", true),
            ("http://localhost.example.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn target_splits_at_the_first_question_mark() {
        let mut head = RequestHead {
            method: b"GET".to_vec(),
            target: b"/a?b?c".to_vec(),
            routing: Vec::new(),
            headers: Headers::default(),
            header_lines: 0,
        };
        assert_eq!((head.path(), head.query()), (&b"/a"[..], Some(&b"b?c"[..])));
        head.target = b"/a".to_vec();
        assert_eq!((head.path(), head.query()), (&b"/a"[..], None));
    }
}
