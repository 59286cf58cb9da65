//! The layers of the source: imports run from the top to the bottom, and no two files need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use token_exchange_harness::{repository, rust_files};

/// From the top to the bottom: a module may import from those below it and from its own layer.
const LAYERS: [&[&str]; 10] = [
    &["host"],
    &["flow"],
    &["config"],
    &["policy"],
    &["cache", "rejection"],
    &["report"],
    &["oauth"],
    &["token"],
    &["jose"],
    &[
        "diagnostic",
        "digest",
        "entropy",
        "http",
        "json",
        "network",
        "scope",
        "secret",
        "text",
        "time",
        "trace_context",
    ],
];

/// A module's path within the crate: `["flow", "keys"]`.
type ModulePath = Vec<String>;

/// A source file with what it imports from the crate.
struct Source {
    module: ModulePath,
    file: PathBuf,
    imports: BTreeSet<ModulePath>,
    /// What it has that belongs to the shell alone: global state, `unsafe` code, the gateway's interface.
    shells: Vec<String>,
    lines: usize,
}

fn root() -> PathBuf {
    repository("src")
}

fn sources() -> Vec<Source> {
    rust_files("src").into_iter().map(read).collect()
}

fn read(file: PathBuf) -> Source {
    let within = file.strip_prefix(root()).unwrap().with_extension("");
    let mut module: ModulePath =
        within.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
    if module.last().is_some_and(|name| name == "mod" || name == "lib") {
        module.pop();
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let mut paths = Paths { module: module.clone(), found: BTreeSet::new(), shells: Vec::new() };
    paths.visit_file(&syn::parse_file(&text).unwrap());
    let code = text.split("\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//")).count();
    Source { module, file, imports: paths.found, shells: paths.shells, lines }
}

/// Collects the paths into the crate that code outside of tests names.
struct Paths {
    module: ModulePath,
    found: BTreeSet<ModulePath>,
    shells: Vec<String>,
}

impl Paths {
    fn add(&mut self, segments: &[String]) {
        if segments.first().is_some_and(|name| name == "proxy_wasm") {
            self.shells.push(segments.join("::"));
        }
        let mut segments = segments.iter().map(String::as_str).peekable();
        let mut path = match segments.peek() {
            Some(&"crate") => {
                segments.next();
                Vec::new()
            }
            Some(&"self" | &"super") => self.module.clone(),
            // A path that begins with a module below this file's.
            _ => {
                let mut path = self.module.clone();
                path.extend(segments.map(str::to_owned));
                self.found.insert(path);
                return;
            }
        };
        for segment in segments {
            match segment {
                "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        self.found.insert(path);
    }

    fn add_tree(&mut self, tree: &syn::UseTree, mut before: Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_tree(&path.tree, before);
            }
            syn::UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.add(&before);
            }
            syn::UseTree::Rename(rename) => {
                before.push(rename.ident.to_string());
                self.add(&before);
            }
            syn::UseTree::Glob(_) => self.add(&before),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(tree, before.clone()));
            }
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&item.tree, Vec::new());
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.shells.push(format!("static {}", item.ident));
        visit::visit_item_static(self, item);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|segment| segment.ident == "thread_local") {
            self.shells.push("thread_local!".to_owned());
        }
        visit::visit_macro(self, call);
    }

    fn visit_expr_unsafe(&mut self, code: &'ast syn::ExprUnsafe) {
        self.shells.push("unsafe".to_owned());
        visit::visit_expr_unsafe(self, code);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }
}

/// The file that each import of each file leads to, itself left out.
fn edges(sources: &[Source]) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let files: BTreeSet<&ModulePath> = sources.iter().map(|source| &source.module).collect();
    let leads_to = |path: &ModulePath| {
        (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|prefix| files.contains(prefix))
    };
    sources
        .iter()
        .map(|source| {
            let targets = source.imports.iter().filter_map(leads_to);
            let targets = targets.filter(|target| *target != source.module);
            (source.module.clone(), targets.collect())
        })
        .collect()
}

#[test]
fn imports_never_run_upward() {
    let layer = |module: &ModulePath| {
        let name = module.first().map(String::as_str).unwrap();
        let found = LAYERS.iter().position(|layer| layer.contains(&name));
        found.unwrap_or_else(|| panic!("{module:?} is in no layer"))
    };
    let mut seen = 0;
    for (module, targets) in edges(&sources()) {
        if module.is_empty() {
            continue;
        }
        for target in targets {
            assert!(layer(&module) <= layer(&target), "{module:?} imports {target:?}, which is above it");
            seen += 1;
        }
    }
    assert!(seen > 300, "the imports are found: {seen}");
}

#[test]
fn only_the_shell_has_state_of_its_own_and_calls_the_gateway() {
    let mut seen = 0;
    for source in sources() {
        if source.module.is_empty() || source.module.first().is_some_and(|name| name == "host") {
            seen += source.shells.len();
        } else {
            assert!(source.shells.is_empty(), "{:?} has {:?}", source.module, source.shells);
        }
    }
    assert!(seen > 5, "the shell's are found: {seen}");
}

/// A file may use what the `mod.rs` of its own folder defines, which declares the file.
#[test]
fn no_two_files_need_each_other() {
    // Files from which nothing leads on are taken away again and again; a circle is what stays.
    let mut left = edges(&sources());
    for (module, targets) in &mut left {
        targets.retain(|target| !module.starts_with(target));
    }
    loop {
        let ends: Vec<ModulePath> = left
            .iter()
            .filter(|(_, targets)| !targets.iter().any(|target| left.contains_key(target)))
            .map(|(module, _)| module.clone())
            .collect();
        if ends.is_empty() {
            break;
        }
        ends.iter().for_each(|end| drop(left.remove(end)));
    }
    let circle: Vec<&ModulePath> = left.keys().collect();
    assert!(circle.is_empty(), "these files import each other in a circle, or lead into one: {circle:#?}");
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for source in sources() {
        // A table of fields is looked up, not read.
        let is_table = source.module.iter().any(|name| name == "fields");
        assert!(is_table || source.lines <= 350, "{:?} has {} lines of code", source.file, source.lines);
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
