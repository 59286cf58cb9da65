#![no_main]

use token_exchange_harness::fuzzed::flow;

libfuzzer_sys::fuzz_target!(|data: &[u8]| flow::config(data));
