//! A request as a story: what arrives, which calls the filter makes, what they bring, how it ends.
//! On a virtual clock and without a gateway.

use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use token_exchange::cache::shared::{SharedStore, Slot, Version, WriteResult};
use token_exchange::config;
use token_exchange::digest::Digest;
use token_exchange::entropy::{Entropy, EntropyUnavailable};
use token_exchange::flow::step::{BodyFailure, Environment, Event, HeaderEdit, Step};
use token_exchange::flow::{Credentials, Pending, ResourceServer};
use token_exchange::http::{
    ByteLimit, Callout, CalloutFailure, CalloutOutcome, CalloutResponse, FlightKey, Headers, LocalReply,
    RequestHead,
};
use token_exchange::policy::Policy;
use token_exchange::policy::host::HostTraits;
use token_exchange::report::{Level, Report};
use token_exchange::time::UnixTime;

/// When every story begins, in seconds.
pub const START: u64 = 1_800_000_000;

/// A gateway like Envoy.
pub const REMOVES_HEADERS: HostTraits = HostTraits::ENVOY;

/// A gateway like Kong.
pub const EMPTIES_HEADERS: HostTraits = HostTraits::KONG;

/// The configuration that stories change.
pub fn base_config() -> Value {
    json!({
        "resource": "https://api.example.com/mcp",
        "authorization_servers": ["https://as.example.com/realms/demo"],
        "introspection_endpoint": "https://as.example.com/introspect",
        "client_id": "gw",
        "client_secret": "s3",
        "passthrough_credentials": true,
        "token_exchange": {
            "enabled": true,
            "token_endpoint": "https://as.example.com/token",
            "client_id": "exchange-client",
            "client_secret": "s4"
        }
    })
}

/// What the introspection endpoint says of a token unless a story says otherwise.
pub fn active() -> Value {
    json!({"active": true, "sub": "u1", "aud": "https://api.example.com/mcp", "exp": START + 600})
}

/// What the token endpoint issues unless a story says otherwise.
pub fn issued() -> Value {
    json!({
        "access_token": "X1",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 300
    })
}

/// Applies an RFC 7396 merge patch.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let object = target.as_object_mut().unwrap();
    for (name, change) in members {
        if change.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// The base configuration with a merge patch.
pub fn config_with(patch: &Value) -> Value {
    let mut config = base_config();
    merge(&mut config, patch);
    config
}

/// A request head with header fields as text.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> RequestHead {
    let pairs = headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    request_bytes(method, target, pairs.collect())
}

/// A request head with header fields as bytes.
pub fn request_bytes(method: &str, target: &str, headers: Vec<(Vec<u8>, Vec<u8>)>) -> RequestHead {
    RequestHead {
        method: method.as_bytes().to_vec(),
        target: target.as_bytes().to_vec(),
        routing: vec![b"https".to_vec(), b"api.example.com".to_vec()],
        header_lines: headers.len() + 4,
        headers: Headers::from_pairs(headers),
    }
}

/// A POST to the protected resource with a Bearer token.
pub fn with_token(token: &str) -> RequestHead {
    request("POST", "/mcp", &[("authorization", &format!("Bearer {token}"))])
}

/// A whole answer.
pub fn answer(status: u16, body: impl ToString) -> CalloutOutcome {
    answer_with(status, &[], body)
}

/// A whole answer with header fields.
pub fn answer_with(status: u16, headers: &[(&str, &str)], body: impl ToString) -> CalloutOutcome {
    let pairs = headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    CalloutOutcome::Answered(CalloutResponse {
        status,
        headers: Headers::from_pairs(pairs.collect()),
        body: body.to_string().into_bytes(),
    })
}

/// No answer.
pub fn failed(failure: CalloutFailure) -> CalloutOutcome {
    CalloutOutcome::Failed(failure)
}

/// A callout as a test looks at it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// `https://as.example.com/token`
    pub url: String,
    /// Header fields beside Host.
    pub headers: Vec<(String, String)>,
    /// The form.
    pub body: String,
    /// How long it may take.
    pub timeout: Duration,
    /// What it has in common with callouts of other requests.
    pub flight: Option<FlightKey>,
}

