#![no_main]

use token_exchange_harness::fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::refused_tokens::refused_tokens(data));
