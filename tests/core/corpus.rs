//! Replays the seeds of the fuzz targets, so that what a fuzzer once found stays found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

#[path = "../fuzz/flow.rs"]
mod flow;
mod support;
#[path = "../fuzz/targets.rs"]
mod targets;

use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut replayed = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 4, "there are seeds for {name}");
}

#[test]
fn json() {
    replay("json", targets::json);
}

#[test]
fn jws() {
    replay("jws", targets::jws);
}

#[test]
fn jwk() {
    replay("jwk", targets::jwk);
}

#[test]
fn claims() {
    replay("claims", targets::claims);
}

#[test]
fn config() {
    replay("config", flow::config);
}

#[test]
fn answers() {
    replay("answers", flow::answers);
}

#[test]
fn requests() {
    replay("requests", flow::requests);
}
