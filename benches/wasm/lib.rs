//! What the filter's work costs inside of a Wasm engine: the bare operation, a request with a token
//! that is new, and one with a token that was verified before. `run.py` calls it and takes the time.

use serde::Deserialize;
use serde_json::Value;
use std::cell::RefCell;
use std::hint::black_box;
use std::time::Duration;
use token_exchange::cache::shared::NoStore;
use token_exchange::config;
use token_exchange::entropy::NoEntropy;
use token_exchange::flow::ResourceServer;
use token_exchange::flow::step::{Environment, Step};
use token_exchange::http::{Headers, RequestHead};
use token_exchange::jose::alg::Algorithm;
use token_exchange::policy::host::HostTraits;
use token_exchange::report::Report;
use token_exchange::time::UnixTime;
use token_exchange_harness::bare::{Bare, bare, decode};

/// What is to be measured, as JSON.
#[derive(Deserialize)]
struct Plan {
    /// `alg` of the token.
    algorithm: String,
    /// The key that verifies it; a secret as `oct`.
    jwk: Value,
    /// The filter's configuration, by which what was verified is good for a second.
    config: Value,
    /// A good token.
    token: String,
    /// The time, in seconds.
    now: u64,
}

struct Bench {
    bare: Bare,
    signed: String,
    server: ResourceServer,
    request: RequestHead,
    now: UnixTime,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// Gives room for a plan.
#[unsafe(no_mangle)]
pub extern "C" fn bench_room(length: usize) -> *mut u8 {
    Box::leak(vec![0; length].into_boxed_slice()).as_mut_ptr()
}

/// Takes the plan that was written into the room.
///
/// # Safety
/// `room` is what [`bench_room`] gave for this `length`, and is given back by this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bench_prepare(room: *mut u8, length: usize) {
    // SAFETY: the caller gives back what it got.
    let text = unsafe { Vec::from_raw_parts(room, length, length) };
    let plan: Plan = serde_json::from_slice(&text).expect("a plan");
    BENCH.set(Some(Bench::new(plan)));
}

/// The bare operation, so many times.
#[unsafe(no_mangle)]
pub extern "C" fn bench_bare(times: u32) {
    with(|bench| {
        for _ in 0..times {
            assert!((bench.bare)(black_box(bench.signed.as_bytes())), "the signature is good");
        }
    });
}

/// Requests whose token has to be verified. Between two of them what was cached has expired.
#[unsafe(no_mangle)]
pub extern "C" fn bench_cold(times: u32) {
    with(|bench| {
        for _ in 0..times {
            bench.now = bench.now.saturating_add(Duration::from_secs(2));
            bench.request();
        }
    });
}

/// Requests whose token was verified before.
#[unsafe(no_mangle)]
pub extern "C" fn bench_warm(times: u32) {
    with(|bench| {
        for _ in 0..times {
            bench.request();
        }
    });
}

fn with(work: impl FnOnce(&mut Bench)) {
    BENCH.with_borrow_mut(|bench| work(bench.as_mut().expect("bench_prepare comes first")));
}

impl Bench {
    fn new(plan: Plan) -> Bench {
        let algorithm = Algorithm::parse(&plan.algorithm).expect("an algorithm");
        let (signed, signature) = plan.token.rsplit_once('.').expect("a token");
        let loaded = config::load(plan.config.to_string().as_bytes(), &|_| None).expect("a configuration");
        let host = HostTraits::ENVOY;
        let field = |name: &str, value: String| (name.as_bytes().to_vec(), value.into_bytes());
        Bench {
            bare: bare(algorithm, &plan.jwk, &decode(signature)),
            signed: signed.to_owned(),
            server: ResourceServer::new(loaded.policy, host).expect("a host that can do it"),
            request: RequestHead {
                method: b"POST".to_vec(),
                target: b"/mcp".to_vec(),
                routing: vec![b"https".to_vec(), b"api.example.com".to_vec()],
                header_lines: 10,
                headers: Headers::from_pairs(vec![
                    field("accept", "application/json, text/event-stream".to_owned()),
                    field("accept-encoding", "gzip, deflate".to_owned()),
                    field("authorization", format!("Bearer {}", plan.token)),
                    field("content-type", "application/json".to_owned()),
                    field("mcp-protocol-version", "2025-06-18".to_owned()),
                    field("user-agent", "bench".to_owned()),
                ]),
            },
            now: UnixTime::from_seconds(plan.now),
        }
    }

    /// A request from its headers to the decision.
    fn request(&mut self) {
        let mut report = Report::default();
        let mut environment =
            Environment { now: self.now, store: &mut NoStore, entropy: &mut NoEntropy, report: &mut report };
        let step = self.server.begin(black_box(&self.request), &mut environment);
        assert!(matches!(black_box(step), Step::Forward(..)), "the token is good");
    }
}
