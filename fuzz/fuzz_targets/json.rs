#![no_main]

use token_exchange_harness::fuzzed::parsers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| parsers::json(data));
