//! What must hold for any input. The fuzzer looks for inputs for which it does not; `tests/core/corpus.rs`
//! replays the seeds.

pub mod flow;
pub mod parsers;
pub mod refused_tokens;