impl Sent {
    fn of(callout: &Callout) -> Sent {
        let endpoint = &callout.endpoint;
        let exposed = |(name, value): &(String, token_exchange::secret::Secret)| {
            (name.clone(), value.expose().to_owned())
        };
        Sent {
            url: format!(
                "{}://{}{}",
                endpoint.scheme.as_str(),
                endpoint.host_field(),
                endpoint.path_and_query
            ),
            headers: callout.headers.iter().map(exposed).collect(),
            body: callout.body.expose().to_owned(),
            timeout: callout.timeout,
            flight: callout.flight,
        }
    }

    /// A header field's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

/// How a request ended.
#[derive(Debug)]
pub enum Ending {
    /// Upstream got it; the header fields as they arrive there.
    Forwarded(Vec<(String, Vec<u8>)>),
    /// The filter answered.
    Answered(LocalReply),
}

impl Ending {
    /// The values of a header field that the upstream received; panics where nothing was forwarded.
    pub fn upstream(&self, name: &str) -> Vec<String> {
        match self {
            Ending::Forwarded(headers) => headers
                .iter()
                .filter(|(candidate, _)| candidate == name)
                .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
                .collect(),
            Ending::Answered(response) => panic!("not forwarded but answered {response:?}"),
        }
    }

    /// The filter's answer; panics where the request was forwarded.
    pub fn response(&self) -> &LocalReply {
        match self {
            Ending::Answered(response) => response,
            Ending::Forwarded(headers) => panic!("not answered but forwarded {headers:?}"),
        }
    }

    /// Status of the filter's answer, or `None` for a forwarded request.
    pub fn status(&self) -> Option<u16> {
        match self {
            Ending::Answered(response) => Some(response.status),
            Ending::Forwarded(_) => None,
        }
    }

    /// A header field of the filter's answer.
    pub fn answer_header(&self, name: &str) -> Option<&str> {
        self.response().headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// `error` of the challenge.
    pub fn challenge_error(&self) -> Option<String> {
        let challenge = self.answer_header("www-authenticate")?;
        let (_, rest) = challenge.split_once("error=\"")?;
        Some(rest.split('"').next()?.to_owned())
    }
}

/// The bytes of each slot, and how often it was written.
type Entries = BTreeMap<Slot, (Vec<u8>, u32)>;

/// A gateway's shared data, which several workers may have in common.
#[derive(Clone, Default)]
pub struct SharedData {
    entries: Rc<RefCell<Entries>>,
    /// How often it was read or written.
    pub used: Rc<Cell<usize>>,
}

impl SharedData {
    /// Everything in it.
    pub fn entries(&self) -> Vec<(Slot, Vec<u8>)> {
        self.entries.borrow().iter().map(|(slot, (bytes, _))| (*slot, bytes.clone())).collect()
    }
}

impl SharedStore for SharedData {
    fn get(&mut self, slot: Slot) -> (Option<Vec<u8>>, Version) {
        self.used.set(self.used.get() + 1);
        match self.entries.borrow().get(&slot) {
            Some((bytes, version)) => (Some(bytes.clone()), Version(*version)),
            None => (None, Version(0)),
        }
    }

    fn put(&mut self, slot: Slot, version: Version, entry: &[u8]) -> WriteResult {
        self.used.set(self.used.get() + 1);
        let mut entries = self.entries.borrow_mut();
        let last = entries.get(&slot).map_or(0, |(_, version)| *version);
        if version.0 != last {
            return WriteResult::Lost;
        }
        entries.insert(slot, (entry.to_vec(), last + 1));
        WriteResult::Done
    }
}

/// Random bytes of a gateway, the same in each run of a test.
#[derive(Default)]
pub struct RandomBytes {
    /// How often they were asked for.
    pub used: u64,
    /// There are none.
    pub unavailable: bool,
}

impl Entropy for RandomBytes {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        if self.unavailable {
            return Err(EntropyUnavailable);
        }
        self.used += 1;
        let number = self.used.to_be_bytes();
        bytes.iter_mut().zip(number.iter().cycle()).for_each(|(byte, value)| *byte = *value);
        Ok(())
    }
}

/// A filter under test, on a clock that stands still until it is moved.
pub struct Story {
    server: ResourceServer,
    host: HostTraits,
    now: UnixTime,
    pending: Option<(Pending, RequestHead)>,
    most_callouts: usize,
    credentials: Option<Rc<Credentials>>,
    /// The limit with which the body was last asked for.
    pub body_limit: Option<ByteLimit>,
    /// Under which key the token is cached that was last sent upstream, where it is one that is cached.
    pub issued_token: Option<Digest>,
    /// The gateway's shared data.
    pub store: SharedData,
    /// The gateway's random bytes.
    pub entropy: RandomBytes,
    /// Every callout so far.
    pub sent: Vec<Sent>,
    /// Every log line so far.
    pub log: Vec<(Level, String)>,
}

/// A request that waits for its callout.
pub struct Waiting((Pending, RequestHead));

impl Story {
    /// A filter with this configuration on a gateway that removes headers.
    pub fn new(config: &Value) -> Story {
        Story::on(config, REMOVES_HEADERS)
    }

