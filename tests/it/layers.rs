//! Who may import whom: the table of the architecture, held against every path in `src/`, not only `use`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Module -> what it may name. `adapter::aws` and `report::terminal` are named apart, for what only they may use.
const MAY: &[(&str, &[&str])] = &[
    ("port", &["core", "scheduler"]),
    ("engine", &["core", "scheduler", "port"]),
    ("adapter", &["core", "scheduler", "port"]),
    ("report", &["core", "scheduler"]),
    ("config", &["core", "scheduler"]),
    ("app", &["core", "scheduler", "port", "adapter", "sandbox"]),
    ("cli", &["core", "scheduler", "port", "app", "config", "engine", "report"]),
    ("main", &["cli"]),
];

/// Crates that only these places may name.
const ONLY: &[(&str, &str)] =
    &[("aws_", "adapter/aws"), ("bollard", "adapter/docker"), ("git2", "adapter/git"), ("indicatif", "report/terminal")];

/// Places with one more right than their module.
const ALSO: &[(&str, &str)] = &[("cli/sandbox", "sandbox")];

struct Paths(BTreeSet<Vec<String>>);

impl Visit<'_> for Paths {
    fn visit_path(&mut self, path: &syn::Path) {
        self.0.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.tree(&item.tree, Vec::new());
    }

    fn visit_macro(&mut self, found: &syn::Macro) {
        // Paths inside a macro's tokens: a name followed by `::`.
        let text = found.tokens.to_string();
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':' || c == ' ')) {
            let segments: Vec<String> = word.split("::").map(|part| part.trim().to_owned()).collect();
            if segments.len() > 1 {
                let first = segments[0].rsplit(' ').next().unwrap_or_default().to_owned();
                self.0.insert(std::iter::once(first).chain(segments.into_iter().skip(1)).collect());
            }
        }
        syn::visit::visit_macro(self, found);
    }
}

impl Paths {
    fn tree(&mut self, tree: &syn::UseTree, mut before: Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before.clone())),
            syn::UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.0.insert(before);
            }
            syn::UseTree::Rename(name) => {
                before.push(name.ident.to_string());
                self.0.insert(before);
            }
            syn::UseTree::Glob(_) => {
                self.0.insert(before);
            }
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all
}

fn paths(file: &Path) -> BTreeSet<Vec<String>> {
    let mut found = Paths(BTreeSet::new());
    found.visit_file(&syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap());
    found.0
}

/// What a path leads to: a module of the root package, or one of the packages.
fn leads_to(path: &[String]) -> Option<String> {
    match path.first()?.as_str() {
        "crate" | "shipit" => path.get(1).cloned(),
        "shipit_core" => Some("core".into()),
        "shipit_scheduler" => Some("scheduler".into()),
        "shipit_sandbox" => Some("sandbox".into()),
        _ => None,
    }
}

fn complaints(relative: &str, paths: &BTreeSet<Vec<String>>) -> Vec<String> {
    let module = relative.split(['/', '.']).next().unwrap();
    let Some((_, may)) = MAY.iter().find(|(name, _)| *name == module) else {
        return if module == "lib" { Vec::new() } else { vec![format!("{relative} belongs to no module of the table")] };
    };
    let mut complaints = Vec::new();
    for path in paths {
        if let Some(to) = leads_to(path) {
            let known = MAY.iter().any(|(name, _)| *name == to) || ["core", "scheduler", "sandbox"].contains(&to.as_str());
            let also = ALSO.iter().any(|(place, right)| relative.starts_with(place) && *right == to);
            if known && to != module && !may.contains(&to.as_str()) && !also {
                complaints.push(format!("{relative} names {}: {module} may not name {to}", path.join("::")));
            }
        }
        for (krate, place) in ONLY {
            if path.first().is_some_and(|first| first.starts_with(krate)) && !relative.starts_with(place) {
                complaints.push(format!("{relative} names {}: only {place} may", path.join("::")));
            }
        }
    }
    complaints
}

#[test]
fn every_layer_names_only_what_it_may() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut read = 0;
    for file in files(&source) {
        let relative = file.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        found.extend(complaints(&relative, &paths(&file)));
        read += 1;
    }
    assert!(read > 30, "the walk found {read} files only");
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_table_catches_what_it_must() {
    let read = |text: &str| {
        let mut found = Paths(BTreeSet::new());
        found.visit_file(&syn::parse_str(text).unwrap());
        found.0
    };
    for (file, text, complaints_expected) in [
        ("engine/run.rs", "use crate::adapter::docker::Docker;", 1),
        ("engine/run.rs", "fn f() { crate::report::say(\"x\"); }", 1),
        ("engine/run.rs", "fn f() { println!(\"{}\", crate::report::x()); }", 1),
        ("engine/run.rs", "use crate::port::Ports; use shipit_core::plan;", 0),
        ("cli/deploy.rs", "use shipit_sandbox::Options;", 1),
        ("cli/sandbox.rs", "use shipit_sandbox::Options;", 0),
        ("adapter/git/mod.rs", "use aws_sdk_ecs::Client;", 1),
        ("adapter/aws/ecs.rs", "use aws_sdk_ecs::Client;", 0),
        ("report/view.rs", "use indicatif::ProgressBar;", 1),
        ("odd.rs", "fn f() {}", 1),
    ] {
        assert_eq!(complaints(file, &read(text)).len(), complaints_expected, "{file}: {text}");
    }
}

#[test]
fn pure_packages_depend_on_nothing_that_is_not_pure() {
    for (package, allowed) in [
        ("scheduler", &[][..]),
        ("core", &["shipit-scheduler", "jiff", "libm", "serde", "serde_json", "strsim", "thiserror"][..]),
    ] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(package).join("Cargo.toml"))
            .unwrap();
        let dependencies = text.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
        for line in dependencies.lines().filter(|line| !line.trim().is_empty()) {
            let name = line.split(['=', '.', ' ']).next().unwrap();
            assert!(allowed.contains(&name), "crates/{package} depends on {name}");
        }
    }
}

#[test]
fn one_tls_provider() {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    for name in ["aws-lc-sys", "aws-lc-rs", "openssl-sys"] {
        assert!(!lock.contains(&format!("name = \"{name}\"")), "{name} is in Cargo.lock");
    }
    assert!(lock.contains("name = \"ring\""));
}
