//! The rules of the house, held against the source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// From the top of the house to its bottom: a room may import from those below it only. Rooms of
/// one row may import each other where the table of `src/lib.rs` puts them side by side.
const ROWS: [&[&str]; 9] = [
    &["host", "lint", "manual"],
    &["flow"],
    &["config"],
    &["policy"],
    &["cache", "rejection"],
    &["oauth"],
    &["token"],
    &["jose"],
    &["digest", "http", "json", "scope", "secret", "time", "report"],
];

/// The source files with the room each belongs to.
fn sources() -> Vec<(PathBuf, String, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let room = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
        first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    paths
        .into_iter()
        .map(|path| (path.clone(), room(&path), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Code without its comments, and without the tests at its end.
fn production(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_never_run_upward() {
    let rows: BTreeMap<&str, usize> =
        ROWS.iter().enumerate().flat_map(|(row, rooms)| rooms.iter().map(move |room| (*room, row))).collect();
    let mut seen = 0;
    for (path, room, text) in sources() {
        if room == "lib" || room == "bin" {
            continue;
        }
        let row = rows.get(room.as_str()).unwrap_or_else(|| panic!("{path:?} is in no row of the house"));
        for import in production(&text).split("crate::").skip(1) {
            let name: String = import.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let Some(target) = rows.get(name.as_str()) else {
                panic!("{path:?} imports {name}, which is no room")
            };
            assert!(target >= row, "{path:?} ({room}) imports {name}, which is above it");
            seen += 1;
        }
    }
    assert!(seen > 50, "the imports are found: {seen}");
}

#[test]
fn only_the_host_names_the_gateway_and_only_its_raw_calls_are_unsafe() {
    for (path, room, text) in sources() {
        let code = production(&text);
        if room != "host" {
            assert!(!code.contains("proxy_wasm"), "{path:?} names proxy_wasm");
            for clock in ["SystemTime", "Instant::", "thread_local", "static mut", "std::env::var"] {
                assert!(room == "bin" || !code.contains(clock), "{path:?} has {clock}");
            }
        }
        if path.file_name().is_some_and(|name| name != "raw.rs") {
            assert!(!code.contains("unsafe "), "{path:?} has unsafe code");
        }
    }
}

/// Kong's default builds carry Wasm no longer, and an operator has to learn it from us.
#[test]
fn hst_13_the_pages_say_which_kong_has_wasm_and_what_to_use_from_then_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |page: &str| std::fs::read_to_string(root.join(page)).unwrap();
    for (page, words) in [
        ("README.md", ["3.5 to 3.10", "3.11", "Envoy or Istio"]),
        ("docs/kong.md", ["| 3.5 |", "| 3.11 and later |", "Envoy or Istio"]),
    ] {
        let text = read(page);
        for word in words {
            assert!(text.contains(word), "{page} does not say {word:?}");
        }
    }
}

/// Before 0.2.4 the SDK leaked at every call for headers; what the built filter keeps is measured on each
/// gateway by `tests/gateway/test_memory.py`.
#[test]
fn hst_14_the_sdk_is_pinned_past_its_leak() {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let (_, rest) = lock.split_once("name = \"proxy-wasm\"\nversion = \"").unwrap();
    let version: Vec<u32> =
        rest.split('"').next().unwrap().split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version >= vec![0, 2, 4], "{version:?}");
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for (path, _, text) in sources() {
        let lines = production(&text).lines().count();
        // A table of fields is looked up, not read.
        let is_table = path.components().any(|part| part.as_os_str() == "fields");
        assert!(is_table || lines <= 350, "{path:?} has {lines} lines of code");
    }
}