    /// A filter with this configuration on a gateway of these abilities.
    pub fn on(config: &Value, host: HostTraits) -> Story {
        Story::with_policy(config, host, |_| {})
    }

    /// Sets the clock to so many seconds after the start.
    pub fn at(&mut self, seconds: f64) -> &mut Story {
        self.now = UnixTime::from_seconds(START).saturating_add(Duration::from_secs_f64(seconds));
        self
    }

    /// A filter whose policy is changed before it is set up, on a gateway of these abilities.
    pub fn with_policy(config: &Value, host: HostTraits, change: impl FnOnce(&mut Policy)) -> Story {
        let loaded = config::load(config.to_string().as_bytes(), &|_| None)
            .unwrap_or_else(|mistakes| panic!("the configuration does not load: {mistakes:#?}"));
        let mut policy = loaded.policy;
        change(&mut policy);
        Story {
            most_callouts: policy.most_callouts(),
            server: ResourceServer::new(policy, host).expect("a policy for this host"),
            host,
            now: UnixTime::from_seconds(START),
            pending: None,
            credentials: None,
            body_limit: None,
            issued_token: None,
            store: SharedData::default(),
            entropy: RandomBytes::default(),
            sent: Vec::new(),
            log: Vec::new(),
        }
    }

    /// The most callouts that one request can need, by the policy.
    pub fn most_callouts(&self) -> usize {
        self.most_callouts
    }

    /// A request arrives. `Some` when it has ended, `None` while it waits for a callout.
    pub fn begin(&mut self, request: RequestHead) -> Option<Ending> {
        let mut report = Report::new();
        let mut environment = Environment {
            now: self.now,
            store: &mut self.store,
            entropy: &mut self.entropy,
            report: &mut report,
        };
        let step = self.server.begin(&request, &mut environment);
        self.take(step, request, &report)
    }

    /// The pending callout ends.
    pub fn resume(&mut self, outcome: &CalloutOutcome) -> Option<Ending> {
        self.take_up(outcome, false)
    }

    /// The pending callout was joined to one that another request made, and that ends.
    pub fn resume_joined(&mut self, outcome: &CalloutOutcome) -> Option<Ending> {
        self.take_up(outcome, true)
    }

    /// Sets a request aside, to take up another.
    pub fn set_aside(&mut self) -> Waiting {
        Waiting(self.pending.take().expect("a pending callout"))
    }

    /// Takes up a request that was set aside.
    pub fn return_to(&mut self, waiting: Waiting) -> &mut Story {
        self.pending = Some(waiting.0);
        self
    }

    /// The client of a request that was set aside has left, and the callout that it waited for ends.
    pub fn ends_without(&mut self, waiting: Waiting, outcome: &CalloutOutcome) {
        let mut report = Report::new();
        let mut environment = Environment {
            now: self.now,
            store: &mut self.store,
            entropy: &mut self.entropy,
            report: &mut report,
        };
        self.server.fetched(waiting.0.0, outcome, &mut environment);
        self.log.extend(report.lines());
    }

    fn take_up(&mut self, outcome: &CalloutOutcome, joined: bool) -> Option<Ending> {
        let (pending, request) = self.pending.take().expect("a pending callout");
        let mut report = Report::new();
        let mut environment = Environment {
            now: self.now,
            store: &mut self.store,
            entropy: &mut self.entropy,
            report: &mut report,
        };
        let step = self.server.resume(pending, Event::Called { outcome, joined }, &mut environment);
        self.take(step, request, &report)
    }

