//! What the tests, the fuzz targets and the benchmarks share: stories of requests on a virtual clock, tokens
//! signed with published keys, the properties that a fuzzer tries to break, and the bare operation of each
//! algorithm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::needless_pass_by_value, reason = "stories read better")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test that fails panics")]

pub mod bare;
pub mod copies;
pub mod fuzzed;
pub mod signing;
pub mod story;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every Rust file in a folder of the repository.
pub fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![repository(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The path of a file of the repository.
pub fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}

/// The files of `tests/kong_examples`, by name: configurations of Kong's documentation and of its users.
pub fn kong_examples() -> BTreeMap<String, Value> {
    let folder = std::fs::read_dir(repository("tests/kong_examples")).unwrap();
    let example = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        (name, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}")))
    };
    folder.map(|entry| example(entry.unwrap().path())).collect()
}
