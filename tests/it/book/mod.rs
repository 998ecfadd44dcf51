//! README and `docs/`: every page is in the book, every link leads somewhere, every command is one that shipit takes, and every
//! block's commands are run.

mod aws;
mod blocks;
mod commands;
mod elsewhere;
mod files;
mod links;
mod runs;
mod scenes;
mod shell;

use std::path::{Path, PathBuf};

/// A page and where it stands in the repository.
struct Page {
    name: String,
    text: String,
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn page(name: &str) -> Page {
    let text = std::fs::read_to_string(home().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Page { name: name.to_owned(), text }
}

/// The READMEs and all of `docs/`.
fn pages() -> Vec<Page> {
    let mut names: Vec<String> = vec!["README.md".to_owned(), "README.ko.md".to_owned()];
    for entry in std::fs::read_dir(home().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.iter().map(|name| page(name)).collect()
}

impl Page {
    /// Its lines, each with what kind of block it stands in: nothing, or the first word behind the fence.
    fn lines(&self) -> Vec<(Option<&str>, &str)> {
        let (mut lines, mut inside): (Vec<_>, Option<&str>) = (Vec::new(), None);
        for line in self.text.lines() {
            match (line.trim_start().strip_prefix("```"), inside) {
                (Some(_), Some(_)) => inside = None,
                (Some(kind), None) => inside = Some(kind.split_whitespace().next().unwrap_or_default()),
                (None, _) => lines.push((inside, line)),
            }
        }
        assert!(inside.is_none(), "{}: a block is not closed", self.name);
        lines
    }

    /// Its prose, without blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        self.lines().into_iter().filter(|(inside, _)| inside.is_none()).map(|(_, line)| line)
    }
}