    /// The body that was asked for is there, or cannot be had.
    pub fn resume_with_body(&mut self, body: Result<&[u8], BodyFailure>) -> Option<Ending> {
        let (pending, request) = self.pending.take().expect("a pending body");
        let mut report = Report::new();
        let mut environment = Environment {
            now: self.now,
            store: &mut self.store,
            entropy: &mut self.entropy,
            report: &mut report,
        };
        let step = self.server.resume(pending, Event::Body(body), &mut environment);
        self.take(step, request, &report)
    }

    /// Runs one request to its end with these outcomes, in order; all of them must be used.
    pub fn run(&mut self, request: RequestHead, outcomes: &[CalloutOutcome]) -> Ending {
        let mut ending = self.begin(request);
        for outcome in outcomes {
            assert!(ending.is_none(), "ended before {outcome:?}: {ending:?}");
            ending = self.resume(outcome);
        }
        ending.unwrap_or_else(|| panic!("waits for another callout: {:?}", self.sent.last()))
    }

    /// Runs one request to its end with a server that answers as it usually does.
    pub fn run_well(&mut self, request: RequestHead) -> Ending {
        let mut ending = self.begin(request);
        while ending.is_none() {
            let asked = self.sent.last().expect("a callout").url.clone();
            let body = if asked.contains("introspect") { active() } else { issued() };
            ending = self.resume(&answer(200, body));
        }
        ending.expect("the loop ends with one")
    }

    /// Trailers of the newest request arrive. The fields of them that go on to the upstream; panics where the
    /// request was answered.
    pub fn trailers(&self, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let bytes = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let go_on = self.trailers_bytes(fields.iter().map(bytes).collect());
        go_on.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// The same, as bytes.
    pub fn trailers_bytes(&self, fields: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let credentials = self.credentials.as_deref().expect("a request that goes on, or may");
        let trailers = Headers::from_pairs(fields);
        let removed = self.server.trailers_to_remove(credentials, &trailers);
        let left = trailers.iter().filter(|(name, _)| !removed.iter().any(|removed| removed == name));
        left.map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
    }

    /// How many callouts went to a URL that contains `part`.
    pub fn calls_to(&self, part: &str) -> usize {
        self.sent.iter().filter(|sent| sent.url.contains(part)).count()
    }

    fn take(&mut self, step: Step, request: RequestHead, report: &Report) -> Option<Ending> {
        self.log.extend(report.lines());
        match step {
            Step::Call(callout, pending) => {
                self.sent.push(Sent::of(&callout));
                self.credentials = Some(Rc::clone(pending.credentials()));
                self.pending = Some((pending, request));
                None
            }
            Step::ReadBody(limit, pending) => {
                self.body_limit = Some(limit);
                self.credentials = Some(Rc::clone(pending.credentials()));
                self.pending = Some((pending, request));
                None
            }
            Step::Forward(edits, receipt) => {
                assert!(!receipt.awaits_response());
                self.issued_token = receipt.issued_token().copied();
                self.credentials = Some(Rc::clone(receipt.credentials()));
                Some(Ending::Forwarded(apply(&request, edits.iter(), self.host.removes_headers)))
            }
            Step::Respond(response) => {
                self.credentials = None;
                Some(Ending::Answered(response))
            }
        }
    }
}

/// The header fields that reach the upstream, by the rules of the gateway: one removes a field, the
/// other empties its first line.
fn apply<'a>(
    request: &RequestHead,
    edits: impl Iterator<Item = &'a HeaderEdit>,
    removes_headers: bool,
) -> Vec<(String, Vec<u8>)> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut headers: Vec<(String, Vec<u8>)> =
        request.headers.iter().map(|(name, value)| (text(name), value.to_vec())).collect();
    for edit in edits {
        let (name, value) = match edit {
            HeaderEdit::Set { name, value } => (text(name), Some(value.clone())),
            HeaderEdit::Remove { name } => (text(name), None),
        };
        if removes_headers {
            headers.retain(|(known, _)| *known != name);
            headers.extend(value.map(|value| (name, value)));
        } else {
            let value = value.unwrap_or_default();
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some(line) => line.1 = value,
                None => headers.push((name, value)),
            }
        }
    }
    headers
}
