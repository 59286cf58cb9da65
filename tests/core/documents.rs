//! What SECURITY.md says is held by a test is held by one that exists.

use std::path::Path;
use token_exchange_harness::{repository, rust_files};

/// Every text of the tests and of the source.
fn texts() -> String {
    let files = ["src", "tests", "tools"].into_iter().flat_map(rust_files);
    files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn what_the_security_document_names_exists() {
    let document = std::fs::read_to_string(repository("SECURITY.md")).unwrap();
    let (texts, makefile) = (texts(), std::fs::read_to_string(repository("Makefile")).unwrap());
    let attacks =
        document.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split('|').nth(3));
    let named: Vec<&str> = attacks.flat_map(|held_by| held_by.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 30, "the tests are found: {named:?}");
    for name in named {
        let exists = if name.contains('/') {
            Path::new(&repository(name)).exists()
        } else if let Some(target) = name.strip_prefix("make ") {
            makefile.contains(&format!("\n{target}:"))
        } else if name.starts_with(|first: char| first.is_lowercase()) && name.matches('_').count() >= 2 {
            texts.contains(&format!("fn {name}("))
        } else {
            continue;
        };
        assert!(exists, "{name}");
    }
}
