#![no_main]

#[path = "../flow.rs"]
mod flow;
#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| flow::answers(data));
