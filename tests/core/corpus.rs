//! Replays the seeds of the fuzz targets, so that what a fuzzer once found stays found.

use token_exchange_harness::fuzzed::{flow, parsers, refused_tokens};
use token_exchange_harness::repository;

fn replay(name: &str, target: fn(&[u8])) {
    let seeds = repository("fuzz/corpus").join(name);
    let mut replayed = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 4, "there are seeds for {name}");
}

#[test]
fn json() {
    replay("json", parsers::json);
}

#[test]
fn jws() {
    replay("jws", parsers::jws);
}

#[test]
fn jwk() {
    replay("jwk", parsers::jwk);
}

#[test]
fn claims() {
    replay("claims", parsers::claims);
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

#[test]
fn refused_tokens() {
    replay("refused_tokens", refused_tokens::refused_tokens);
}
